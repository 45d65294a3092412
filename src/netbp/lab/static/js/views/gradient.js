/** The 2-norm of the gradient of the cost against the step, with the share of saturated neurons of each layer. */

import { createChart, inside, logLimits, show } from "./chart.js";
import { atMost, fill, html, watchSize } from "./dom.js";
import { count, number, percent } from "./format.js";
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
  const now = html("output", { class: "chart-reading" });
  const saturated = html("div", { class: "saturation", role: "group", "aria-label": "Share of saturated neurons by layer" });
  const host = html("div", { class: "chart-host" });
  element.append(html("div", { class: "chart-tools" }, now, saturated), host);
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
      theme, width, height, xLog: store.get().options.curve === "loglog", xLabel: "step", yLabel: "‖∇Cost(p)‖₂",
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
    if (!frame) return;
    now.textContent = `‖∇Cost‖ = ${number(frame.header.gradient, 3)} at step ${count(frame.header.step)}`;
    fill(
      saturated,
      ...(frame.header.saturated ?? []).map((share, k) => {
        const bar = html("span", { class: "saturation-bar" }, html("span", {}));
        const inner = /** @type {HTMLElement} */ (bar.firstChild);
        inner.style.width = `${100 * share}%`;
        return html("span", { class: "saturation-layer", title: `Layer ${k + 2}: ${percent(share)} of its neurons are saturated over the points: their slope is nearly 0` }, `layer ${k + 2} `, bar, ` ${percent(share)}`);
      }),
    );
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
