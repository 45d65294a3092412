/** The network of figure 3 with its weights, and every number of a neuron or a weight under the pointer or in focus. */

import { activationsOf, activationText, widthsOf } from "../fields.js";
import { atMost, fill, html, svg, watchSize } from "./dom.js";
import { even, number } from "./format.js";
import { indexed, inline, slope, symbol } from "./mathml.js";
import { bias, largest, layout, sizesOf, weight } from "./networkmodel.js";
import { previewOf } from "./preview.js";
import { watchTheme } from "./theme.js";
import { walkOf } from "./walkdata.js";
import { css, mix } from "./colours.js";

/** @import { Actions, Layer, Store } from "../types.js" */
/** @import { Circle, Edge, Layout } from "./networkmodel.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Walk } from "./walkdata.js" */

/** @typedef {{layout: Layout, p: Float64Array, layers: Layer[], walk: Walk | null, theme: Theme}} NetworkModel */

/** The SVG elements of a drawn network, to be coloured again with every frame.
 * @typedef {{edges: {edge: Edge, line: SVGLineElement}[], circles: {circle: Circle, disc: SVGCircleElement, text: SVGTextElement}[]}} Drawn */

/** Make the circles and lines of a layout in `picture`.
 * @param {SVGSVGElement} picture
 * @param {Layout} shape
 * @param {(circle: Circle, group: SVGGElement) => void} onCircle
 * @param {(edge: Edge, line: SVGLineElement) => void} onEdge
 * @returns {Drawn} */
export function buildNetwork(picture, { circles, edges, radius, dots }, onCircle, onEdge) {
  const lines = svg("g", { class: "edges" });
  const hits = svg("g", { class: "edge-hits" });
  const nodes = svg("g", { class: "nodes" });
  /** @type {Drawn} */
  const drawn = { edges: [], circles: [] };
  for (const edge of edges) {
    const { from, to } = edge;
    const d = Math.hypot(to.x - from.x, to.y - from.y) || 1;
    const [ux, uy] = [(to.x - from.x) / d, (to.y - from.y) / d];
    const ends = { x1: from.x + radius * ux, y1: from.y + radius * uy, x2: to.x - radius * ux, y2: to.y - radius * uy };
    const line = svg("line", { ...ends, class: "edge" });
    const hit = svg("line", { ...ends, class: "edge-hit" });
    onEdge(edge, hit);
    lines.append(line);
    hits.append(hit);
    drawn.edges.push({ edge, line });
  }
  for (const circle of circles.flat()) {
    const disc = svg("circle", { cx: circle.x, cy: circle.y, r: radius });
    const text = svg("text", { x: circle.x, y: circle.y, "text-anchor": "middle", "dominant-baseline": "central", "font-size": Math.min(14, 0.62 * radius) });
    const group = svg("g", { class: "node", tabindex: -1, role: "button" }, disc, text);
    onCircle(circle, group);
    nodes.append(group);
    drawn.circles.push({ circle, disc, text });
  }
  for (const { x, y } of dots) nodes.append(svg("circle", { cx: x, cy: y, r: Math.max(1.2, 0.12 * radius), class: "dot" }));
  fill(picture, lines, hits, nodes);
  return drawn;
}

/** Colour the lines by sign and size, and the circles by activation at the chosen point.
 * @param {Drawn} drawn
 * @param {NetworkModel} model */
export function drawNetwork(drawn, { p, layers, walk, theme, layout: { radius } }) {
  const most = largest(p, layers);
  for (const { edge, line } of drawn.edges) {
    const w = weight(p, layers, edge.l, edge.j, edge.k);
    const share = Math.min(1, Math.abs(w) / most);
    line.setAttribute("stroke-width", (0.5 + 0.28 * Math.min(24, radius) * share).toFixed(2));
    line.setAttribute("class", w < 0 ? "edge edge-negative" : "edge edge-positive");
    line.setAttribute("stroke-opacity", (0.3 + 0.65 * share).toFixed(2));
  }
  for (const { circle, disc, text } of drawn.circles) {
    const a = walk?.a[circle.l - 1]?.[circle.j - 1];
    if (a === undefined) {
      disc.setAttribute("fill", circle.l === 1 ? theme.paper : theme.ink);
      text.textContent = "";
      continue;
    }
    const part = Math.min(1, Math.abs(a));
    disc.setAttribute("fill", css(mix(theme.rgb.paper, theme.rgb.ink, 0.85 * part)));
    text.setAttribute("fill", part > 0.5 ? theme.paper : theme.ink);
    text.textContent = radius >= 15 ? shortNumber(a) : "";
  }
}

