/** A grid of values as pixels: one pixel a grid point, so that the picture can be held against the library's grid. */

import { cividis, mix, pixel, table } from "./colours.js";

/** @import { Rgb } from "./colours.js" */

/** What is shaded: flat tints, by how far the winner leads, or a single neuron's value.
 * @typedef {"category" | "margin" | "neuron"} Shading */

/** What `shade` reads. values: (n, n) by rows, row 0 the smallest x2. category: (n, n), or null for two categories, where the sign says it.
 * @typedef {{n: number, values: ArrayLike<number> | null, category: ArrayLike<number> | null, shading: Shading, least: number, most: number}} Shaded */

/** The tables of colours of a theme.
 * @typedef {{tints: Uint32Array, ramps: Uint32Array[], neuron: Uint32Array, key: string}} Palette */

/** How strong the flat tint of a category is, in light and dark. */
const TINT = { light: 0.26, dark: 0.42 };

/** The flat tint of a category.
 * @param {Rgb} paper
 * @param {Rgb} colour
 * @param {boolean} dark
 * @returns {Rgb} */
export function tint(paper, colour, dark) {
  return mix(paper, colour, dark ? TINT.dark : TINT.light);
}

/** The colours for shading: tints of the categories, ramps from the paper to each category, and the map of a neuron's values.
 * @param {{paper: Rgb, categories: Rgb[]}} rgb
 * @param {boolean} dark
 * @returns {Palette} */
export function palette(rgb, dark) {
  return {
    tints: Uint32Array.from(rgb.categories, (colour) => pixel(tint(rgb.paper, colour, dark))),
    ramps: rgb.categories.map((colour) => table((t) => mix(rgb.paper, colour, 0.06 + 0.66 * t))),
    neuron: table(cividis),
    key: JSON.stringify([rgb, dark]),
  };
}

/** The category of grid point k: as given, or by the sign of F1 - F2.
 * @param {Shaded} grid
 * @returns {(k: number) => number} */
export function categoryOf({ category, values }) {
  return category ? (k) => category[k] ?? 0 : (k) => ((values?.[k] ?? 0) > 0 ? 0 : 1);
}

/** Write the n by n pixels, the largest x2 on top, into `pixels`.
 * @param {Uint32Array} pixels
 * @param {Shaded} grid
 * @param {Palette} colours */
export function shade(pixels, grid, colours) {
  const { n, values, category, shading, least, most } = grid;
  const [tints, neuron] = [colours.tints, colours.neuron];
  const span = most - least || 1;
  for (let i = 0; i < n; i++) {
    const row = (n - 1 - i) * n;
    for (let j = 0; j < n; j++) {
      const k = i * n + j;
      const value = values ? (values[k] ?? 0) : 0;
      if (shading === "neuron") {
        pixels[row + j] = neuron[Math.max(0, Math.min(255, Math.round((255 * (value - least)) / span)))] ?? 0;
        continue;
      }
      const c = category ? (category[k] ?? 0) : value > 0 ? 0 : 1;
      if (shading === "category") pixels[row + j] = tints[c] ?? 0;
      else pixels[row + j] = colours.ramps[c]?.[Math.min(255, Math.round((255 * Math.abs(value)) / (most || 1)))] ?? 0;
    }
  }
}

/** The range that the colours span: of a sigmoid [0, 1], of tanh [-1, 1], else a round number that holds the values.
 * @param {ArrayLike<number> | null} values
 * @param {Shading} shading
 * @param {string} activation  of the neuron, or of the output layer
 * @returns {[number, number]} */
export function span(values, shading, activation) {
  if (shading === "neuron" && activation === "sigmoid") return [0, 1];
  if (shading === "neuron" && activation === "tanh") return [-1, 1];
  if (shading !== "neuron" && activation === "sigmoid") return [-1, 1];
  let [least, most] = [Infinity, -Infinity];
  for (let k = 0; values && k < values.length; k++) {
    const value = values[k] ?? 0;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const largest = Math.max(Math.abs(least), Math.abs(most));
  if (!Number.isFinite(largest) || largest === 0) return [-1, 1];
  const power = 10 ** Math.floor(Math.log10(largest));
  const round = power * ([1, 2, 5, 10].find((m) => m * power >= largest * (1 - 1e-12)) ?? 10);
  return least >= 0 && shading === "neuron" ? [0, round] : [-round, round];
}
