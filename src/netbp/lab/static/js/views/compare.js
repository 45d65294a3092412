/** Two runs side by side: the pinned one and this one, their boundaries, their curves, and the fields that differ. */

import { createChart, inside, show, trace } from "./chart.js";
import { costLimits, lastStep } from "./costmodel.js";
import { atMost, fill, fitCanvas, html, watchSize } from "./dom.js";
import { count, number, percent } from "./format.js";
import { drawPlane, outline, paint } from "./plane.js";
import { extentOf, gridOf } from "./planemodel.js";
import { watchTheme } from "./theme.js";

/** @import { Plot } from "./chart.js" */
/** @import { Actions, AppState, Experiment, Frame, Opened, Store } from "../types.js" */
/** @import { Theme } from "./theme.js" */

/** The fields that differ, with both values.
 * @param {Experiment} a
 * @param {Experiment} b
 * @returns {[name: string, a: string, b: string][]} */
export function differing(a, b) {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.filter((name) => a[name] !== b[name]).map((name) => [name, shortened(a[name]), shortened(b[name])]);
}

/** @param {number | string | undefined} value @returns {string} */
function shortened(value) {
  const text = String(value ?? "");
  if (text === "") return "none";
  return text.length > 40 ? `${text.slice(0, 38)}…` : text;
}