/** Two digits at most behind the point, for a circle.
 * @param {number} a
 * @returns {string} */
function shortNumber(a) {
  return Math.abs(a) >= 100 ? number(a, 1) : `${a < 0 ? "−" : ""}${Math.abs(a).toFixed(Math.abs(a) < 10 ? 2 : 1)}`;
}

/** Fill the slot #network.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountNetwork(element, store, actions) {
  element.classList.add("view-network");
  const picture = svg("svg", { class: "network-picture", role: "group", "aria-label": "The network. Arrow keys go from neuron to neuron, Enter shows one in the plane." });
  const captions = html("div", { class: "network-captions" });
  const stage = html("div", { class: "network-stage" }, picture, captions);
  const panel = html("div", { class: "network-numbers" });
  const tables = html("div", { class: "network-tables" });
  const all = html("details", { class: "network-all", ontoggle: () => list() }, html("summary", {}, "All numbers as tables"), tables);
  element.append(stage, panel, all);

  const source = walkOf(store, actions);
  const preview = previewOf(store);
  source.want(() => store.get().tab === "network");
  let [width, height] = [0, 0];
  /** @type {Theme | null} */
  let theme = null;
  /** @type {Layout | null} */
  let shape = null;
  /** @type {Drawn | null} */
  let drawn = null;
  /** @type {{l: number, j: number, k: number | null} | null} */
  let looked = null;
  /** @type {Map<string, SVGGElement>} */
  const groups = new Map();
  let built = "";

  /** The layers changed, the activations with them. @param {(widths: number[], names: string[]) => void} how */
  function change(how) {
    const { experiment } = store.get();
    const widths = widthsOf(String(experiment["layers"]));
    const names = activationsOf(String(experiment["activation"]), widths.length - 1);
    how(widths, names);
    actions.setFields({ layers: widths.join("-"), activation: activationText(names) });
  }

  function build() {
    const { opened, chosen, fields } = store.get();
    if (!opened || !theme || width < 60) return;
    const sizes = sizesOf(opened);
    const key = JSON.stringify([sizes, opened.layers.map((y) => y.activation), width, height, chosen.neuron && Math.max(...sizes) > 10 ? chosen.neuron : 0, theme.size]);
    if (key !== built) {
      built = key;
      const margin = Math.min(width / 5, 5 * theme.size);
      const foot = ((width - 2 * margin) / Math.max(1, sizes.length - 1) < 7.5 * theme.size ? 7.4 : 4.6) * theme.size;
      picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
      shape = layout(sizes, width, Math.max(40, height - foot), margin, chosen.neuron);
      groups.clear();
      drawn = buildNetwork(picture, shape, onCircle, onEdge);
      caption(sizes, shape, Number(fields?.limits?.["width"] ?? 64), Number(fields?.limits?.["layers"] ?? 8), margin);
      roving(chosen.neuron ?? [2, 1]);
    }
    draw();
  }

  /** @param {Circle} circle @param {SVGGElement} group */
  function onCircle({ l, j }, group) {
    groups.set(`${l},${j}`, group);
    group.setAttribute("aria-label", l === 1 ? `Input ${j}` : `Neuron ${j} of layer ${l}`);
    group.addEventListener("pointerenter", () => look({ l, j, k: null }));
    group.addEventListener("focus", () => look({ l, j, k: null }));
    group.addEventListener("click", () => choose(l, j));
    group.addEventListener("keydown", (event) => step(event, l, j));
  }

  /** @param {Edge} edge @param {SVGLineElement} line */
  function onEdge({ l, j, k }, line) {
    line.addEventListener("pointerenter", () => look({ l, j, k }));
  }

  /** Show a neuron's value over the plane, or no longer. @param {number} l @param {number} j */
  function choose(l, j) {
    if (l === 1) return;
    const { options } = store.get();
    const name = `neuron:${l},${j}`;
    const off = options.plane === name;
    actions.chooseNeuron(off ? null : l, j);
    actions.option("plane", off ? "category" : name);
  }

  /** @param {KeyboardEvent} event @param {number} l @param {number} j */
  function step(event, l, j) {
    if (!shape || event.ctrlKey || event.metaKey || event.altKey) return;
    const layer = shape.circles[l - 1] ?? [];
    const at = layer.findIndex((circle) => circle.j === j);
    let to = /** @type {Circle | undefined} */ (undefined);
    if (event.key === "ArrowDown") to = layer[at + 1];
    else if (event.key === "ArrowUp") to = layer[at - 1];
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const next = shape.circles[l - 1 + (event.key === "ArrowRight" ? 1 : -1)];
      to = next?.[Math.min(next.length - 1, at)];
    } else if (event.key === "Enter" || event.key === " ") choose(l, j);
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (to) {
      roving([to.l, to.j]);
      groups.get(`${to.l},${to.j}`)?.focus();
    }
  }

  /** @param {[number, number]} at */
  function roving([l, j]) {
    const wanted = groups.get(`${l},${j}`) ?? groups.get("2,1");
    for (const group of groups.values()) group.setAttribute("tabindex", group === wanted ? "0" : "-1");
  }

  /** Names, widths and their buttons below the layers.
   * @param {number[]} sizes @param {Layout} now @param {number} widest @param {number} deepest @param {number} margin */
  function caption(sizes, now, widest, deepest, margin) {
    const L = sizes.length;
    const room = (width - 2 * margin) / Math.max(1, L - 1);
    const short = theme !== null && room < 7.5 * theme.size;
    const items = sizes.map((n, index) => {
      const l = index + 1;
      const hidden = l > 1 && l < L;
      const kind = l === 1 ? "input" : l === L ? "output" : (store.get().opened?.layers[l - 2]?.activation ?? "");
      const by = (/** @type {number} */ d) =>
        html("button", { type: "button", class: "network-width", "aria-label": `One neuron ${d < 0 ? "fewer" : "more"} in layer ${l}`, disabled: d < 0 ? n <= 1 : n >= widest,
          onclick: () => change((widths) => (widths[l - 1] = n + d)) }, d < 0 ? "−" : "+");
      const item = html("div", { class: "network-caption" }, html("div", { class: "network-layer" }, short ? String(l) : `Layer ${l}`),
        !short && html("div", { class: "network-kind" }, l === L ? `output, ${store.get().opened?.layers[l - 2]?.activation ?? ""}` : kind),
        hidden ? html("div", { class: "network-widths" }, by(-1), html("span", {}, String(n)), by(1)) : html("div", { class: "network-widths" }, html("span", {}, String(n))));
      item.style.left = `${now.circles[index]?.[0]?.x ?? 0}px`;
      return item;
    });
    const more = html("button", { type: "button", disabled: L >= deepest, onclick: () => change((widths, names) => {
      widths.splice(-1, 0, widths.length > 2 ? (widths[widths.length - 2] ?? 3) : 3);
      names.splice(-1, 0, (names.length > 1 ? names[names.length - 2] : names[0]) ?? "sigmoid");
    }) }, "+ layer");
    const less = html("button", { type: "button", disabled: L <= 2, onclick: () => change((widths, names) => {
      widths.splice(-2, 1);
      names.splice(-2, 1);
    }) }, "− layer");
    captions.classList.toggle("is-narrow", short);
    fill(captions, ...items, html("div", { class: "network-depth", role: "group", "aria-label": "Hidden layers" }, less, more));
  }

  function draw() {
    const { frame, opened } = store.get();
    if (!drawn || !shape || !theme || !opened || !frame || frame.p.length !== opened.size) return;
    const walk = source.get();
    const fits = walk && walk.a.length === opened.layers.length + 1 ? walk : null;
    drawNetwork(drawn, { layout: shape, p: frame.p, layers: opened.layers, walk: fits, theme });
    highlight();
    tell();
  }

  function highlight() {
    const { chosen } = store.get();
    const { layer } = preview.get();
    for (const [key, group] of groups) {
      const l = Number(key.split(",")[0]);
      group.classList.toggle("is-chosen", chosen.neuron !== null && key === chosen.neuron.join());
      group.classList.toggle("in-walk", layer?.l === l);
      group.classList.toggle("is-looked", looked !== null && key === `${looked.l},${looked.j}`);
    }
    for (const { edge, line } of drawn?.edges ?? []) {
      const on = looked !== null && looked.l === edge.l && looked.j === edge.j && (looked.k === null || looked.k === edge.k);
      line.classList.toggle("is-looked", on);
    }
  }

  /** @param {{l: number, j: number, k: number | null} | null} at */
  function look(at) {
    looked = at;
    highlight();
    tell();
  }

  /** The numbers of what is looked at. */
  function tell() {
    const { frame, opened } = store.get();
    if (!frame || !opened || frame.p.length !== opened.size) return;
    const walk = source.get();
    const L = opened.layers.length + 1;
    if (!looked || looked.l > L || looked.j > (looked.l === 1 ? 2 : (opened.layers[looked.l - 2]?.width ?? 0))) {
      fill(panel, html("p", { class: "network-hint" }, walk ? "Point at a neuron or an edge to read its numbers; click a neuron to see its value over the plane." : "Choose a point in the plane to see its activations; point at a neuron or an edge to read its numbers."));
      return;
    }
    const { l, j, k } = looked;
    const pair = (/** @type {Element} */ name, /** @type {number | undefined} */ value) => html("span", { class: "pair" }, inline(name, "="), " ", html("b", {}, value === undefined ? "–" : even(value, 5)));
    const title = (/** @type {string} */ text) => html("span", { class: "network-what" }, text);
    if (l === 1) {
      fill(panel, title(`Input ${j}`), pair(symbol("a", 1, j), walk?.a[0]?.[j - 1]));
      return;
    }
    const here = /** @type {Layer} */ (opened.layers[l - 2]);
    if (k !== null) {
      fill(panel, title(`From ${l === 2 ? "input" : "neuron"} ${k} of layer ${l - 1} to neuron ${j} of layer ${l}`), pair(symbol("w", l, j, k), weight(frame.p, opened.layers, l, j, k)),
        walk && pair(symbol("a", l - 1, k), walk.a[l - 2]?.[k - 1]), walk && pair(symbol("δ", l, j), walk.delta[l - 2]?.[j - 1]), walk && pair(slope(symbol("w", l, j, k)), walk.dW[l - 2]?.[j - 1]?.[k - 1]));
      return;
    }
    const ks = Array.from({ length: Math.min(12, here.W[2]) }, (_, index) => index + 1);
    fill(panel, title(`Neuron ${j} of layer ${l}, ${here.activation}`), ...ks.map((i) => pair(symbol("w", l, j, i), weight(frame.p, opened.layers, l, j, i))), here.W[2] > ks.length && html("span", {}, `… ${here.W[2]} weights`),
      pair(symbol("b", l, j), bias(frame.p, opened.layers, l, j)), walk && pair(symbol("z", l, j), walk.z[l - 2]?.[j - 1]), walk && pair(symbol("a", l, j), walk.a[l - 1]?.[j - 1]), walk && pair(symbol("δ", l, j), walk.delta[l - 2]?.[j - 1]));
  }

  /** Every number as tables, while they are open. */
  const list = atMost(500, () => {
    const { frame, opened } = store.get();
    if (!all.open || !frame || !opened || frame.p.length !== opened.size) return;
    const walk = source.get();
    fill(tables, ...opened.layers.map(({ l, width: n, W: [, , columns] }) => {
      const cell = (/** @type {number | undefined} */ v) => html("td", {}, v === undefined ? "–" : even(v, 5));
      const head = [...Array.from({ length: columns }, (_, k) => inline(indexed("w", `j${k + 1}`, l))), inline(indexed("b", "j", l)), ...(walk ? ["z", "a", "δ"].map((s) => inline(indexed(s, "j", l))) : [])];
      return html("table", {}, html("caption", {}, `Layer ${l}`), html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "j"), ...head.map((h) => html("th", { scope: "col" }, h)))),
        html("tbody", {}, ...Array.from({ length: n }, (_, i) => html("tr", {}, html("th", { scope: "row" }, String(i + 1)), ...Array.from({ length: columns }, (_, k) => cell(weight(frame.p, opened.layers, l, i + 1, k + 1))),
          cell(bias(frame.p, opened.layers, l, i + 1)), ...(walk ? [cell(walk.z[l - 2]?.[i]), cell(walk.a[l - 1]?.[i]), cell(walk.delta[l - 2]?.[i])] : [])))));
    }));
  });

  const live = atMost(50, draw);
  store.subscribe((state, before) => {
    if (state.tab !== "network" && state.tab !== "walk") return;
    if (state.opened !== before.opened || state.chosen.neuron !== before.chosen.neuron || state.tab !== before.tab || state.fields !== before.fields) build();
    else if (state.frame !== before.frame) live();
    if (state.frame !== before.frame) list();
  });
  source.subscribe(() => {
    draw();
    list();
  });
  preview.subscribe(highlight);
  watchSize(stage, (w, h) => {
    [width, height] = [w, h];
    build();
  });
  watchTheme(element, (now) => {
    theme = now;
    built = "";
    build();
  });
}
