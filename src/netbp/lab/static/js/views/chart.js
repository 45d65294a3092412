/** A chart with logarithmic axes on uPlot: axes, cursor and lines are uPlot's, what else is drawn comes in hooks. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { count, number, powerOfTen } from "./format.js";

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
  const whole = { ...grid, filter: (/** @type {Plot} */ _, /** @type {number[]} */ splits) => wholeDecades(splits) };
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
          ...look, grid: xLog ? whole : grid, label: options.xLabel, size: 1.9 * theme.size, gap: 3, space: 5 * theme.size,
          values: (_, splits) => (xLog ? decades(splits, true) : splits.map((v) => count(v, true))),
          ...(xLog ? { splits: logSplits, incrs: whatever, filter: (/** @type {Plot} */ _, /** @type {number[]} */ splits) => splits } : {}),
        },
        {
          ...look, grid: whole, label: options.yLabel, size: 3.4 * theme.size, gap: 3, space: 1.9 * theme.size,
          values: (_, splits) => decades(splits, false),
          splits: logSplits, incrs: whatever,
          filter: (_, splits) => splits,
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
const whatever = () => [1e16];

/** The places on a logarithmic axis: 1 to 9 times the powers of ten between its ends. uPlot's own go on for ever for some ends, such
 * as 0.0951, whose first steps it rounds past the next power of ten.
 * @param {Plot} _
 * @param {number} __
 * @param {number} least
 * @param {number} most
 * @returns {number[]} */
function logSplits(_, __, least, most) {
  const splits = [];
  const [low, high] = [Math.floor(Math.log10(least)), Math.floor(Math.log10(most))];
  if (!Number.isFinite(low) || !Number.isFinite(high) || high - low > 700) return [];
  for (let exponent = low; exponent <= high; exponent++) {
    for (let digit = 1; digit < 10; digit++) {
      const place = Number(`${digit}e${exponent}`);
      if (place >= least * (1 - 1e-9) && place <= most * (1 + 1e-9)) splits.push(place);
    }
  }
  return splits.length ? splits : [least, most];
}

/** Labels of a logarithmic axis: whole powers of ten, and of a short one also 2 and 5 times these.
 * @param {number[]} splits
 * @param {boolean} counts  whether the axis counts steps
 * @returns {(string | null)[]} */
export function decades(splits, counts) {
  const least = Math.min(...splits.filter((v) => v > 0));
  const span = Math.log10(Math.max(...splits) / least);
  const every = Math.max(1, Math.ceil(span / 8));
  return splits.map((value) => {
    if (!(value > 0)) return null;
    const exponent = Math.round(Math.log10(value));
    if (Math.abs(value / 10 ** exponent - 1) < 1e-6) {
      if (exponent % every) return null;
      return counts && exponent < 3 ? String(10 ** exponent) : powerOfTen(exponent);
    }
    const mantissa = Math.round(value / 10 ** Math.floor(Math.log10(value)));
    const show = splits.length <= 6 || (span < 2.2 && (mantissa === 2 || mantissa === 5)) || (span < 1.2 && mantissa === 3);
    return show ? number(value, 2) : null;
  });
}

/** Of the places on a logarithmic axis those that get a line: whole powers of ten, or all of a short axis.
 * @param {number[]} splits
 * @returns {(number | null)[]} */
function wholeDecades(splits) {
  const span = Math.log10((splits[splits.length - 1] ?? 1) / (splits[0] ?? 1));
  return span < 1.2 ? splits : splits.map((v) => (Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-6 ? v : null));
}

/** The limits of a logarithmic axis that hold what is positive of the values, with some room.
 * @param {number} least
 * @param {number} most
 * @returns {[number, number]} */
export function logLimits(least, most) {
  if (!(least > 0) || !(most > 0) || !Number.isFinite(most)) return [0.1, 1];
  const room = Math.max(1.12, (most / least) ** 0.05);
  return [least / room, most * room];
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
