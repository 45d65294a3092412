/** A slice through the cost's surface: filled contours of log10 Cost in two directions, with the run's path drawn on it. */

import { css, cividis } from "./colours.js";
import { boundary, levelSides, pathOf } from "./contour.js";
import { fill, fitCanvas, html, watchSize } from "./dom.js";
import { count, number, percent, powerOfTen } from "./format.js";
import { watchTheme } from "./theme.js";

/** @import { Actions, Frame, Store } from "../types.js" */
/** @import { Theme } from "./theme.js" */

/** A slice. logs: (rows, columns) log10 of the cost, row 0 the smallest second coordinate. path: (m, 2) coordinates, perhaps none.
 * @typedef {{rows: number, columns: number, logs: Float64Array, axes: [[number, number], [number, number]], labels: [string, string],
 *   path: [number, number][], marks: {x: number, y: number, name: string}[]}} Slice */

/** Read the answer of /api/surface.
 * @param {Frame} answer
 * @returns {Slice} */
export function sliceOf({ header, sections }) {
  const section = sections["logs"];
  const logs = Float64Array.from(section?.values ?? []);
  const [rows = 0, columns = 0] = section?.shape ?? [];
  const path = sections["path"];
  /** @type {[number, number][]} */
  const places = [];
  if (path) for (let k = 0; k + 1 < path.values.length; k += 2) places.push([path.values[k] ?? 0, path.values[k + 1] ?? 0]);
  const names = /** @type {string[]} */ (header["marks"] ?? []);
  const at = sections["marks"]?.values ?? [];
  const marks = names.map((name, k) => ({ x: at[2 * k] ?? 0, y: at[2 * k + 1] ?? 0, name }));
  return { rows, columns, logs, axes: header["axes"], labels: labelsOf(header), path: places, marks };
}

/** @param {Record<string, any>} header @returns {[string, string]} */
function labelsOf(header) {
  const known = /** @type {Record<string, [string, string]>} */ ({ path: ["first principal direction", "second principal direction"], between: ["towards the other run", "across"] });
  const labels = known[header["kind"]] ?? ["first random direction", "second random direction"];
  const explained = header["explained"] ?? null;
  const with_ = (/** @type {number} */ k) => (explained && explained[k] !== null && explained[k] !== undefined ? `${labels[k]} (${percent(explained[k])} of the variance)` : String(labels[k]));
  return [with_(0), with_(1)];
}

/** The range of the logarithms in whole or half steps, and the steps between contours.
 * @param {Float64Array} logs
 * @returns {{least: number, most: number, step: number}} */
export function levelsOf(logs) {
  let [least, most] = [Infinity, -Infinity];
  for (const v of logs) {
    if (!Number.isFinite(v)) continue;
    [least, most] = [Math.min(least, v), Math.max(most, v)];
  }
  if (!(most > least)) return { least: (Number.isFinite(least) ? least : 0) - 0.5, most: (Number.isFinite(least) ? least : 0) + 0.5, step: 0.25 };
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2].find((s) => (most - least) / s <= 20) ?? Math.ceil((most - least) / 16);
  return { least: Math.floor(least / step) * step, most: Math.ceil(most / step) * step, step };
}

/** Draw a slice.
 * @param {CanvasRenderingContext2D} context  in CSS pixels
 * @param {{width: number, height: number, theme: Theme, slice: Slice, ratio: number}} model */
