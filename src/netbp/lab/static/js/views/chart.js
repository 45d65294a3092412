/** A chart with logarithmic axes on uPlot: axes, cursor and lines are uPlot's, what else is drawn comes in hooks. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { count } from "./format.js";
import { logLabels, logPlaces } from "./logticks.js";

/** @import { Theme } from "./theme.js" */

/** @typedef {uPlot} Plot */

/** series: the lines after the steps. under, over: what is drawn before and after them, in the canvas's own pixels. range: of the axes.
 * @typedef {{theme: Theme, width: number, height: number, xLog: boolean, xLabel: string, yLabel: string,
 *   series: uPlot.Series[],
 *   range: () => {x: [number, number], y: [number, number]}, under?: (u: Plot) => void, over?: (u: Plot) => void,
 *   hover?: (step: number | null) => void}} ChartOptions */

/** Make a chart in `host`.
 * @param {HTMLElement} host
 * @param {ChartOptions} options
 * @returns {Plot} */
export function createChart(host, options) {
  const { theme, width, height, xLog } = options;
  const font = `${0.92 * theme.size}px ${theme.font}`;
  const look = { stroke: theme.ink, font, labelFont: font, labelSize: 1.5 * theme.size, labelGap: 0, ticks: { stroke: theme.line, width: 1, size: 4 } };
  const grid = { stroke: theme.line, width: 1 };
  const labels = (/** @type {Plot} */ u, /** @type {number[]} */ splits, /** @type {"x" | "y"} */ key) => logLabels(splits, pixelsOf(u, key), (key === "x" ? 3.2 : 1.45) * theme.size, key === "x");
  const splitsOf = (/** @type {Plot} */ _, /** @type {number} */ __, /** @type {number} */ least, /** @type {number} */ most) => logPlaces(least, most);
  const all = (/** @type {Plot} */ _, /** @type {number[]} */ splits) => splits;
  const lines = (/** @type {"x" | "y"} */ key) => ({ ...grid, filter: (/** @type {Plot} */ u, /** @type {number[]} */ splits) => {
    const texts = labels(u, splits, key);
    return splits.map((v, k) => (texts[k] === null ? null : v));
  } });
  const space = roomFor(font, 2.4 * theme.size);
  return new uPlot(
    {
      width,
      height,
      padding: [0.5 * theme.size, 1.7 * theme.size, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { show: false } },
      scales: {
        x: { time: false, distr: xLog ? 3 : 1, range: () => options.range().x },
        y: { distr: 3, range: () => options.range().y },
      },
      axes: [
        {
          ...look, grid: xLog ? lines("x") : grid, label: options.xLabel, size: 1.9 * theme.size, gap: 3, space: 5 * theme.size,
          values: (u, splits) => (xLog ? labels(u, splits, "x") : splits.map((v) => count(v, true))),
          ...(xLog ? { splits: splitsOf, incrs: whatever, filter: all } : { incrs: STEPS }),
        },
        {
          ...look, grid: lines("y"), label: options.yLabel, gap: 3, space: 1.9 * theme.size,
          size: (_, values) => space(values),
          values: (u, splits) => labels(u, splits, "y"),
          splits: splitsOf, incrs: whatever,
          filter: all,
        },
      ],
      series: [{}, ...options.series.map((line) => ({ points: { show: false }, scale: "y", ...line }))],
      hooks: {
        drawClear: [(u) => options.under?.(u)],
        draw: [(u) => options.over?.(u)],
        setCursor: [(u) => options.hover?.((u.cursor.left ?? -1) < 0 ? null : u.posToVal(u.cursor.left ?? 0, "x"))],
      },
    },
    [[], ...options.series.map(() => [])],
    host,
  );
}

/** Show data on axes with these limits, in one drawing.
 * @param {Plot} plot
 * @param {(number[] | Float64Array)[]} data
 * @param {{x: [number, number], y: [number, number]}} limits */
export function show(plot, data, { x, y }) {
  plot.batch(() => {
    plot.setData(/** @type {any} */ (data), false);
    plot.setScale("x", { min: x[0], max: x[1] });
    plot.setScale("y", { min: y[0], max: y[1] });
  });
}

/** uPlot looks for a distance between places before it asks for them, and draws no axis when it finds none: one that always fits.
 * @returns {number[]} */
const whatever = () => [1e16, 1e300];

/** Distances between places on an axis of steps, which are whole. */
const STEPS = Array.from({ length: 12 }, (_, e) => [1, 2, 5].map((m) => Number(`${m}e${e}`))).flat();

/** Where values of a logarithmic axis lie, in CSS pixels; good enough for labels before the axes have their size.
 * @param {Plot} u
 * @param {"x" | "y"} key
 * @returns {(value: number) => number} */
function pixelsOf(u, key) {
  const { min = 1, max = 10 } = u.scales[key] ?? {};
  const across = key === "x" ? u.bbox.width || 0.8 * u.width : u.bbox.height || 0.7 * u.height;
  const length = u.bbox.width ? across / (globalThis.devicePixelRatio || 1) : across;
  const factor = length / (Math.log(max ?? 10) - Math.log(min ?? 1));
  return (value) => factor * (Math.log(value) - Math.log(min ?? 1));
}

