/** The plane of figures 1, 4 and 8: regions, boundary and points. `drawPlane` is pure; the mount is in planemount.js. */

import { boundary, categorySides, levelSides, pathOf, smoothed } from "./contour.js";
import { css } from "./colours.js";
import { number } from "./format.js";
import { closed, mark } from "./marks.js";
import { palette, shade } from "./shade.js";

export { mountPlane } from "./planemount.js";

/** @import { Chains } from "./contour.js" */
/** @import { Extent, Point } from "../types.js" */
/** @import { Palette, Shaded } from "./shade.js" */
/** @import { Theme } from "./theme.js" */

/** All that the drawing needs. lines: boundaries in grid coordinates, of this run, of the pinned one (`pinned`), after one gradient
 * step (`next`); each with the grid's n. wrong: for each point whether it is classified wrongly, or null. at: the keyboard's cross.
 * @typedef {{width: number, height: number, theme: Theme, extent: Extent, grid: Shaded | null, lines: Outline | null,
 *   pinned: Outline | null, next: Outline | null, points: Point[], categories: string[], chosen: number | null,
 *   wrong: ArrayLike<number> | null, at: [number, number] | null, legend: string, image: HTMLCanvasElement | null}} PlaneModel */

/** @typedef {{n: number, lines: Chains, extent: Extent}} Outline */

/** Where the plane lies in the picture, and the maps between both.
 * @typedef {{left: number, top: number, width: number, height: number, x: (x1: number) => number, y: (x2: number) => number,
 *   x1: (x: number) => number, x2: (y: number) => number}} Frame */

/** The largest rectangle with equal units on both axes that leaves room for the labels.
 * @param {number} width
 * @param {number} height
 * @param {Extent} extent
 * @param {number} size  of the letters
 * @param {boolean} legend
 * @returns {Frame} */
export function frameOf(width, height, [x1min, x1max, x2min, x2max], size, legend) {
  const [left, right, top, bottom] = [2.3 * size, 0.9 * size, 0.9 * size, (legend ? 4.2 : 2) * size];
  const scale = Math.max(1e-9, Math.min((width - left - right) / (x1max - x1min), (height - top - bottom) / (x2max - x2min)));
  const [w, h] = [scale * (x1max - x1min), scale * (x2max - x2min)];
  const x0 = left + (width - left - right - w) / 2;
  const y0 = top + (height - top - bottom - h) / 2;
  return {
    left: x0,
    top: y0,
    width: w,
    height: h,
    x: (x1) => x0 + scale * (x1 - x1min),
    y: (x2) => y0 + h - scale * (x2 - x2min),
    x1: (x) => x1min + (x - x0) / scale,
    x2: (y) => x2min + (y0 + h - y) / scale,
  };
}

/** The radius of a point's mark: large for ten points, small for ten thousand.
 * @param {number} size
 * @param {number} n
 * @returns {number} */
export function radius(size, n) {
  return size * (n <= 30 ? 0.56 : n <= 300 ? 0.36 : n <= 2000 ? 0.24 : 0.14);
}

/** The outline F1 = F2, or between more categories, of a grid; null without a grid.
 * @param {Shaded | null} grid
 * @param {Extent} extent
 * @returns {Outline | null} */
export function outline(grid, extent) {
  if (!grid) return null;
  const { n, values, category, shading } = grid;
  if (category && shading === "neuron") return { n, extent, lines: smoothed(boundary(n, n, categorySides(category, null))) };
  if (category) return { n, extent, lines: boundary(n, n, categorySides(category, values)) };
  return values && shading !== "neuron" ? { n, extent, lines: boundary(n, n, levelSides(values, 0)) } : null;
}

/** Draw the plane.
 * @param {CanvasRenderingContext2D} context  in CSS pixels
 * @param {PlaneModel} model */
