/** Names and widths below the layers of the drawn network, with buttons that change them. */

import { choiceText } from "../controls/form.js";
import { parametersOf } from "../limits.js";
import { fill, html } from "./dom.js";

/** @import { Opened } from "../types.js" */
/** @import { Layout } from "./networkmodel.js" */

/** Layers are changed through `how`, which gets their widths and the activations from the second on.
 * @typedef {(how: (widths: number[], names: string[]) => void) => void} Change */

/** Put every caption below its layer.
 * @param {HTMLElement} captions
 * @param {Layout} layout */
export function placeCaptions(captions, { circles }) {
  circles.forEach(([first], index) => {
    const item = /** @type {HTMLElement | undefined} */ (captions.children[index]);
    if (item) item.style.left = `${first?.x ?? 0}px`;
  });
}

/** Fill `captions`. short: the layers' numbers alone, for there is no room for words.
 * @param {HTMLElement} captions
 * @param {{opened: Opened, sizes: number[], short: boolean, limits: Record<string, number>}} model
 * @param {Change} change */
export function drawCaptions(captions, { opened, sizes, short, limits }, change) {
  const L = sizes.length;
  const [widest, deepest, most] = [limits["width"] ?? 64, limits["layers"] ?? 8, limits["parameters"] ?? 5000];
  const may = (/** @type {number[]} */ widths) => parametersOf(widths) <= most;
  const items = sizes.map((n, index) => {
    const l = index + 1;
    const hidden = l > 1 && l < L;
    const kind = l === 1 ? "input" : `${l === L ? "output, " : ""}${choiceText(opened.layers[l - 2]?.activation ?? "")}`;
    const by = (/** @type {number} */ d) =>
      html("button", { type: "button", class: "network-width", "aria-label": `One neuron ${d < 0 ? "fewer" : "more"} in layer ${l}`, disabled: d < 0 ? n <= 1 : n >= widest || !may(sizes.map((m, k) => (k === index ? m + 1 : m))),
        onclick: () => change((widths) => (widths[index] = n + d)) }, d < 0 ? "−" : "+");
    const count = html("span", {}, String(n));
    return html("div", { class: "network-caption" }, html("div", { class: "network-layer" }, short ? String(l) : `Layer ${l}`),
      !short && html("div", { class: "network-kind" }, kind), html("div", { class: "network-widths" }, ...(hidden ? [by(-1), count, by(1)] : [count])));
  });
  const added = sizes.length > 2 ? (sizes[L - 2] ?? 3) : 3;
  const more = html("button", { type: "button", disabled: L >= deepest || !may([...sizes.slice(0, -1), added, sizes[L - 1] ?? 2]), onclick: () => change((widths, names) => {
    widths.splice(-1, 0, added);
    names.splice(-1, 0, (names.length > 1 ? names[names.length - 2] : names[0]) ?? "sigmoid");
  }) }, "+ layer");
  const less = html("button", { type: "button", disabled: L <= 2, onclick: () => change((widths, names) => {
    widths.splice(-2, 1);
    names.splice(-2, 1);
  }) }, "− layer");
  captions.classList.toggle("is-narrow", short);
  fill(captions, ...items, html("div", { class: "network-depth", role: "group", "aria-label": "Hidden layers" }, less, more));
}
