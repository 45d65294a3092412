/** The cost against the step, as in figure 7: both kinds of axes, held-out and pinned curves, plateaus, the fitted decay, the step shown. */

import { bandOf, createChart, inside, show, trace } from "./chart.js";
import { css, parse } from "./colours.js";
import { binAt, costLimits, fitLabel, lastStep } from "./costmodel.js";
import { atMost, fill, html, watchSize } from "./dom.js";
import { count, number } from "./format.js";
import { watchTheme } from "./theme.js";

/** @import { Plot } from "./chart.js" */
/** @import { Convergence } from "./costmodel.js" */
/** @import { Actions, AppState, Curves, Store } from "../types.js" */
/** @import { Theme } from "./theme.js" */

/** What is drawn besides uPlot's lines. factor: what costs are multiplied by.
 * @typedef {{theme: Theme, curves: Curves, pinned: Curves | null, fit: Convergence | null, shown: number, factor: number,
 *   diverged: {step: number, weight: string} | null}} CostModel */

/** Plateaus, behind the curves.
 * @param {Plot} u
 * @param {CostModel} model */
export function drawPlateaus(u, { theme, fit }) {
  inside(u, (context) => {
    for (const { start, end } of fit?.plateaus ?? []) {
      const [left, right] = [u.valToPos(Math.max(start, 1), "x", true), u.valToPos(Math.max(end, 1), "x", true)];
      context.fillStyle = css(parse(theme.muted), 0.16);
      context.fillRect(left, u.bbox.top, right - left, u.bbox.height);
    }
  });
}

/** The curve, held-out and pinned ones, the fitted decay and the step shown.
 * @param {Plot} u
 * @param {CostModel} model */
export function drawCostLines(u, { theme, curves, pinned, fit, shown, factor, diverged }) {
  inside(u, (context, ratio) => {
    const line = (/** @type {Path2D} */ path, /** @type {string} */ colour, /** @type {number} */ width, /** @type {number[]} */ dash = []) => {
      context.strokeStyle = colour;
      context.lineWidth = width * ratio;
      context.setLineDash(dash.map((d) => d * ratio));
      context.lineJoin = "round";
      context.stroke(path);
    };
    const band = bandOf(u, curves.last, curves.min, curves.max, curves.length, factor);
    context.fillStyle = css(parse(theme.positive), 0.5);
    context.fill(band);
    line(band, theme.positive, 1.3);
    if (pinned) line(trace(u, pinned.last, pinned.max, pinned.length, factor), theme.muted, 1.5, [6, 4]);
    const { held } = curves;
    if (held.length) line(trace(u, held.step, held.value, held.length, factor), theme.negative, 1.6, [4, 2]);
    const fitted = fit?.curve ?? [];
    if (fitted.length) line(trace(u, fitted.map((at) => at[0]), fitted.map((at) => at[1]), fitted.length, factor), theme.ink, 2.2, [9, 4]);
    for (const { start, end, level } of fit?.plateaus ?? []) {
      const [left, right] = [u.valToPos(Math.max(start, 1), "x", true), u.valToPos(Math.max(end, 1), "x", true)];
      const words = `plateau at ${number(factor * level, 3)}`;
      context.font = `${0.88 * theme.size * ratio}px ${theme.font}`;
      if (right - left < context.measureText(words).width + 4 * ratio) continue;
      context.fillStyle = theme.ink;
      context.textAlign = "center";
      context.textBaseline = "bottom";
      context.lineJoin = "round"; // a rim of paper, for curves may pass there
      context.lineWidth = 4 * ratio;
      context.strokeStyle = theme.paper;
      context.setLineDash([]);
      context.strokeText(words, (left + right) / 2, u.bbox.top + u.bbox.height - 3 * ratio);
      context.fillText(words, (left + right) / 2, u.bbox.top + u.bbox.height - 3 * ratio);
    }
    const x = u.valToPos(Math.max(shown, u.scales["x"]?.distr === 3 ? 1 : 0), "x", true);
    const path = new Path2D();
    path.moveTo(x, u.bbox.top);
    path.lineTo(x, u.bbox.top + u.bbox.height);
    line(path, theme.accent, 1.5);
    context.setLineDash([]);
    if (diverged) {
      const at = u.valToPos(Math.max(diverged.step, 1), "x", true);
      const end = new Path2D();
      end.moveTo(at, u.bbox.top);
      end.lineTo(at, u.bbox.top + u.bbox.height);
      line(end, theme.bad, 2);
      const left = at > u.bbox.left + u.bbox.width / 2;
      context.font = `600 ${0.92 * theme.size * ratio}px ${theme.font}`;
      context.fillStyle = theme.bad;
      context.textAlign = left ? "right" : "left";
      context.textBaseline = "top";
      context.fillText(`diverged at step ${count(diverged.step)}`, at + (left ? -5 : 5) * ratio, u.bbox.top + 3 * ratio);
    }
  });
}

