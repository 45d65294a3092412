/** Histograms of the weights and biases, layer by layer: binning only, the numbers are the frame's. */

import { fill, html, svg, watchSize, atMost } from "./dom.js";
import { number } from "./format.js";
import { watchTheme } from "./theme.js";

/** @import { Actions, Layer, Store } from "../types.js" */
/** @import { Theme } from "./theme.js" */

/** The counts of one layer: weights in bins, biases one by one.
 * @typedef {{l: number, counts: number[], biases: number[], least: number, most: number, n: number}} Histogram */

/** A round number not below the largest of the absolute values.
 * @param {ArrayLike<number>} p
 * @returns {number} */
export function reach(p) {
  let largest = 0;
  for (let k = 0; k < p.length; k++) {
    const v = Math.abs(p[k] ?? 0);
    if (v > largest && Number.isFinite(v)) largest = v;
  }
  if (largest === 0) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  return power * ([1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((m) => m * power >= largest) ?? 10);
}

/** Bin the weights of each layer over [-limit, limit].
 * @param {Float64Array} p
 * @param {Layer[]} layers
 * @param {number} limit
 * @param {number} bins
 * @returns {Histogram[]} */
export function histograms(p, layers, limit, bins) {
  return layers.map(({ l, W: [offset, rows, columns], b: [start, n] }) => {
    const counts = new Array(bins).fill(0);
    let [least, most] = [Infinity, -Infinity];
    for (let k = offset; k < offset + rows * columns; k++) {
      const w = p[k] ?? 0;
      if (!Number.isFinite(w)) continue;
      counts[Math.min(bins - 1, Math.max(0, Math.floor(((w + limit) / (2 * limit)) * bins)))]++;
      [least, most] = [Math.min(least, w), Math.max(most, w)];
    }
    return { l, counts, biases: Array.from(p.subarray(start, start + n)), least, most, n: rows * columns };
  });
}

/** Draw the histograms side by side or one below the other, as the room allows.
 * @param {SVGSVGElement} picture
 * @param {{width: number, height: number, theme: Theme, layers: Histogram[], limit: number}} model */
export function drawWeights(picture, { width, height, theme, layers, limit }) {
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const { size } = theme;
  const gap = 0.9 * size;
  const across = width / layers.length > 9 * size;
  const [w, h] = across ? [(width - gap) / layers.length - gap, height] : [width - 2 * gap, height / layers.length];
  fill(
    picture,
    ...layers.map(({ l, counts, biases, least, most, n }, index) => {
      const [x0, y0] = across ? [gap + index * (w + gap), 0] : [gap, index * h];
      const top = y0 + 1.5 * size;
      const room = Math.max(4, h - 3.4 * size);
      const most1 = Math.max(1, ...counts);
      const x = (/** @type {number} */ v) => x0 + (w * (v + limit)) / (2 * limit);
      const bars = counts.map((c, k) => {
        const middle = -limit + (2 * limit * (k + 0.5)) / counts.length;
        return c > 0 && svg("rect", {
          x: x0 + (w * k) / counts.length + 0.4, y: top + room * (1 - c / most1), width: Math.max(0.6, w / counts.length - 0.8), height: (room * c) / most1,
          class: middle < 0 ? "weight-negative" : "weight-positive",
        });
      });
      const text = (/** @type {string} */ words, /** @type {number} */ at, /** @type {number} */ y, /** @type {string} */ anchor, name = "weights-tick") =>
        svg("text", { x: at, y, "text-anchor": anchor, class: name }, words);
      return svg("g", { role: "img", "aria-label": `Layer ${l}: ${n} weights from ${number(least, 3)} to ${number(most, 3)}` },
        text(`layer ${l}`, x0, y0 + 1.1 * size, "start", "weights-name"),
        text(`${n} weights`, x0 + w, y0 + 1.1 * size, "end"),
        ...bars,
        svg("line", { x1: x0, x2: x0 + w, y1: top + room, y2: top + room, class: "weights-axis" }),
        svg("line", { x1: x(0), x2: x(0), y1: top, y2: top + room, class: "weights-zero" }),
        ...biases.map((b) => svg("path", { d: `M${x(b)} ${top + room + 0.1 * size} l${0.28 * size} ${0.5 * size} h${-0.56 * size} z`, class: "weights-bias" }, svg("title", {}, `bias ${number(b)}`))),
        text(number(-limit, 3), x0, top + room + 1.5 * size, "start"),
        text("0", x(0), top + room + 1.5 * size, "middle"),
        text(number(limit, 3), x0 + w, top + room + 1.5 * size, "end"),
      );
    }),
  );
}

/** Fill the slot #weights.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountWeights(element, store, actions) {
  void actions;
  element.classList.add("view-weights");
  const picture = svg("svg", { class: "weights-picture", role: "group", "aria-label": "Histograms of the weights by layer" });
  const stage = html("div", { class: "weights-stage" }, picture);
  const note = html("p", { class: "weights-note" }, "bars: weights; triangles: biases");
  element.append(stage, note);
  let [width, height] = [0, 0];
  /** @type {Theme | null} */
  let theme = null;
  const draw = atMost(100, () => {
    const { frame, opened } = store.get();
    if (!frame || !opened || !theme || frame.p.length !== opened.size || width < 40) return;
    const limit = reach(frame.p);
    drawWeights(picture, { width, height, theme, limit, layers: histograms(frame.p, opened.layers, limit, opened.size > 400 ? 41 : 21) });
  });
  store.subscribe((state, before) => {
    if (state.frame !== before.frame || state.opened !== before.opened) draw();
  });
  watchSize(stage, (w, h) => {
    [width, height] = [w, h];
    draw();
  });
  watchTheme(element, (now) => {
    theme = now;
    draw();
  });
}
