/** The numbers of a network in words: of what is looked at, and all of them as tables. */

import { fill, html } from "./dom.js";
import { even } from "./format.js";
import { indexed, inline, slope, symbol } from "./mathml.js";
import { bias, weight } from "./networkmodel.js";

/** @import { Layer, Opened } from "../types.js" */
/** @import { Walk } from "./walkdata.js" */

/** Neuron j of layer l, or its weight from neuron k.
 * @typedef {{l: number, j: number, k: number | null}} Looked */

/** The most weights of a neuron that are listed. */
const LISTED = 12;

/** Whether the network has what is looked at.
 * @param {Looked | null} looked
 * @param {Opened} opened
 * @returns {looked is Looked} */
function there(looked, opened) {
  if (!looked || looked.l > opened.layers.length + 1) return false;
  return looked.j <= (looked.l === 1 ? 2 : (opened.layers[looked.l - 2]?.width ?? 0));
}

/** Fill `panel` with the numbers of what is looked at, or with what can be done here.
 * @param {HTMLElement} panel
 * @param {{p: Float64Array, opened: Opened, walk: Walk | null, looked: Looked | null, tiles: boolean}} model */
export function tellNumbers(panel, { p, opened, walk, looked, tiles }) {
  if (!there(looked, opened)) {
    const seen = tiles ? "A neuron's tile is its value over the plane, from dark blue (low) to yellow (high). " : "Click a neuron to see its value over the plane. ";
    const more = `${tiles ? "Click one to see it large. " : ""}${walk ? "The numbers are the activations at the chosen point." : "Choose a point for its activations; point at a neuron or an edge for its numbers."}`;
    fill(panel, html("p", { class: "network-hint" }, seen, html("span", { class: "network-more" }, more)));
    return;
  }
  const { l, j, k } = looked;
  const pair = (/** @type {Element} */ name, /** @type {number | undefined} */ value) => html("span", { class: "pair" }, inline(name, "="), " ", html("b", {}, value === undefined ? "–" : even(value, 5)));
  const title = (/** @type {string} */ text) => html("span", { class: "network-what" }, text);
  if (l === 1) {
    fill(panel, title(`Input ${j}`), pair(symbol("a", 1, j), walk?.a[0]?.[j - 1]));
    return;
  }
  const w = (/** @type {number} */ i) => pair(symbol("w", l, j, i), weight(p, opened.layers, l, j, i));
  if (k !== null) {
    fill(panel, title(`From ${l === 2 ? "input" : "neuron"} ${k} of layer ${l - 1} to neuron ${j} of layer ${l}`), w(k),
      walk && pair(symbol("a", l - 1, k), walk.a[l - 2]?.[k - 1]), walk && pair(symbol("δ", l, j), walk.delta[l - 2]?.[j - 1]), walk && pair(slope(symbol("w", l, j, k)), walk.dW[l - 2]?.[j - 1]?.[k - 1]));
    return;
  }
  const here = /** @type {Layer} */ (opened.layers[l - 2]);
  const ks = Array.from({ length: Math.min(LISTED, here.W[2]) }, (_, index) => index + 1);
  fill(panel, title(`Neuron ${j} of layer ${l}, ${here.activation}`), ...ks.map(w), here.W[2] > ks.length && html("span", {}, `… ${here.W[2]} weights`),
    pair(symbol("b", l, j), bias(p, opened.layers, l, j)), walk && pair(symbol("z", l, j), walk.z[l - 2]?.[j - 1]), walk && pair(symbol("a", l, j), walk.a[l - 1]?.[j - 1]), walk && pair(symbol("δ", l, j), walk.delta[l - 2]?.[j - 1]));
}

/** Fill `tables` with every weight and bias, and with z, a and delta where a point is chosen.
 * @param {HTMLElement} tables
 * @param {{p: Float64Array, opened: Opened, walk: Walk | null}} model */
export function tabulateNumbers(tables, { p, opened, walk }) {
  const cell = (/** @type {number | undefined} */ v) => html("td", {}, v === undefined ? "–" : even(v, 5));
  fill(tables, ...opened.layers.map(({ l, width: n, W: [, , columns] }) => {
    const ks = Array.from({ length: columns }, (_, k) => k + 1);
    const head = [...ks.map((k) => inline(indexed("w", `j${k}`, l))), inline(indexed("b", "j", l)), ...(walk ? ["z", "a", "δ"].map((s) => inline(indexed(s, "j", l))) : [])];
    const row = (/** @type {number} */ j) => html("tr", {}, html("th", { scope: "row" }, String(j)), ...ks.map((k) => cell(weight(p, opened.layers, l, j, k))), cell(bias(p, opened.layers, l, j)),
      ...(walk ? [cell(walk.z[l - 2]?.[j - 1]), cell(walk.a[l - 1]?.[j - 1]), cell(walk.delta[l - 2]?.[j - 1])] : []));
    return html("table", {}, html("caption", {}, `Layer ${l}`), html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "j"), ...head.map((h) => html("th", { scope: "col" }, h)))),
      html("tbody", {}, ...Array.from({ length: n }, (_, i) => row(i + 1))));
  }));
}