export function drawPlane(context, model) {
  const { width, height, theme, extent } = model;
  const frame = frameOf(width, height, extent, theme.size, model.legend !== "");
  context.clearRect(0, 0, width, height);
  context.save();
  context.beginPath();
  context.rect(frame.left, frame.top, frame.width, frame.height);
  context.fillStyle = theme.paper;
  context.fill();
  context.clip();
  if (model.grid && model.image) drawRegions(context, model.grid, model.image, frame);
  context.lineJoin = "round";
  if (model.lines) stroke(context, model.lines, frame, theme.boundary, 0.15 * theme.size, [], theme.paper);
  if (model.pinned) stroke(context, model.pinned, frame, theme.boundary, 0.12 * theme.size, [0.55 * theme.size, 0.4 * theme.size]);
  if (model.next) stroke(context, model.next, frame, theme.accent, 0.22 * theme.size, [0.25 * theme.size, 0.25 * theme.size]);
  context.restore();
  drawAxes(context, frame, extent, theme);
  drawPoints(context, model, frame);
  if (model.at) drawCross(context, model.at, frame, theme);
  if (model.legend && model.grid) drawLegend(context, model, frame);
}

/** The regions: each grid point is a rectangle around its place, so the outermost ones reach half a step over the edge, which is clipped.
 * @param {CanvasRenderingContext2D} context
 * @param {Shaded} grid
 * @param {HTMLCanvasElement} image
 * @param {Frame} frame */
function drawRegions(context, grid, image, frame) {
  const [dx, dy] = [frame.width / (grid.n - 1), frame.height / (grid.n - 1)];
  context.imageSmoothingEnabled = false;
  context.drawImage(image, frame.left - dx / 2, frame.top - dy / 2, frame.width + dx, frame.height + dy);
}

/** @type {{key: string, palette: Palette} | null} */
let colours = null;

/** Write the grid's pixels into a small canvas, one a grid point.
 * @param {HTMLCanvasElement} image
 * @param {Shaded} grid
 * @param {Theme} theme */
export function paint(image, grid, theme) {
  const key = JSON.stringify([theme.rgb, theme.dark]);
  if (colours?.key !== key) colours = { key, palette: palette(theme.rgb, theme.dark) };
  if (image.width !== grid.n || image.height !== grid.n) [image.width, image.height] = [grid.n, grid.n];
  const context = /** @type {CanvasRenderingContext2D} */ (image.getContext("2d"));
  const pixels = context.createImageData(grid.n, grid.n);
  shade(new Uint32Array(pixels.data.buffer), grid, colours.palette);
  context.putImageData(pixels, 0, 0);
}

/** @param {CanvasRenderingContext2D} context @param {Outline} outline @param {Frame} frame @param {string} colour @param {number} width
 * @param {number[]} dash @param {string} [halo] */
function stroke(context, { n, lines, extent }, frame, colour, width, dash, halo) {
  const [dx, dy] = [(extent[1] - extent[0]) / (n - 1), (extent[3] - extent[2]) / (n - 1)];
  const path = pathOf(lines, (j) => frame.x(extent[0] + j * dx), (i) => frame.y(extent[2] + i * dy));
  context.setLineDash([]);
  if (halo) {
    context.strokeStyle = halo;
    context.lineWidth = 2.2 * width;
    context.globalAlpha = 0.6;
    context.stroke(path);
    context.globalAlpha = 1;
  }
  context.setLineDash(dash);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
  context.setLineDash([]);
}

/** @param {CanvasRenderingContext2D} context @param {Frame} frame @param {Extent} extent @param {Theme} theme */
function drawAxes(context, frame, extent, theme) {
  context.strokeStyle = theme.ink;
  context.lineWidth = 1;
  context.strokeRect(frame.left, frame.top, frame.width, frame.height);
  context.fillStyle = theme.ink;
  context.font = `${theme.size}px ${theme.font}`;
  const [below, beside] = [frame.top + frame.height + 0.35 * theme.size, frame.left - 0.45 * theme.size];
  context.textBaseline = "top";
  for (const value of [extent[0], extent[1]]) {
    context.textAlign = value === extent[0] ? "left" : "right";
    context.fillText(number(value, 4), frame.x(value), below);
  }
  context.textAlign = "right";
  for (const value of [extent[2], extent[3]]) {
    context.textBaseline = value === extent[2] ? "alphabetic" : "top";
    context.fillText(number(value, 4), beside, frame.y(value));
  }
  context.textBaseline = "top";
  context.textAlign = "center";
  letter(context, "1", frame.left + frame.width / 2, below, theme);
  context.textBaseline = "middle";
  letter(context, "2", beside - 0.5 * theme.size, frame.top + frame.height / 2, theme);
}

/** An italic x with a subscript.
 * @param {CanvasRenderingContext2D} context @param {string} index @param {number} x @param {number} y @param {Theme} theme */
