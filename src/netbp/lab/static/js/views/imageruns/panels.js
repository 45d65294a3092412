/** Three panels by epoch: objective, top-1 and top-5 error, on training (circles) and on validation data (crosses), as figures 11 and 12. */

import uPlot from "../../../vendor/uplot/uPlot.esm.js";
import { fill, html, watchSize } from "../dom.js";
import { number } from "../format.js";
import { watchTheme } from "../theme.js";

/** @import { CurvesAnswer } from "./types.js" */
/** @import { Theme } from "../theme.js" */

/** @type {[training: string, validation: string, title: string, unit: string][]} */
export const PANELS = [
  ["cost", "held_out", "objective", ""],
  ["top1", "held_out_top1", "top-1 error", " %"],
  ["top5", "held_out_top5", "top-5 error", " %"],
];

/** The limits of a panel's axes: from 0 to a little above all that is shown.
 * @param {CurvesAnswer | null} answer
 * @param {string[]} names
 * @returns {{x: [number, number], y: [number, number]}} */
export function limitsOf(answer, names) {
  const values = names.flatMap((name) => answer?.curves[name] ?? []).filter((value) => value !== null);
  const last = Math.max(answer?.of ?? 0, answer?.epoch.at(-1) ?? 0, 1);
  return { x: [0, last + 0.5], y: [0, 1.08 * Math.max(...values, 0) || 1] };
}

/** What the curves say at an epoch, or at the last one.
 * @param {CurvesAnswer} answer
 * @param {number | null} epoch
 * @returns {string} */
export function readingAt(answer, epoch) {
  if (!answer.epoch.length) return "no epoch has ended yet";
  let k = answer.epoch.length - 1;
  if (epoch !== null) answer.epoch.forEach((value, i) => (k = Math.abs(value - epoch) < Math.abs(answer.epoch[k] - epoch) ? i : k));
  const parts = PANELS.map(([training, validation, title, unit]) => {
    const [a, b] = [answer.curves[training]?.[k], answer.curves[validation]?.[k]];
    if ((a ?? null) === null && (b ?? null) === null) return "";
    return `${title} ${(a ?? null) === null ? "" : `${number(a, 3)}${unit}, `}${number(b, 3)}${unit} validation`;
  });
  return `epoch ${Number(answer.epoch[k].toFixed(2))}: ${parts.filter(Boolean).join("; ")}`;
}

/** Circles or crosses at the points of a curve, in the canvas's own pixels, unless they would run into one another.
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number}[]} points
 * @param {{cross: boolean, colour: string, paper: string, size: number}} how */
export function drawMarks(context, points, { cross, colour, paper, size }) {
  if (points.length > 1 && Math.abs(points[points.length - 1].x - points[0].x) < 1.2 * size * (points.length - 1)) points = points.slice(-1);
  context.save(); // uPlot remembers what it has set last
  context.strokeStyle = colour;
  context.fillStyle = paper;
  context.lineWidth = 0.3 * size;
  context.setLineDash([]);
  for (const { x, y } of points) {
    context.beginPath();
    if (cross) {
      context.moveTo(x - size / 2, y - size / 2);
      context.lineTo(x + size / 2, y + size / 2);
      context.moveTo(x - size / 2, y + size / 2);
      context.lineTo(x + size / 2, y - size / 2);
    } else {
      context.arc(x, y, size / 2, 0, 2 * Math.PI);
      context.fill();
    }
    context.stroke();
  }
  context.restore();
}

/** Fill an element with the panels.
 * @param {HTMLElement} element
 * @returns {(answer: CurvesAnswer | null) => void} */