export function drawSurface(context, { width, height, theme, slice, ratio }) {
  const { size } = theme;
  const { rows, columns, logs, axes: [[x0, x1], [y0, y1]] } = slice;
  context.clearRect(0, 0, width, height);
  const [left, top, w, h] = [4.4 * size, 0.8 * size, width - 9.6 * size, height - 4.4 * size];
  if (w < 30 || h < 30 || rows < 2) return;
  const { least, most, step } = levelsOf(logs);
  const bands = Math.round((most - least) / step);
  const colour = (/** @type {number} */ band) => cividis(0.04 + (0.94 * (bands - 1 - Math.min(bands - 1, Math.max(0, band)))) / Math.max(1, bands - 1));
  const colours = Array.from({ length: bands }, (_, k) => colour(k));
  const [W, H] = [Math.round(w * ratio), Math.round(h * ratio)];
  const image = context.createImageData(W, H);
  for (let i = 0; i < H; i++) {
    const v = ((H - 1 - i) / (H - 1)) * (rows - 1);
    const r = Math.min(rows - 2, Math.floor(v));
    for (let j = 0; j < W; j++) {
      const u = (j / (W - 1)) * (columns - 1);
      const c = Math.min(columns - 2, Math.floor(u));
      const [s, t] = [u - c, v - r];
      const k = r * columns + c;
      const value = (1 - t) * ((1 - s) * (logs[k] ?? 0) + s * (logs[k + 1] ?? 0)) + t * ((1 - s) * (logs[k + columns] ?? 0) + s * (logs[k + columns + 1] ?? 0));
      const [red, green, blue] = colours[Math.min(bands - 1, Math.max(0, Math.floor((value - least) / step)))] ?? [128, 128, 128];
      image.data.set(Number.isFinite(value) ? [red, green, blue, 255] : [128, 128, 128, 255], 4 * (i * W + j));
    }
  }
  context.putImageData(image, Math.round(left * ratio), Math.round(top * ratio));
  const x = (/** @type {number} */ a) => left + (w * (a - x0)) / (x1 - x0);
  const y = (/** @type {number} */ b) => top + h - (h * (b - y0)) / (y1 - y0);
  context.save();
  context.beginPath();
  context.rect(left, top, w, h);
  context.clip();
  context.strokeStyle = "rgba(255, 255, 255, 0.3)";
  context.lineWidth = 0.7;
  for (let k = 1; k < bands; k++) context.stroke(pathOf(boundary(rows, columns, levelSides(logs, least + k * step)), (j) => left + (w * j) / (columns - 1), (i) => top + h - (h * i) / (rows - 1)));
  drawPath(context, slice, x, y, size);
  context.restore();
  context.strokeStyle = theme.ink;
  context.lineWidth = 1;
  context.strokeRect(left, top, w, h);
  context.fillStyle = theme.ink;
  context.font = `${0.92 * size}px ${theme.font}`;
  context.textBaseline = "top";
  for (const [value, anchor] of /** @type {[number, CanvasTextAlign][]} */ ([[x0, "left"], [x1, "right"]])) {
    context.textAlign = anchor;
    context.fillText(number(value, 3), x(value), top + h + 0.3 * size);
  }
  context.textAlign = "center";
  context.fillText(slice.labels[0], left + w / 2, top + h + 1.7 * size);
  context.textAlign = "right";
  for (const value of [y0, y1]) {
    context.textBaseline = value === y0 ? "alphabetic" : "top";
    context.fillText(number(value, 3), left - 0.4 * size, y(value));
  }
  context.save();
  context.translate(1.2 * size, top + h / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(slice.labels[1], 0, 0);
  context.restore();
  drawScale(context, { left: left + w + 1.2 * size, top, height: h, theme, colours, least, most });
}

/** @param {CanvasRenderingContext2D} context @param {Slice} slice @param {(a: number) => number} x @param {(b: number) => number} y @param {number} size */
function drawPath(context, { path, marks }, x, y, size) {
  if (path.length) {
    for (const [colour, width] of /** @type {[string, number][]} */ ([["rgba(0, 0, 0, 0.6)", 4], ["#ffffff", 1.8]])) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.lineJoin = "round";
      context.beginPath();
      for (const [a, b] of path) context.lineTo(x(a), y(b));
      context.stroke();
    }
    const first = path[0];
    if (first && !marks.some(({ name }) => name === "the start")) spot(context, x(first[0]), y(first[1]), "#ffffff", "the start", size);
  }
  for (const { x: a, y: b, name } of marks) spot(context, x(a), y(b), name === "this run" ? "#d55e00" : "#ffffff", name, size);
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {string} face @param {string} name @param {number} size */
function spot(context, x, y, face, name, size) {
  context.beginPath();
  context.arc(x, y, 0.42 * size, 0, 2 * Math.PI);
  context.fillStyle = face;
  context.fill();
  context.strokeStyle = "#000000";
  context.lineWidth = 1.2;
  context.stroke();
  context.font = `600 ${0.95 * size}px sans-serif`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.strokeText(name, x + 0.7 * size, y);
  context.fillStyle = "#ffffff";
  context.fillText(name, x + 0.7 * size, y);
}

/** @param {CanvasRenderingContext2D} context
 * @param {{left: number, top: number, height: number, theme: Theme, colours: import("./colours.js").Rgb[], least: number, most: number}} model */
function drawScale(context, { left, top, height, theme, colours, least, most }) {
  const { size } = theme;
  colours.forEach((colour, k) => {
    context.fillStyle = css(colour);
    context.fillRect(left, top + height - ((k + 1) * height) / colours.length, size, height / colours.length + 0.5);
  });
  context.strokeStyle = theme.ink;
  context.strokeRect(left, top, size, height);
  context.fillStyle = theme.ink;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.font = `${0.92 * size}px ${theme.font}`;
  const whole = most - least >= 1.5;
  const places = whole ? Array.from({ length: Math.floor(most) - Math.ceil(least) + 1 }, (_, k) => Math.ceil(least) + k) : [least, (least + most) / 2, most];
  const every = Math.max(1, Math.ceil(places.length / 10));
  places.forEach((e, k) => {
    if (k % every === 0) context.fillText(whole ? powerOfTen(e) : number(10 ** e, 3), left + 1.3 * size, top + height - (height * (e - least)) / (most - least));
  });
  context.textBaseline = "top";
  context.fillText("Cost", left - 0.2 * size, top + height + 0.3 * size);
}

/** @type {[string, string, string][]} */
const KINDS = [
  ["path", "along the path", "The plane that holds most of the run's path: its two principal directions."],
  ["random", "random directions", "Two random directions through the present parameters."],
  ["filter", "filter-normalised", "Two random directions, scaled to the size of each neuron's weights."],
  ["between", "between this run and the pinned one", "From the pinned run's parameters to this run's, and across."],
];

/** Fill the slot #surface.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountSurface(element, store, actions) {
  element.classList.add("view-surface");
  const kind = html("select", { "aria-label": "Directions of the slice" }, ...KINDS.map(([value, label, title]) => html("option", { value, title }, label)));
  const seed = html("input", { type: "number", value: 1, min: 0, max: 1e9, step: 1, "aria-label": "Seed of the random directions" });
  const seedLabel = html("label", {}, "seed ", seed);
  const go = html("button", { type: "submit", class: "view-button" }, "Slice the surface here");
  const words = html("p", { class: "surface-words" });
  const form = html("form", { class: "start-form", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    void ask();
  } }, html("label", {}, "directions ", kind), seedLabel, go);
  const canvas = html("canvas", { role: "img", "aria-label": "The cost on a plane through the parameters" });
  const stage = html("div", { class: "surface-stage" }, canvas);
  element.append(form, words, stage);
  let [width, height] = [0, 0];
  /** @type {Theme | null} */
  let theme = null;
  /** @type {Slice | null} */
  let slice = null;

  function draw() {
    if (!theme || !slice || width < 80) return;
    const ratio = globalThis.devicePixelRatio || 1;
    drawSurface(fitCanvas(canvas, width, height, ratio), { width, height, theme, slice, ratio });
  }

  function about() {
    const { pinned } = store.get();
    const text = KINDS.find(([value]) => value === kind.value)?.[2] ?? "";
    seedLabel.hidden = kind.value === "path" || kind.value === "between";
    const lacking = kind.value === "between" && !pinned;
    go.disabled = lacking;
    words.textContent = lacking ? `${text} Pin a run first.` : text;
  }

  async function ask() {
    const { opened, frame, pinned } = store.get();
    if (!opened || !frame) return;
    go.disabled = true;
    words.textContent = "The cost is being worked out on a grid of 61 × 61 places…";
    try {
      const other = kind.value === "between" && pinned ? { other: { run: pinned.opened.run, step: pinned.frame?.header.step ?? 0 } } : {};
      const answer = await actions.slice({ step: frame.header.step, kind: kind.value, n: 61, seed: Math.max(0, Math.round(Number(seed.value))), ...other });
      if (store.get().opened?.address !== opened.address) return about(); // another run is shown by now
      slice = sliceOf(answer);
      draw();
      const { least, most } = levelsOf(slice.logs);
      const off = Number(answer.header["off"] ?? 0);
      const said = slice.path.length && off > 0 ? ` The path leaves the plane by ${number(off, 2)} at most; its shadow is drawn.` : "";
      words.textContent = `Around step ${count(frame.header.step)}: costs from ${number(10 ** least, 2)} to ${number(10 ** most, 2)} on a logarithmic scale, dark where high.${said}`;
      canvas.setAttribute("aria-label", words.textContent);
    } catch (error) {
      words.textContent = String(error instanceof Error ? error.message : error);
    }
    go.disabled = false;
  }

  kind.addEventListener("change", about);
  store.subscribe((state, before) => {
    if (state.opened?.run !== before.opened?.run && slice) {
      slice = null;
      fill(stage, canvas);
      canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
      about();
    }
    if (state.pinned !== before.pinned) about();
  });
  watchSize(stage, (w, h) => {
    [width, height] = [w, h];
    draw();
  });
  watchTheme(element, (now) => {
    theme = now;
    draw();
  });
  about();
}
