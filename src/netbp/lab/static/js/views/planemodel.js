/** From the state to what the plane draws: grids, outlines and words, without the page. */

import { number, percent } from "./format.js";
import { categoryOf, span } from "./shade.js";

/** @import { Extent, Frame, Opened, Point } from "../types.js" */
/** @import { Shaded, Shading } from "./shade.js" */

/** The view of a frame: "category", "margin" or "neuron:l,j"; a frame that says it is believed before the reader's choice.
 * @param {Frame} frame
 * @param {string} chosen
 * @returns {string} */
export function viewOf(frame, chosen) {
  return typeof frame.header.view === "string" ? frame.header.view : chosen;
}

/** The part of the plane that a frame's grid covers.
 * @param {Frame} frame
 * @param {Opened} opened
 * @returns {Extent} */
export function extentOf(frame, opened) {
  return Array.isArray(frame.header.extent) ? /** @type {Extent} */ (frame.header.extent) : opened.extent;
}

/** The grid of a frame as it is shaded, or null for a frame without one.
 * @param {Frame | null} frame
 * @param {Opened} opened
 * @param {string} chosen  the view asked for
 * @returns {Shaded | null} */
export function gridOf(frame, opened, chosen) {
  if (!frame || (!frame.grid && !frame.category)) return null;
  const view = viewOf(frame, chosen);
  const values = frame.grid ? frame.grid.values : null;
  const n = frame.grid ? frame.grid.n : Math.round(Math.sqrt(frame.category?.length ?? 0));
  /** @type {Shading} */
  const shading = view.startsWith("neuron") ? "neuron" : view === "margin" ? "margin" : "category";
  const at = shading === "neuron" ? Number(view.slice(7).split(",")[0]) : Infinity;
  const layer = opened.layers.find(({ l }) => l === at) ?? opened.layers[opened.layers.length - 1];
  const [least, most] = shading === "category" ? [0, 1] : span(values, shading, layer?.activation ?? "");
  const signed = shading === "margin" && opened.categories.length === 2;
  return { n, values, category: frame.category, shading, least: shading === "margin" && !signed ? 0 : least, most };
}

/** What the colours of the shade mean; "" where the regions explain themselves.
 * @param {string} view
 * @param {Opened} opened
 * @returns {string} */
export function legendOf(view, opened) {
  if (view === "margin") return opened.categories.length === 2 ? "F₁ − F₂" : "lead of the largest output";
  if (!view.startsWith("neuron")) return "";
  const [l, j] = view.slice(7).split(",");
  return `output of neuron ${j} of layer ${l}`;
}

/** The grid point next to a place in the plane.
 * @param {Shaded} grid
 * @param {Extent} extent
 * @param {number} x1
 * @param {number} x2
 * @returns {number} */
export function nearest(grid, extent, x1, x2) {
  const place = (/** @type {number} */ x, /** @type {number} */ low, /** @type {number} */ high) =>
    Math.max(0, Math.min(grid.n - 1, Math.round(((x - low) / (high - low)) * (grid.n - 1))));
  return place(x2, extent[2], extent[3]) * grid.n + place(x1, extent[0], extent[1]);
}

/** Which points lie in a region of another category: as the frame says, else by the next grid point.
 * @param {Frame} frame
 * @param {Shaded} grid
 * @param {Extent} extent
 * @param {Point[]} points
 * @returns {ArrayLike<number> | null} */
export function wrongPoints(frame, grid, extent, points) {
  const said = frame.sections["wrong"];
  if (said) return said.values;
  if (!grid.category && grid.shading === "neuron") return null;
  const category = categoryOf(grid);
  return points.map(([x1, x2, c]) => (category(nearest(grid, extent, x1, x2)) === c ? 0 : 1));
}

/** In words, what the shade says at a place.
 * @param {Shaded | null} grid
 * @param {Extent} extent
 * @param {[number, number]} at
 * @param {string} view
 * @param {Opened} opened
 * @returns {string} */
export function reading(grid, extent, [x1, x2], view, opened) {
  const place = `x = (${number(x1, 3)}, ${number(x2, 3)})`;
  if (!grid) return place;
  const k = nearest(grid, extent, x1, x2);
  const value = grid.values ? (grid.values[k] ?? 0) : null;
  const parts = [place];
  if (grid.category || grid.shading !== "neuron") parts.push(`category ${opened.categories[categoryOf(grid)(k)] ?? "?"}`);
  if (value !== null) {
    const name = view.startsWith("neuron") ? legendOf(view, opened) : opened.categories.length === 2 ? "F₁ − F₂" : "lead";
    parts.push(`${name} = ${number(value, 3)}`);
  }
  return parts.join(" · ");
}

/** In words, how many points are classified rightly.
 * @param {Frame} frame
 * @param {Opened} opened
 * @returns {string} */
export function score(frame, opened) {
  const held = opened.points.filter((point) => point[3]).length;
  const n = opened.points.length - held;
  const text = `${Math.round(frame.header.right * n)} of ${n} right`;
  return held && frame.header.held_right !== null ? `${text}, held out ${percent(frame.header.held_right)}` : text;
}
