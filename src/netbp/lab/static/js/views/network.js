/** The network of figure 3 with its weights: in each neuron its value over the plane, and every number of what is pointed at or in focus. */

import { activationsOf, activationText, widthsOf } from "../fields.js";
import { atMost, html, svg, watchSize } from "./dom.js";
import { drawCaptions, placeCaptions } from "./networkcaptions.js";
import { buildNetwork, drawNetwork, placeNetwork } from "./networkdraw.js";
import { LEAST, mapsOf, paintTiles, shadeOf } from "./networkmaps.js";
import { layout, sizesOf } from "./networkmodel.js";
import { tabulateNumbers, tellNumbers } from "./networknumbers.js";
import { watchTheme } from "./theme.js";
import { walkOf } from "./walkdata.js";

/** @import { Actions, Opened, Store } from "../types.js" */
/** @import { Circle, Edge, Layout } from "./networkmodel.js" */
/** @import { Drawn } from "./networkdraw.js" */
/** @import { Looked } from "./networknumbers.js" */
/** @import { Theme } from "./theme.js" */

/** Fill the slot #network.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountNetwork(element, store, actions) {
  element.classList.add("view-network");
  const picture = svg("svg", { class: "network-picture", role: "group", "aria-label": "The network. Arrow keys go from neuron to neuron, Enter shows one in the plane." });
  const captions = html("div", { class: "network-captions" });
  const [tiles, small] = [html("canvas", { class: "network-tiles", "aria-hidden": "true" }), document.createElement("canvas")];
  const stage = html("div", { class: "network-stage" }, tiles, picture, captions);
  const panel = html("div", { class: "network-numbers" });
  const tables = html("div", { class: "network-tables" });
  const all = html("details", { class: "network-all", ontoggle: () => list() }, html("summary", {}, "All numbers as tables"), tables);
  element.append(stage, panel, all);

  const source = walkOf(store, actions);
  const seen = () => store.get().tab === "network";
  source.want(seen);
  const maps = mapsOf(store, actions, seen, () => {
    if (drawn?.tiles) paint();
    else draw();
  });
  let [width, height] = [0, 0];
  /** @type {Theme | null} */
  let theme = null;
  /** @type {Layout | null} */
  let shape = null;
  /** @type {Drawn | null} */
  let drawn = null;
  /** @type {Looked | null} */
  let looked = null;
  /** @type {Map<string, SVGGElement>} */
  const groups = new Map();
  let [built, placed] = ["", ""];
  let stop = /** @type {[number, number]} */ ([2, 1]); // where the tabulator comes to

  /** The layers changed, the activations with them. @param {(widths: number[], names: string[]) => void} how */
  function change(how) {
    const { experiment } = store.get();
    const widths = widthsOf(String(experiment["layers"]));
    const names = activationsOf(String(experiment["activation"]), widths.length - 1);
    how(widths, names);
    actions.setFields({ layers: widths.join("-"), activation: activationText(names) });
  }

  function build() {
    const { opened, chosen } = store.get();
    if (!opened || !theme || width < 60) return;
    const sizes = sizesOf(opened);
    const key = JSON.stringify([sizes, opened.layers.map((y) => y.activation), width, height, chosen.neuron && Math.max(...sizes) > 10 ? chosen.neuron : 0, theme.size]);
    if (key !== placed) {
      placed = key;
      const margin = Math.min(width / 5, 5 * theme.size);
      const short = (width - 2 * margin) / Math.max(1, sizes.length - 1) < 7.5 * theme.size;
      picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
      const [top, foot] = [1.9 * theme.size, (short ? 7.4 : 4.8) * theme.size]; // for the buttons above and the captions below
      shape = layout(sizes, width, Math.max(40, height - foot - top), margin, chosen.neuron, 4.2 * theme.size);
      for (const circle of shape.circles.flat()) circle.y += top;
      for (const dot of shape.dots) dot.y += top;
      renew(opened, shape, short);
      placeCaptions(captions, shape);
    }
    draw();
    paint();
  }

  /** The elements, made anew only for other layers and not for another size: who is at one of them stays there.
   * @param {Opened} opened @param {Layout} shape @param {boolean} short */
  function renew(opened, shape, short) {
    const tiled = shape.radius >= LEAST;
    const key = JSON.stringify([shape.circles.map((layer) => layer.map(({ j }) => j)), sizesOf(opened), opened.layers.map((y) => y.activation), short, tiled]);
    if (drawn && key === built) return placeNetwork(drawn, shape);
    built = key;
    groups.clear();
    drawn = buildNetwork(picture, shape, onCircle, onEdge, tiled);
    drawCaptions(captions, { opened, sizes: sizesOf(opened), short, limits: store.get().fields?.limits ?? {} }, change);
    roving(stop);
  }

  /** @param {Circle} circle @param {SVGGElement} group */
  function onCircle({ l, j }, group) {
    groups.set(`${l},${j}`, group);
    group.setAttribute("aria-label", l === 1 ? `Input ${j}` : `Neuron ${j} of layer ${l}`);
    group.addEventListener("pointerenter", () => look({ l, j, k: null }));
    group.addEventListener("focus", () => {
      roving([l, j]);
      look({ l, j, k: null });
    });
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
    if (to) groups.get(`${to.l},${to.j}`)?.focus();
  }

  /** The tabulator comes to one neuron, the last that had the focus. @param {[number, number]} at */
  function roving(at) {
    stop = at;
    const wanted = groups.get(at.join()) ?? groups.get("2,1");
    for (const group of groups.values()) group.setAttribute("tabindex", group === wanted ? "0" : "-1");
  }

  /** The pictures in the tiles; what was there stays until there are others of this network. */
  function paint() {
    const { opened, chosen } = store.get();
    const now = maps.get();
    const fits = drawn?.tiles && shape && theme && opened && now && String(now.sizes) === String(sizesOf(opened));
    tiles.hidden = !fits;
    tiles.dataset["step"] = fits && now.run === opened.run ? String(now.step) : ""; // for tests
    if (!fits || !shape || !theme) return;
    const point = chosen.point === null ? null : (opened.points[chosen.point] ?? null);
    paintTiles(tiles, small, { maps: now, opened, layout: shape, width, height, theme, point });
  }

  function draw() {
    const { frame, opened } = store.get();
    if (!drawn || !shape || !theme || !opened || !frame || frame.p.length !== opened.size) return;
    const walk = source.get();
    const fits = walk && walk.a.length === opened.layers.length + 1 ? walk : null;
    const now = maps.get();
    const shades = now && String(now.sizes) === String(sizesOf(opened)) ? (/** @type {number} */ l, /** @type {number} */ j) => shadeOf(now, opened, l, j) : null;
    drawNetwork(drawn, { layout: shape, p: frame.p, layers: opened.layers, walk: fits, theme, shades });
    highlight();
    tell();
  }

  function highlight() {
    const { chosen } = store.get();
    for (const [key, group] of groups) {
      group.classList.toggle("is-chosen", chosen.neuron !== null && key === chosen.neuron.join());
      group.classList.toggle("is-looked", looked !== null && key === `${looked.l},${looked.j}`);
    }
    for (const { edge, line } of drawn?.edges ?? []) {
      const on = looked !== null && looked.l === edge.l && looked.j === edge.j && (looked.k === null || looked.k === edge.k);
      line.classList.toggle("is-looked", on);
    }
  }

  /** @param {Looked | null} at */
  function look(at) {
    looked = at;
    highlight();
    tell();
  }

  /** The numbers of what is looked at. */
  function tell() {
    const { frame, opened } = store.get();
    if (frame && opened && frame.p.length === opened.size) tellNumbers(panel, { p: frame.p, opened, walk: source.get(), looked, tiles: Boolean(drawn?.tiles) });
  }

  /** Every number as tables, while they are open. */
  const list = atMost(500, () => {
    const { frame, opened } = store.get();
    if (all.open && frame && opened && frame.p.length === opened.size) tabulateNumbers(tables, { p: frame.p, opened, walk: source.get() });
  });

  const live = atMost(50, draw);
  store.subscribe((state, before) => {
    if (state.tab !== "network" && state.tab !== "walk") return;
    if (state.opened !== before.opened || state.chosen.neuron !== before.chosen.neuron || state.tab !== before.tab || state.fields !== before.fields) build();
    else if (state.frame !== before.frame) live();
    if (state.frame !== before.frame) list();
    if (state.frame !== before.frame || state.tab !== before.tab || state.opened !== before.opened || state.playing !== before.playing) maps.look();
    if (state.chosen.point !== before.chosen.point) paint();
  });
  document.addEventListener("visibilitychange", maps.look);
  source.subscribe(() => {
    draw();
    list();
  });
  watchSize(stage, (w, h) => {
    [width, height] = [w, h];
    build();
  });
  watchTheme(element, (now) => {
    theme = now;
    build();
  });
}