/** Fill the slot #compare.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountCompare(element, store, actions) {
  element.classList.add("view-compare");
  const pin = html("button", { type: "button", class: "view-button", onclick: () => actions.pin() }, "Pin this run");
  const unpin = html("button", { type: "button", class: "view-button", onclick: () => actions.unpin() }, "Unpin");
  const back = html("button", { type: "button", class: "view-button", onclick: () => {
    const { pinned } = store.get();
    if (pinned) void actions.openExperiment(pinned.experiment, pinned.frame?.header.step ?? 0);
  } }, "Open the pinned run");
  const words = html("p", { class: "compare-words" });
  const canvases = [0, 1].map(() => html("canvas", { role: "img" }));
  const titles = ["pinned", "this run"].map((name) => html("figcaption", {}, name));
  const figures = canvases.map((canvas, k) => html("figure", { class: "compare-plane" }, /** @type {Node} */ (titles[k]), html("div", { class: "compare-stage" }, canvas)));
  const planes = html("div", { class: "compare-planes" }, ...figures);
  const host = html("div", { class: "compare-chart", role: "img", "aria-label": "Both curves of the cost" });
  const tables = html("div", { class: "compare-tables" });
  const both = html("div", { class: "compare-both" }, planes, html("div", { class: "chart-legend" }, html("span", { class: "key key-pinned" }, "pinned"), html("span", { class: "key" }, "this run")), html("div", { class: "compare-below" }, host, tables));
  element.append(html("div", { class: "compare-bar" }, pin, back, unpin), words, both);
  const images = canvases.map(() => document.createElement("canvas"));
  /** @type {Theme | null} */
  let theme = null;
  /** @type {Plot | null} */
  let plot = null;
  let [side, width, height] = [0, 0, 0];
  let limits = { x: /** @type {[number, number]} */ ([0, 10]), y: /** @type {[number, number]} */ ([0.1, 1]) };

  /** @param {number} k @param {Opened | null | undefined} opened @param {Frame | null | undefined} frame @param {string} plane */
  function drawOne(k, opened, frame, plane) {
    const [canvas, image] = [canvases[k], images[k]];
    if (!theme || !opened || !canvas || !image || side < 40) return;
    const view = plane.startsWith("neuron") ? "category" : plane;
    const grid = gridOf(frame ?? null, opened, view);
    const extent = frame ? extentOf(frame, opened) : opened.extent;
    const flat = grid && { ...grid, shading: grid.shading === "neuron" ? /** @type {const} */ ("category") : grid.shading };
    if (flat) paint(image, flat, theme);
    drawPlane(fitCanvas(canvas, side, side), {
      width: side, height: side, theme, extent, grid: flat, lines: outline(grid, extent), pinned: null, next: null, points: opened.points,
      categories: opened.categories, chosen: null, wrong: null, at: null, legend: "", image,
    });
    canvas.setAttribute("aria-label", `${k ? "This run" : "The pinned run"}: regions of the plane, ${percent(frame?.header.right)} of the points right`);
  }

  function chart() {
    plot?.destroy();
    plot = null;
    if (!theme || width < 80 || height < 60 || !store.get().pinned) return;
    plot = createChart(host, {
      theme, width, height, xLog: store.get().options.curve === "loglog", xLabel: "step", yLabel: "Cost", series: [], range: () => limits,
      over: (u) => {
        const { pinned, cost } = store.get();
        if (!theme || !pinned) return;
        const { muted, positive } = theme;
        inside(u, (context, ratio) => {
          for (const [curves, colour, dash] of /** @type {[typeof cost, string, number[]][]} */ ([[pinned.curves, muted, [6, 4]], [cost, positive, []]])) {
            context.strokeStyle = colour;
            context.lineWidth = 1.7 * ratio;
            context.setLineDash(dash.map((d) => d * ratio));
            context.stroke(trace(u, curves.last, curves.max, curves.length, 1));
          }
        });
      },
    });
    update();
  }

  function update() {
    const { pinned, cost, options } = store.get();
    if (!plot || !pinned) return;
    const log = options.curve === "loglog";
    limits = { x: [log ? 1 : 0, Math.max(10, lastStep(cost), lastStep(pinned.curves))], y: costLimits([cost, pinned.curves], 1) };
    show(plot, [[limits.x[0], limits.x[1]]], limits);
  }

  function table() {
    const { pinned, opened, experiment, frame } = store.get();
    if (!pinned || !opened) return;
    const row = (/** @type {string} */ name, /** @type {string} */ a, /** @type {string} */ b) => html("tr", {}, html("th", { scope: "row" }, name), html("td", {}, a), html("td", {}, b));
    const [a, b] = [pinned.frame?.header, frame?.header];
    const different = differing(pinned.opened.experiment ?? pinned.experiment, opened.experiment ?? experiment);
    fill(
      tables,
      html("table", { class: "plain-table" },
        html("thead", {}, html("tr", {}, html("th", {}, ""), html("th", { scope: "col" }, "pinned"), html("th", { scope: "col" }, "this run"))),
        html("tbody", {},
          ...different.map(([name, x, y]) => row(name, x, y)),
          row("step", count(a?.step ?? 0), count(b?.step ?? 0)),
          row("cost", number(a?.cost, 5), number(b?.cost, 5)),
          pinned.opened.scale_of_cost === opened.scale_of_cost && opened.scale_of_cost !== 1 && row(`${opened.scale_of_cost} × cost`, number(scaled(a?.cost, opened), 5), number(scaled(b?.cost, opened), 5)),
          (a?.held_out ?? b?.held_out ?? null) !== null && row("held-out cost", number(a?.held_out, 5), number(b?.held_out, 5)),
          row("points right", percent(a?.right), percent(b?.right)),
        )),
    );
    words.textContent = different.length ? "" : "Both runs have the same fields: change one thing now.";
  }

  function drawAll() {
    const { pinned, opened, frame, options } = store.get();
    both.hidden = !pinned;
    back.hidden = unpin.hidden = !pinned;
    pin.textContent = pinned ? "Pin this run instead" : "Pin this run";
    if (!pinned) {
      words.textContent = "Pin a run, change one thing, and see both curves and both boundaries. The pinned boundary is dashed in the plane, too.";
      return;
    }
    drawOne(0, pinned.opened, pinned.frame, options.plane);
    drawOne(1, opened, frame, options.plane);
    table();
    update();
  }
  const live = atMost(60, drawAll);

  store.subscribe((/** @type {AppState} */ state, before) => {
    if (state.tab !== "compare") return;
    const fresh = state.tab !== before.tab || state.pinned !== before.pinned || state.options.curve !== before.options.curve;
    if (fresh) {
      drawAll();
      chart();
    } else if (state.frame !== before.frame || state.opened !== before.opened || state.cost !== before.cost || state.options !== before.options) live();
  });
  watchSize(/** @type {Element} */ (figures[1]?.querySelector(".compare-stage")), (w) => {
    side = w;
    drawAll();
  });
  watchSize(host, (w, h) => {
    [width, height] = [w, h];
    if (plot) plot.setSize({ width, height });
    else chart();
  });
  watchTheme(element, (now) => {
    theme = now;
    drawAll();
    chart();
  });
}

/** @param {number | null | undefined} cost @param {Opened} opened @returns {number | null} */
function scaled(cost, opened) {
  return cost === null || cost === undefined ? null : cost * opened.scale_of_cost;
}