/** Fill the slot #cost.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountCost(element, store, actions) {
  element.classList.add("view-chart");
  const buttons = [["semilog", "semilog"], ["loglog", "log-log"]].map(([value, label]) =>
    html("button", { type: "button", "aria-pressed": "false", "data-value": value, onclick: () => actions.option("curve", value) }, label),
  );
  const listing = html("input", { type: "checkbox", onchange: () => actions.option("listing", listing.checked) });
  const scale = html("span");
  const scaleLabel = html("label", { class: "chart-scale", title: "Listing 6.1 records the sum of squares: 2N times the cost (9), as figure 7 shows it" }, listing, " ", scale);
  const legend = html("div", { class: "chart-legend" });
  const reading = html("output", { class: "chart-reading" });
  const host = html("div", { class: "chart-host", tabindex: 0, role: "slider", "aria-label": "Step shown, on the curve of the cost", "aria-valuemin": 0, "data-empty": "Run: the cost is drawn here" });
  const sentence = html("p", { class: "chart-sentence" });
  const rows = html("tbody");
  const table = html("table", { class: "visually-hidden" }, html("caption", {}, "The cost at some steps"), html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "step"), html("th", { scope: "col" }, "Cost, least"), html("th", { scope: "col" }, "Cost, greatest"))), rows);
  const tools = html("div", { class: "chart-tools" }, html("span", { class: "segmented", role: "group", "aria-label": "Axes" }, ...buttons), scaleLabel, legend, reading);
  element.append(tools, host, sentence, table);

  /** @type {Plot | null} */
  let plot = null;
  /** @type {Theme | null} */
  let theme = null;
  let [width, height] = [0, 0];
  /** @type {Convergence | null} */
  let fit = null;
  let limits = { x: /** @type {[number, number]} */ ([0, 10]), y: /** @type {[number, number]} */ ([0.1, 1]) };

  const factor = (state = store.get()) => (state.options["listing"] === false ? 1 : (state.opened?.scale_of_cost ?? 1));

  /** @returns {CostModel | null} */
  function model() {
    const state = store.get();
    return theme && { theme, curves: state.cost, pinned: state.pinned?.curves ?? null, fit, shown: state.shown, factor: factor(state), diverged: state.frame?.header.diverged ?? null };
  }

  function build() {
    plot?.destroy();
    plot = null;
    if (!theme || width < 60 || height < 60) return;
    const { options, opened } = store.get();
    const times = factor() === 1 ? "Cost" : `${factor()} × Cost`;
    plot = createChart(host, {
      theme, width, height, xLog: options.curve === "loglog", xLabel: "step", yLabel: times,
      series: [],
      range: () => limits,
      under: (u) => {
        const now = model();
        if (now) drawPlateaus(u, now);
      },
      over: (u) => {
        const now = model();
        if (now) drawCostLines(u, now);
      },
      hover: (step) => tell(step),
    });
    scale.textContent = `${opened?.scale_of_cost ?? ""} × Cost, as figure 7`;
    update();
  }

  function update() {
    const state = store.get();
    if (!plot) return;
    const curves = state.pinned ? [state.cost, state.pinned.curves] : [state.cost];
    const log = state.options.curve === "loglog";
    const most = Math.max(...curves.map(lastStep), state.reached);
    limits = { x: [log ? 1 : 0, Math.max(10, most)], y: costLimits(curves, factor(state)) };
    show(plot, [limits.x], limits);
    host.classList.toggle("is-empty", state.reached === 0 && !state.playing);
    host.setAttribute("aria-valuemax", String(state.reached));
    host.setAttribute("aria-valuenow", String(state.shown));
    host.setAttribute("aria-valuetext", `step ${count(state.shown)}, cost ${number(state.frame?.header.cost)}`);
  }

  /** The cost at a step under the pointer. @param {number | null} step */
  function tell(step) {
    const { cost } = store.get();
    if (step === null || cost.length === 0) {
      reading.textContent = "";
      return;
    }
    const k = binAt(cost, step);
    const [low, high] = [factor() * (cost.min[k] ?? 0), factor() * (cost.max[k] ?? 0)];
    const values = number(low) === number(high) ? number(high) : `${number(low)} to ${number(high)}`;
    reading.textContent = `step ${count(cost.last[k] ?? 0)}: ${values}`;
  }

  function label() {
    const { cost, pinned, options, opened } = store.get();
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset["value"] === options.curve));
    listing.checked = options["listing"] !== false;
    scaleLabel.hidden = (opened?.scale_of_cost ?? 1) === 1;
    const entry = (/** @type {string} */ kind, /** @type {string} */ text) => html("span", { class: `key key-${kind}` }, text);
    fill(
      legend,
      cost.held.length > 0 && entry("training", "training"),
      cost.held.length > 0 && entry("held", "held out"),
      pinned && entry("pinned", "pinned"),
      fit && fit.curve.length > 0 && entry("fit", `fitted: ${fitLabel(fit)}`),
    );
    sentence.textContent = fit?.sentence ?? "";
  }

  /** The curve as a table, for who cannot see it: about a dozen steps, while the run stands still. */
  const tabulate = atMost(1000, () => {
    const { cost, playing } = store.get();
    if (playing) return;
    const picked = [...new Set(Array.from({ length: 12 }, (_, k) => Math.round((k * (cost.length - 1)) / 11)))].filter((k) => k >= 0 && k < cost.length);
    fill(rows, ...picked.map((k) => html("tr", {}, html("th", { scope: "row" }, count(cost.last[k] ?? 0)), html("td", {}, number(cost.min[k])), html("td", {}, number(cost.max[k])))));
  });

  let asked = 0;
  /** Ask for plateaus and rate when the run stands still. */
  const converge = atMost(700, () => {
    const { playing, reached, cost, opened } = store.get();
    if (playing || !opened || cost.length < 20) return;
    const number = ++asked;
    actions.ask("convergence", { step: reached }).then(
      (answer) => {
        if (number !== asked) return;
        fit = answer;
        label();
        update();
      },
      () => undefined, // too little to fit is no fault
    );
  });

  /** @param {AppState} state @param {AppState} before */
  function changed(state, before) {
    const rebuilt = state.options.curve !== before.options.curve || state.options["listing"] !== before.options["listing"];
    const other = state.opened?.run !== before.opened?.run || state.opened?.scale_of_cost !== before.opened?.scale_of_cost;
    if (other || state.playing) {
      if (fit) [fit, asked] = [null, asked + 1];
    }
    if (rebuilt || other) build();
    else if (state.cost !== before.cost || state.shown !== before.shown || state.playing !== before.playing || state.frame !== before.frame || state.pinned !== before.pinned || state.reached !== before.reached) live();
    if (rebuilt || other || state.pinned !== before.pinned || state.playing !== before.playing || state.cost.held.length > 0 !== before.cost.held.length > 0) label();
    if (!state.playing && state.cost !== before.cost) tabulate();
    if (!state.playing && (other || state.playing !== before.playing || state.reached !== before.reached)) converge();
  }

  const live = atMost(50, update);
  store.subscribe(changed);
  watchTheme(element, (now) => {
    theme = now;
    build();
    label();
  });
  watchSize(host, (w, h) => {
    [width, height] = [w, h];
    if (plot) plot.setSize({ width, height });
    else build();
  });
  scrubbing(host, () => plot, store, actions);
}

