/** The 2-norm of the gradient of the cost against the step, with the share of saturated neurons of each layer. */

import { createChart, inside, logLimits, show } from "./chart.js";
import { atMost, fill, html, watchSize } from "./dom.js";
import { percent } from "./format.js";
import { scrubbing } from "./cost.js";
import { watchTheme } from "./theme.js";

/** @import { Plot } from "./chart.js" */
/** @import { Actions, Curves, Store } from "../types.js" */
/** @import { Theme } from "./theme.js" */

/** Steps and norms that a logarithmic axis can show.
 * @param {Curves["norms"]} norms
 * @param {boolean} xLog
 * @returns {[number[], number[]]} */
export function normSeries({ length, step, value }, xLog) {
  /** @type {[number[], number[]]} */
  const out = [[], []];
  for (let k = 0; k < length; k++) {
    const [t, v] = [step[k] ?? 0, value[k] ?? 0];
    if (!(v > 0) || !Number.isFinite(v) || (xLog && t < 1)) continue;
    out[0].push(t);
    out[1].push(v);
  }
  return out;
}

/** Fill the slot #gradient.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountGradient(element, store, actions) {
  element.classList.add("view-chart");
  const saturated = html("div", { class: "saturation", role: "group", "aria-label": "Share of saturated neurons by layer" });
  const host = html("div", { class: "chart-host" });
  element.append(host, saturated);
  const showSaturated = saturation(saturated);
  /** @type {Plot | null} */
  let plot = null;
  /** @type {Theme | null} */
  let theme = null;
  let [width, height] = [0, 0];
  let limits = { x: /** @type {[number, number]} */ ([0, 10]), y: /** @type {[number, number]} */ ([0.1, 1]) };

  function build() {
    plot?.destroy();
    plot = null;
    if (!theme || width < 60 || height < 50) return;
    const line = theme.accent;
    plot = createChart(host, {
      theme, width, height, xLog: store.get().options.curve === "loglog", xLabel: "step", yLabel: "norm of ∇Cost",
      series: [{ stroke: theme.positive, width: 1.5, points: { show: (u) => (u.data[0]?.length ?? 0) < 40, size: 4, fill: theme.positive } }],
      range: () => limits,
      over: (u) =>
        inside(u, (context, ratio) => {
          const x = u.valToPos(Math.max(store.get().shown, u.scales["x"]?.distr === 3 ? 1 : 0), "x", true);
          context.strokeStyle = line;
          context.lineWidth = 1.5 * ratio;
          context.beginPath();
          context.moveTo(x, u.bbox.top);
          context.lineTo(x, u.bbox.top + u.bbox.height);
          context.stroke();
        }),
    });
    update();
  }

  function update() {
    const { cost, options, reached, frame } = store.get();
    const log = options.curve === "loglog";
    if (plot) {
      const [steps, values] = normSeries(cost.norms, log);
      const { step, gradient } = frame?.header ?? { step: 0, gradient: null };
      if (gradient !== null && gradient > 0 && step > Math.max(log ? 0 : -1, steps[steps.length - 1] ?? -1)) {
        steps.push(step); // the norms along a run are spaced out: the one shown is known, too
        values.push(gradient);
      }
      const most = Math.max(1, reached, steps[steps.length - 1] ?? 1);
      let [least, greatest] = [Infinity, 0];
      for (const v of values) [least, greatest] = [Math.min(least, v), Math.max(greatest, v)];
      limits = { x: [log ? 1 : 0, Math.max(10, most)], y: logLimits(least, greatest) };
      show(plot, [steps, values], limits);
    }
    if (frame) showSaturated(frame.header.saturated ?? []);
  }

  const live = atMost(80, update);
  store.subscribe((state, before) => {
    const other = state.opened?.run !== before.opened?.run || state.options.curve !== before.options.curve;
    if (other) build();
    if (state.cost !== before.cost || state.frame !== before.frame || state.shown !== before.shown) live();
  });
  watchTheme(element, (is) => {
    theme = is;
    build();
  });
  watchSize(host, (w, h) => {
    [width, height] = [w, h];
    if (plot) plot.setSize({ width, height });
    else build();
  });
  scrubbing(host, () => plot, store, actions);
}

/** Bars of the shares of saturated neurons, layer by layer; made once for a network and then changed in place.
 * @param {HTMLElement} element
 * @returns {(shares: number[]) => void} */
function saturation(element) {
  /** @type {{item: HTMLElement, inner: HTMLElement, text: Text}[]} */
  let bars = [];
  return (shares) => {
    if (bars.length !== shares.length) {
      bars = shares.map((_, k) => {
        const [inner, text] = [html("span"), document.createTextNode("")];
        return { item: html("span", { class: "saturation-layer" }, `${k + 2} `, html("span", { class: "saturation-bar" }, inner), " ", text), inner, text };
      });
      fill(element, html("span", { class: "saturation-title" }, "saturated in layer"), ...bars.map(({ item }) => item));
    }
    shares.forEach((share, k) => {
      const bar = bars[k];
      const words = percent(share);
      if (!bar || bar.text.data === words) return;
      bar.text.data = words;
      bar.inner.style.width = `${100 * share}%`;
      bar.item.title = `Layer ${k + 2}: ${words} of its neurons are saturated over the points: their slope is nearly 0`;
    });
  };
}