export function mountPanels(element) {
  const hosts = PANELS.map(([, , title, unit]) => {
    const stage = html("div", { class: "panel-stage", role: "img" });
    return { stage, figure: html("figure", { class: "image-panel" }, html("figcaption", {}, `${title}${unit && ", %"}`), stage) };
  });
  const reading = html("p", { class: "image-reading" });
  const table = html("details", { class: "image-details" }, html("summary", {}, "The same as a table"));
  element.append(html("div", { class: "image-panels" }, ...hosts.map(({ figure }) => figure)), reading, table);
  /** @type {CurvesAnswer | null} */
  let answer = null;
  /** @type {Theme | null} */
  let theme = null;
  /** @type {(uPlot | null)[]} */
  const plots = PANELS.map(() => null);
  const sizes = PANELS.map(() => [0, 0]);

  /** @param {number} k */
  function make(k) {
    plots[k]?.destroy();
    plots[k] = null;
    const [width, height] = sizes[k];
    if (!theme || width < 80 || height < 60) return;
    const look = theme;
    const names = PANELS[k].slice(0, 2);
    const font = `${0.92 * look.size}px ${look.font}`;
    const axis = { stroke: look.ink, font, grid: { stroke: look.line, width: 1 }, ticks: { stroke: look.line, width: 1, size: 4 } };
    plots[k] = new uPlot(
      {
        width, height,
        padding: [0.6 * look.size, 0.9 * look.size, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { show: false }, sync: { key: "epochs" } },
        scales: { x: { time: false, range: () => limitsOf(answer, names).x }, y: { range: () => limitsOf(answer, names).y } },
        axes: [
          { ...axis, size: 1.9 * look.size, gap: 3, label: "epoch", labelFont: font, labelSize: 1.4 * look.size, labelGap: 0, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
          { ...axis, size: 3.2 * look.size, gap: 3, space: 2.2 * look.size },
        ],
        series: [
          {},
          { stroke: look.positive, width: 1.3, points: { show: false } },
          { stroke: look.negative, width: 1.3, points: { show: false } },
        ],
        hooks: {
          draw: [(u) => marks(u, look)],
          setCursor: [(u) => say((u.cursor.left ?? -1) < 0 ? null : u.posToVal(u.cursor.left ?? 0, "x"))],
        },
      },
      data(k),
      hosts[k].stage,
    );
  }

  /** @param {uPlot} u
   * @param {Theme} look */
  function marks(u, look) {
    const ratio = globalThis.devicePixelRatio || 1;
    [look.positive, look.negative].forEach((colour, s) => {
      const points = [...u.data[0]].flatMap((epoch, i) => {
        const value = u.data[s + 1]?.[i];
        return value === null || value === undefined ? [] : [{ x: u.valToPos(epoch, "x", true), y: u.valToPos(value, "y", true) }];
      });
      drawMarks(u.ctx, points, { cross: s === 1, colour, paper: look.paper, size: 0.42 * look.size * ratio });
    });
  }

  /** @param {number} k
   * @returns {uPlot.AlignedData} */
  function data(k) {
    if (!answer) return [[], [], []];
    const [training, validation] = PANELS[k];
    const none = answer.epoch.map(() => null);
    return [answer.epoch, answer.curves[training] ?? none, answer.curves[validation] ?? none];
  }

  /** @param {number | null} epoch */
  function say(epoch) {
    const text = answer ? readingAt(answer, epoch) : "";
    if (reading.textContent !== text) reading.textContent = text;
  }

  function rows() {
    if (!answer || !table.open) return;
    const { epoch, curves } = answer;
    const heads = PANELS.flatMap(([, , title, unit]) => [`${title}${unit && ", %"}`, "validation"]);
    fill(
      table,
      html("summary", {}, "The same as a table"),
      html("div", { class: "image-scroll", tabindex: "0", role: "region", "aria-label": "Objective and errors by epoch" },
        html("table", { class: "plain-table" },
          html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "epoch"), ...heads.map((head) => html("th", { scope: "col" }, head)))),
          html("tbody", {}, ...epoch.map((at, i) => html("tr", {}, html("th", { scope: "row" }, Number(at.toFixed(2))),
            ...PANELS.flatMap(([training, validation]) => [training, validation].map((name) => html("td", {}, number(curves[name]?.[i], 4)))))))),
      ),
    );
  }
  table.addEventListener("toggle", rows);

  hosts.forEach(({ stage }, k) =>
    watchSize(stage, (width, height) => {
      sizes[k] = [width, height];
      if (plots[k]) plots[k].setSize({ width, height });
      else make(k);
    }),
  );
  watchTheme(element, (now) => {
    theme = now;
    PANELS.forEach((_, k) => make(k));
  });

  return (next) => {
    answer = next;
    PANELS.forEach(([training, validation, title], k) => {
      const known = [training, validation].some((name) => answer?.curves[name]?.some((value) => value !== null));
      hosts[k].figure.hidden = !known && k > 0;
      hosts[k].stage.setAttribute("aria-label", `${title} by epoch; ${answer ? readingAt(answer, null) : "nothing yet"}`);
      plots[k]?.setData(data(k));
    });
    say(null);
    rows();
  };
}