/** Scrub by dragging and with the keys of a slider.
 * @param {HTMLElement} host
 * @param {() => Plot | null} plot
 * @param {Store} store
 * @param {Actions} actions */
export function scrubbing(host, plot, store, actions) {
  let dragging = false;
  const go = (/** @type {number} */ step) => {
    const { reached, playing } = store.get();
    if (playing) actions.pause();
    actions.scrub(Math.round(Math.min(reached, Math.max(0, step))));
  };
  const at = (/** @type {PointerEvent} */ event) => {
    const u = plot();
    if (!u) return;
    const box = u.over.getBoundingClientRect();
    go(u.posToVal(event.clientX - box.left, "x"));
  };
  host.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    dragging = true;
    host.setPointerCapture(event.pointerId);
    at(event);
  });
  host.addEventListener("pointermove", (event) => {
    if (dragging) at(event);
  });
  for (const end of ["pointerup", "pointercancel"]) host.addEventListener(end, () => (dragging = false));
  host.addEventListener("keydown", (event) => {
    const { shown, reached, opened } = store.get();
    const few = event.shiftKey ? (opened?.epoch_steps ?? 10) : 1;
    const moves = /** @type {Record<string, number>} */ ({
      ArrowLeft: shown - few, ArrowRight: shown + few, PageUp: shown + reached / 20, PageDown: shown - reached / 20, Home: 0, End: reached,
    });
    const to = moves[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    go(to);
  });
}