function letter(context, index, x, y, theme) {
  context.font = `italic ${1.15 * theme.size}px ${theme.font}`;
  context.fillText("x", x, y);
  const width = context.measureText("x").width;
  context.font = `${0.75 * theme.size}px ${theme.font}`;
  context.fillText(index, x + 0.5 * width + 0.25 * theme.size, y + 0.4 * theme.size);
}

/** @param {CanvasRenderingContext2D} context @param {PlaneModel} model @param {Frame} frame */
function drawPoints(context, { points, theme, chosen, wrong }, frame) {
  const r = radius(theme.size, points.length);
  context.lineCap = "round";
  points.forEach(([x1, x2, c, held], i) => {
    const [x, y] = [frame.x(x1), frame.y(x2)];
    const colour = theme.categories[c % theme.categories.length] ?? theme.ink;
    mark(context, c, x, y, r);
    if (closed(c)) {
      context.fillStyle = held ? css(theme.rgb.paper, 0.55) : css(theme.rgb.paper, 0.85);
      context.fill();
    } else {
      context.strokeStyle = css(theme.rgb.paper, 0.9); // a halo, so that a cross stands out on its own tint
      context.lineWidth = 0.95 * r;
      context.stroke();
    }
    context.strokeStyle = colour;
    context.lineWidth = (held ? 0.26 : 0.42) * r;
    context.globalAlpha = held ? 0.85 : 1;
    context.stroke();
    context.globalAlpha = 1;
    if (wrong?.[i]) {
      context.strokeStyle = theme.bad;
      context.lineWidth = 0.16 * r;
      context.setLineDash([0.5 * r, 0.35 * r]);
      context.beginPath();
      context.rect(x - 1.75 * r, y - 1.75 * r, 3.5 * r, 3.5 * r);
      context.stroke();
      context.setLineDash([]);
    }
    if (i === chosen) {
      context.strokeStyle = theme.ink;
      context.lineWidth = Math.max(1.2, 0.22 * r);
      context.beginPath();
      context.arc(x, y, 2 * r, 0, 2 * Math.PI);
      context.stroke();
    }
  });
}

/** @param {CanvasRenderingContext2D} context @param {[number, number]} at @param {Frame} frame @param {Theme} theme */
function drawCross(context, [x1, x2], frame, theme) {
  const [x, y, arm] = [frame.x(x1), frame.y(x2), theme.size];
  for (const [colour, width] of /** @type {[string, number][]} */ ([[theme.paper, 4], [theme.accent, 1.8]])) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (const s of [-1, 1]) {
      context.moveTo(x + s * 0.35 * arm, y);
      context.lineTo(x + s * arm, y);
      context.moveTo(x, y + s * 0.35 * arm);
      context.lineTo(x, y + s * arm);
    }
    context.stroke();
  }
}

/** The bar of colours below the plane: what the shade means.
 * @param {CanvasRenderingContext2D} context @param {PlaneModel} model @param {Frame} frame */
function drawLegend(context, { grid, theme, legend }, frame) {
  if (!grid || !colours) return;
  const { size } = theme;
  const [width, height] = [Math.min(frame.width, 16 * size), 0.75 * size];
  const [x, y] = [frame.left + (frame.width - width) / 2, frame.top + frame.height + 2.1 * size];
  const cells = 128;
  for (let k = 0; k < cells; k++) {
    const t = k / (cells - 1);
    const two = grid.shading === "margin" && grid.least < 0;
    const map = grid.shading === "neuron" ? colours.palette.neuron : colours.palette.ramps[two && t < 0.5 ? 1 : 0];
    const place = grid.shading === "neuron" ? t : two ? Math.abs(2 * t - 1) : t;
    const colour = map?.[Math.round(255 * place)] ?? 0;
    context.fillStyle = `rgb(${colour & 255}, ${(colour >> 8) & 255}, ${(colour >> 16) & 255})`;
    context.fillRect(x + (k * width) / cells, y, width / cells + 0.6, height);
  }
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(x, y, width, height);
  context.fillStyle = theme.ink;
  context.font = `${0.92 * size}px ${theme.font}`;
  context.textBaseline = "middle";
  context.textAlign = "right";
  context.fillText(number(grid.least, 3), x - 0.4 * size, y + height / 2);
  context.textAlign = "left";
  context.fillText(number(grid.most, 3), x + width + 0.4 * size, y + height / 2);
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillText(legend, x + width / 2, y + height + 0.2 * size);
}
