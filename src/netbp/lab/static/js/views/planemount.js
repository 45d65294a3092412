/** The plane in the page: pointer, keyboard, and what is drawn when. */

import { fill, fitCanvas, html, watchSize } from "./dom.js";
import { rounded } from "./format.js";
import { drawPlane, frameOf, outline, paint, radius } from "./plane.js";
import { extentOf, gridOf, legendOf, reading, score, viewOf, wrongPoints } from "./planemodel.js";
import { pointKeys } from "./planepoints.js";
import { previewOf } from "./preview.js";
import { watchTheme } from "./theme.js";

/** @import { Actions, AppState, Extent, Store } from "../types.js" */
/** @import { PlaneModel } from "./plane.js" */
/** @import { Theme } from "./theme.js" */

/** Fill the slot #plane.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountPlane(element, store, actions) {
  const canvas = html("canvas", {
    tabindex: 0,
    class: "plane-canvas",
    role: "application",
    "aria-label": "The plane. Arrow keys move a cross, Enter uses the tool there; Tab goes on to the points.",
  });
  const overlay = html("div", { class: "plane-points", role: "group", "aria-label": "Points" });
  const stage = html("div", { class: "plane-stage" }, canvas, overlay);
  const words = html("output", { class: "plane-reading" });
  const tally = html("span", { class: "plane-tally" });
  const mistakes = html("input", { type: "checkbox", onchange: () => actions.option("wrong", mistakes.checked) });
  const shades = html("select", { class: "plane-shades", "aria-label": "What the plane is shaded by", onchange: () => {
    const neuron = /^neuron:(\d+),(\d+)$/.exec(shades.value);
    actions.chooseNeuron(neuron ? Number(neuron[1]) : null, neuron ? Number(neuron[2]) : undefined);
    actions.option("plane", shades.value);
  } });
  const foot = html("div", { class: "plane-foot" }, html("label", {}, "shade ", shades), words, tally, html("label", { class: "plane-wrong" }, mistakes, " mark errors"));
  element.classList.add("view-plane");
  element.append(stage, foot);

  const image = document.createElement("canvas");
  const preview = previewOf(store);
  let [width, height] = [0, 0];
  let exact = "";
  /** @type {Theme | null} */
  let theme = null;
  /** @type {[number, number] | null} */
  let cross = null;
  /** @type {[number, number] | null} */
  let pointer = null;
  /** @type {Pick<PlaneModel, "grid" | "lines" | "pinned" | "next" | "wrong" | "legend"> & {extent: Extent, view: string}} */
  const parts = { grid: null, lines: null, pinned: null, next: null, wrong: null, legend: "", extent: [0, 1, 0, 1], view: "category" };
  const keys = pointKeys(overlay, store, actions);

  /** Work out anew what a new frame changes. @param {AppState} state */
  function look({ frame, opened, options }) {
    if (!opened) return;
    if (!frame) parts.extent = opened.extent;
    if (!frame || frame.header.run !== opened.run) return;
    const grid = gridOf(frame, opened, options.plane);
    if (grid && theme) {
      parts.grid = grid;
      parts.extent = extentOf(frame, opened);
      parts.view = viewOf(frame, options.plane);
      const state = `${opened.run} ${frame.header.step} ${parts.extent.join()} ${grid.n}`;
      if (grid.shading !== "neuron" || state !== exact) parts.lines = outline(grid, parts.extent);
      if (grid.shading !== "neuron") exact = state; // a neuron's picture says only the side of each grid point
      parts.legend = legendOf(parts.view, opened);
      paint(image, grid, theme);
    }
    parts.wrong = options["wrong"] && parts.grid ? wrongPoints(frame, parts.grid, parts.extent, opened.points) : null;
    tally.textContent = score(frame, opened);
  }

  function draw() {
    const { opened, chosen } = store.get();
    if (!theme || !opened || width < 20) return;
    drawPlane(fitCanvas(canvas, width, height), {
      ...parts, width, height, theme, points: opened.points, categories: opened.categories, chosen: chosen.point, at: cross, image,
    });
    keys.place(frame(), radius(theme.size, opened.points.length), opened);
    const at = cross ?? pointer;
    words.textContent = at ? reading(parts.grid, parts.extent, at, parts.view, opened) : "";
    const dataset = canvas.dataset; // for tests: where the plane lies in the picture
    const { left, top, width: w, height: h } = frame();
    dataset["frame"] = [left, top, w, h].map((v) => v.toFixed(2)).join(" ");
  }

  let listed = "";
  /** The choices of shade: regions, F1 - F2, and every neuron. @param {AppState} state */
  function listShades({ opened, options }) {
    if (!opened) return;
    const widths = opened.layers.map(({ width }) => width);
    const key = JSON.stringify([widths, opened.categories.length]);
    if (key !== listed) {
      listed = key;
      const option = (/** @type {string} */ value, /** @type {string} */ text) => html("option", { value }, text);
      const groups = opened.layers.map(({ l, width: n }) =>
        html("optgroup", { label: `Layer ${l}` }, ...Array.from({ length: n }, (_, j) => option(`neuron:${l},${j + 1}`, `neuron ${j + 1} of layer ${l}`))));
      fill(shades, option("category", "regions"), option("margin", opened.categories.length === 2 ? "F₁ − F₂" : "lead of the largest"), ...groups);
    }
    shades.value = options.plane;
  }

  const frame = () => frameOf(width, height, parts.extent, theme?.size ?? 13, parts.legend !== "");

  store.subscribe((state, before) => {
    if (state.pinned !== before.pinned) {
      const { frame: kept = null, opened = null } = state.pinned ?? {};
      parts.pinned = kept && opened ? outline(gridOf(kept, opened, "category"), extentOf(kept, opened)) : null;
    }
    if (state.opened?.run !== before.opened?.run) preview.set({ next: null });
    const seen = state.frame !== before.frame || state.opened !== before.opened || state.options !== before.options;
    if (seen) look(state);
    if (state.opened !== before.opened || state.options !== before.options) listShades(state);
    mistakes.checked = Boolean(state.options["wrong"]);
    canvas.classList.toggle("deleting", state.options.tool === "delete");
    if (seen || state.pinned !== before.pinned || state.chosen !== before.chosen) draw();
  });
  preview.subscribe(({ next }) => {
    const { opened } = store.get();
    parts.next = next && opened ? outline(gridOf(next, opened, "category"), extentOf(next, opened)) : null;
    draw();
  });
  watchSize(stage, (w, h) => {
    [width, height] = [w, h];
    draw();
  });
  watchTheme(element, (now) => {
    theme = now;
    look(store.get());
    draw();
  });

  /** The point under the pointer, or null.
   * @param {PointerEvent} event @returns {number | null} */
  function under(event) {
    const { opened } = store.get();
    if (!opened || !theme) return null;
    const [x, y] = spot(event);
    const reach = Math.max(radius(theme.size, opened.points.length) * 1.6, event.pointerType === "mouse" ? 7 : 18);
    let [found, least] = [/** @type {number | null} */ (null), reach];
    const at = frame();
    opened.points.forEach(([x1, x2], i) => {
      const distance = Math.hypot(at.x(x1) - x, at.y(x2) - y);
      if (distance < least) [found, least] = [i, distance];
    });
    return found;
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  function spot(event) {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** The place in the plane, rounded as far as the screen can show, or null outside.
   * @param {number} x @param {number} y @param {boolean} [clip] @returns {[number, number] | null} */
  function planePlace(x, y, clip = false) {
    const [left, right, bottom, top] = parts.extent;
    let [x1, x2] = [frame().x1(x), frame().x2(y)];
    if (clip) [x1, x2] = [Math.min(right, Math.max(left, x1)), Math.min(top, Math.max(bottom, x2))];
    else if (x1 < left || x1 > right || x2 < bottom || x2 > top) return null;
    return [rounded(x1, right - left), rounded(x2, top - bottom)];
  }

  /** @type {{i: number, from: [number, number], moved: boolean} | null} */
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    cross = null;
    const { options } = store.get();
    const i = under(event);
    const [x, y] = spot(event);
    const at = planePlace(x, y);
    if (options.tool === "delete") {
      if (i !== null) actions.deletePoint(i);
    } else if (i !== null) {
      drag = { i, from: [x, y], moved: false };
      canvas.setPointerCapture(event.pointerId);
    } else if (options.tool === "add" && at) actions.addPoint(...at, options.category);
    else actions.choosePoint(null);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = spot(event);
    pointer = planePlace(x, y);
    if (drag) {
      drag.moved ||= Math.hypot(x - drag.from[0], y - drag.from[1]) > 3;
      const at = planePlace(x, y, true);
      if (drag.moved && at) actions.movePoint(drag.i, ...at);
    } else canvas.classList.toggle("over-point", under(event) !== null);
    const { opened } = store.get();
    if (opened) words.textContent = pointer ? reading(parts.grid, parts.extent, pointer, parts.view, opened) : "";
  });
  const drop = () => {
    if (drag && !drag.moved) actions.choosePoint(store.get().chosen.point === drag.i ? null : drag.i);
    drag = null;
  };
  canvas.addEventListener("pointerup", drop);
  canvas.addEventListener("pointercancel", () => (drag = null));
  canvas.addEventListener("pointerleave", () => {
    pointer = null;
    words.textContent = "";
  });

  const arrows = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] });
  canvas.addEventListener("keydown", (event) => {
    const { opened, options } = store.get();
    const way = arrows[event.key];
    if (!opened || event.ctrlKey || event.metaKey || event.altKey) return;
    const [left, right, bottom, top] = parts.extent;
    if (way) {
      const step = event.shiftKey ? 0.1 : 0.01;
      const [x1, x2] = cross ?? [(left + right) / 2, (bottom + top) / 2];
      cross = [
        rounded(Math.min(right, Math.max(left, x1 + way[0] * step * (right - left))), right - left),
        rounded(Math.min(top, Math.max(bottom, x2 + way[1] * step * (top - bottom))), top - bottom),
      ];
      actions.say(reading(parts.grid, parts.extent, cross, parts.view, opened));
    } else if (cross && event.key === "Enter") {
      if (options.tool === "add") actions.addPoint(...cross, options.category);
    } else if (event.key === "Escape") cross = null;
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });
  canvas.addEventListener("blur", () => {
    cross = null;
    draw();
  });
}