/** How wide an axis has to be for its labels, so that none of them runs into the title.
 * @param {string} font
 * @param {number} least
 * @returns {(values: (string | null)[] | null) => number} */
function roomFor(font, least) {
  const context = document.createElement("canvas").getContext("2d");
  /** @type {Map<string, number>} */
  const known = new Map();
  const width = (/** @type {string} */ text) => {
    let found = known.get(text);
    if (found === undefined) {
      if (context) context.font = font;
      found = context?.measureText(text).width ?? 0;
      known.set(text, found);
    }
    return found;
  };
  return (values) => Math.max(least, 8 * Math.ceil((12 + Math.max(0, ...(values ?? []).map((text) => (text ? width(text) : 0)))) / 8));
}

/** The limits of a logarithmic axis that hold what is positive of the values, with some room.
 * @param {number} least
 * @param {number} most
 * @returns {[number, number]} */
export function logLimits(least, most) {
  if (!(least > 0) || !(most > 0) || !Number.isFinite(most)) return [0.1, 1];
  const room = Math.max(1.12, (most / least) ** 0.05);
  return [least / room, Math.min(1e308, most * room)];
}

/** The maps from steps and values to the canvas's pixels, or null while the axes have no limits.
 * @param {Plot} u
 * @returns {{x: (step: number) => number, y: (value: number) => number, log: boolean} | null} */
function maps(u) {
  const [sx, sy] = [u.scales["x"], u.scales["y"]];
  if (!sx || !sy || sx.min == null || sx.max == null || sy.min == null || sy.max == null) return null;
  const log = sx.distr === 3;
  const fx = log ? Math.log : (/** @type {number} */ v) => v;
  const { left, top, width, height } = u.bbox;
  const [x0, kx] = [fx(sx.min), width / (fx(sx.max) - fx(sx.min))];
  const [y0, ky] = [Math.log(sy.max), height / (Math.log(sy.max) - Math.log(sy.min))];
  return { x: (step) => left + kx * (fx(step) - x0), y: (value) => top + ky * (y0 - Math.log(value)), log };
}

/** Columns of pixels with the heights that a curve passes there: x, then the uppermost and the lowest y, three numbers each.
 * @param {Plot} u
 * @param {ArrayLike<number>} steps
 * @param {ArrayLike<number>} low
 * @param {ArrayLike<number>} high
 * @param {number} length
 * @param {number} factor
 * @returns {number[]} */
function columnsOf(u, steps, low, high, length, factor) {
  const at = maps(u);
  /** @type {number[]} */
  const out = [];
  if (!at) return out;
  const bottom = u.bbox.top + u.bbox.height + 10;
  let column = -1;
  for (let k = 0; k < length; k++) {
    const [step, most, least] = [steps[k] ?? 0, factor * (high[k] ?? 0), factor * (low[k] ?? 0)];
    if (!(most > 0) || !Number.isFinite(most) || (at.log && step <= 0)) continue;
    const [x, upper] = [Math.round(at.x(step)), at.y(most)];
    const lower = least > 0 ? at.y(least) : bottom;
    const end = out.length;
    if (x === column) {
      out[end - 2] = Math.min(out[end - 2] ?? upper, upper);
      out[end - 1] = Math.max(out[end - 1] ?? lower, lower);
    } else out.push((column = x), upper, lower);
  }
  return out;
}

/** Steps and values as a line in the canvas's pixels; of many points in one column of pixels, the least and the greatest.
 * @param {Plot} u
 * @param {ArrayLike<number>} steps
 * @param {ArrayLike<number>} values
 * @param {number} length
 * @param {number} factor
 * @returns {Path2D} */
export function trace(u, steps, values, length, factor) {
  const path = new Path2D();
  const columns = columnsOf(u, steps, values, values, length, factor);
  for (let k = 0; k < columns.length; k += 3) {
    const [x = 0, upper = 0, lower = 0] = [columns[k], columns[k + 1], columns[k + 2]];
    path.lineTo(x, lower);
    if (upper !== lower) path.lineTo(x, upper);
  }
  return path;
}

/** The band between the least and the greatest values as a closed path.
 * @param {Plot} u
 * @param {ArrayLike<number>} steps
 * @param {ArrayLike<number>} low
 * @param {ArrayLike<number>} high
 * @param {number} length
 * @param {number} factor
 * @returns {Path2D} */
export function bandOf(u, steps, low, high, length, factor) {
  const path = new Path2D();
  const columns = columnsOf(u, steps, low, high, length, factor);
  for (let k = 0; k < columns.length; k += 3) path.lineTo(columns[k] ?? 0, columns[k + 1] ?? 0);
  for (let k = columns.length - 3; k >= 0; k -= 3) path.lineTo(columns[k] ?? 0, columns[k + 2] ?? 0);
  path.closePath();
  return path;
}

/** Draw inside the axes only.
 * @param {Plot} u
 * @param {(context: CanvasRenderingContext2D, ratio: number) => void} draw */
export function inside(u, draw) {
  const { ctx: context, bbox } = u;
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  draw(context, globalThis.devicePixelRatio || 1);
  context.restore();
}
