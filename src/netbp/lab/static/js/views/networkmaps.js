/** What every neuron makes of the plane, in little: asked for beside the frames, so that none of them waits for it, and painted as tiles. */

import { cividis, pixel, table } from "./colours.js";
import { fitCanvas } from "./dom.js";
import { corner } from "./networkdraw.js";
import { span } from "./shade.js";

/** @import { Actions, Opened, Store } from "../types.js" */
/** @import { Layout } from "./networkmodel.js" */
/** @import { Theme } from "./theme.js" */

/** The answer of /neurons: n by n values of each neuron, layer after layer from the inputs on, rows from the smallest x2.
 * @typedef {{run: string, step: number, n: number, sizes: number[], values: Float32Array, means: Float32Array}} Maps */

/** Grid points a side. */
const SIDE = 24;
/** Milliseconds between two questions while the run goes on, at least; and how many times as long as an answer takes. */
const SELDOM = 300;
const REST = 8;
/** The smallest radius of a tile that shows anything, in CSS pixels. */
export const LEAST = 7;

const COLOURS = table(cividis);
const NOTHING = pixel([127, 127, 127]);

/** The maps of the step shown: one question at a time, a few a second while it trains, and once when it stands.
 * @param {Store} store
 * @param {Actions} actions
 * @param {() => boolean} wanted
 * @param {() => void} then  called when there are others
 * @returns {{get: () => Maps | null, look: () => void}}  the newest maps, until there are newer ones: also those of another run */
export function mapsOf(store, actions, wanted, then) {
  /** @type {Maps | null} */
  let maps = null;
  let flying = false;
  let next = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const current = () => {
    const { opened, frame } = store.get();
    return Boolean(maps && opened && frame && maps.run === opened.run && maps.step === frame.header.step);
  };

  function look() {
    const { opened, frame, playing } = store.get();
    if (flying || !opened || !frame || frame.header.run !== opened.run || !wanted() || current() || document.hidden) return;
    clearTimeout(timer);
    const now = performance.now();
    if (playing && now < next) {
      timer = setTimeout(look, next - now);
      return;
    }
    flying = true;
    actions
      .askBinary("neurons", { step: frame.header.step, grid: SIDE })
      .then(
        ({ header, sections }) => {
          maps = { run: header.run, step: header.step, n: SIDE, sizes: header["sizes"], values: /** @type {Float32Array} */ (sections["maps"]?.values), means: /** @type {Float32Array} */ (sections["means"]?.values) };
          then();
        },
        () => void (next = performance.now() + 2000), // the client has said why
      )
      .finally(() => {
        flying = false;
        const done = performance.now();
        next = Math.max(next, done + Math.max(SELDOM, REST * (done - now)));
        look();
      });
  }
  return { get: () => maps, look };
}

/** The range of a neuron's colours: as in the plane; of an input the values that there are.
 * @param {Maps} maps
 * @param {Opened} opened
 * @param {number} l
 * @param {number} j
 * @returns {[number, number]} */
function rangeOf(maps, opened, l, j) {
  if (l === 1) return [opened.extent[2 * j - 2] ?? 0, opened.extent[2 * j - 1] ?? 1];
  return span(valuesOf(maps, l, j), "neuron", opened.layers[l - 2]?.activation ?? "");
}

/** The place of a neuron among all.
 * @param {number[]} sizes
 * @param {number} l
 * @param {number} j
 * @returns {number} */
export function placeOf(sizes, l, j) {
  return sizes.slice(0, l - 1).reduce((sum, n) => sum + n, 0) + j - 1;
}

/** @param {Maps} maps @param {number} l @param {number} j @returns {Float32Array} */
function valuesOf({ values, sizes, n }, l, j) {
  const at = placeOf(sizes, l, j) * n * n;
  return values.subarray(at, at + n * n);
}

/** A neuron's mean over the plane, from 0 to 1 of its range.
 * @param {Maps} maps
 * @param {Opened} opened
 * @param {number} l
 * @param {number} j
 * @returns {number | null} */
export function shadeOf(maps, opened, l, j) {
  const [least, most] = rangeOf(maps, opened, l, j);
  const mean = ((maps.means[placeOf(maps.sizes, l, j)] ?? NaN) - least) / (most - least || 1);
  return Number.isFinite(mean) ? Math.min(1, Math.max(0, mean)) : null;
}

/** Write a neuron's n by n pixels, the largest x2 on top; grey where the value is no number.
 * @param {Uint32Array} pixels
 * @param {Maps} maps
 * @param {Opened} opened
 * @param {number} l
 * @param {number} j */
export function shadeTile(pixels, maps, opened, l, j) {
  const { n } = maps;
  const values = valuesOf(maps, l, j);
  const [least, most] = rangeOf(maps, opened, l, j);
  const scale = 255 / (most - least || 1);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const at = (values[i * n + k] ?? NaN) * scale - least * scale;
      pixels[(n - 1 - i) * n + k] = at === at ? (COLOURS[Math.max(0, Math.min(255, Math.round(at)))] ?? 0) : NOTHING;
    }
  }
}

/** Paint the tiles of a layout, with a ring where the chosen point lies.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLCanvasElement} small  a canvas that nobody sees, for one tile
 * @param {{maps: Maps, opened: Opened, layout: Layout, width: number, height: number, theme: Theme, point: ArrayLike<number> | null}} model */
export function paintTiles(canvas, small, { maps, opened, layout: { circles, radius }, width, height, theme, point }) {
  const context = fitCanvas(canvas, width, height);
  context.clearRect(0, 0, width, height);
  const { n } = maps;
  if (small.width !== n) small.width = small.height = n;
  const drawing = /** @type {CanvasRenderingContext2D} */ (small.getContext("2d", { willReadFrequently: true }));
  const image = drawing.createImageData(n, n);
  const pixels = new Uint32Array(image.data.buffer);
  context.imageSmoothingQuality = "high";
  const [left, right, bottom, top] = opened.extent;
  for (const { l, j, x, y } of circles.flat()) {
    if (placeOf(maps.sizes, l, j) >= maps.means.length) continue;
    shadeTile(pixels, maps, opened, l, j);
    drawing.putImageData(image, 0, 0);
    context.save();
    context.beginPath();
    context.roundRect(x - radius, y - radius, 2 * radius, 2 * radius, corner(radius));
    context.clip();
    context.drawImage(small, x - radius, y - radius, 2 * radius, 2 * radius);
    context.restore();
    if (!point) continue;
    const [x1, x2] = [((point[0] ?? 0) - left) / (right - left), ((point[1] ?? 0) - bottom) / (top - bottom)];
    context.beginPath();
    context.arc(x - radius + 2 * radius * x1, y + radius - 2 * radius * x2, Math.max(1.6, 0.09 * radius), 0, 2 * Math.PI);
    context.fillStyle = theme.paper;
    context.fill();
    context.lineWidth = 1.2;
    context.strokeStyle = theme.ink;
    context.stroke();
  }
}
