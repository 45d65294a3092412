/** Bars: what a network says of an image, class by class, and the values of a layer that has no maps. */

import { html } from "../dom.js";
import { number } from "../format.js";

/** @import { Theme } from "../theme.js" */

/** A class with a bar and a number.
 * @param {{name: string, value: number, most: number, probabilities: boolean, kind: string}} what  kind: see `kindOf`
 * @returns {HTMLElement} */
export function classBar({ name, value, most, probabilities, kind }) {
  const bar = html("span", { class: "bar" });
  bar.style.width = `${Math.max(0, Math.min(100, (100 * value) / (most || 1)))}%`;
  return html("span", { class: `class-bar ${kind}` },
    html("span", { class: "class-name" }, name), html("span", { class: "bar-room", "aria-hidden": "true" }, bar), html("span", { class: "class-value" }, shown(value, probabilities)));
}

/** How a class stands to the truth: "is-true" is what the image shows, "is-mistaken" what it is wrongly taken for.
 * @param {number} k
 * @param {number} predicted
 * @param {number | null} was  null where nobody knows
 * @returns {string} */
export function kindOf(k, predicted, was) {
  return k === was ? "is-true" : k === predicted && was !== null ? "is-mistaken" : k === predicted ? "is-said" : "";
}

/** A probability in per cent, another output as a number.
 * @param {number} value
 * @param {boolean} probabilities
 * @returns {string} */
export function shown(value, probabilities) {
  if (!probabilities) return number(value, 3);
  return value < 0.0005 ? "0.0 %" : value > 0.9995 ? "100 %" : `${(100 * value).toFixed(1)} %`;
}

/** Values as bars from a line at 0, in CSS pixels.
 * @param {CanvasRenderingContext2D} context
 * @param {{width: number, height: number, values: ArrayLike<number>, theme: Theme}} model */
export function drawBars(context, { width, height, values, theme }) {
  context.clearRect(0, 0, width, height);
  const all = Array.from(values);
  const [low, high] = [Math.min(0, ...all), Math.max(0, ...all)];
  const y = (/** @type {number} */ v) => 1 + ((height - 2) * (high - v)) / (high - low || 1);
  const step = width / (all.length || 1);
  all.forEach((value, k) => {
    context.fillStyle = value < 0 ? theme.negative : theme.positive;
    const [top, bottom] = [Math.min(y(value), y(0)), Math.max(y(value), y(0))];
    context.fillRect(k * step + 0.12 * step, top, 0.76 * step, Math.max(bottom - top, 0.5));
  });
  context.fillStyle = theme.ink;
  context.fillRect(0, y(0) - 0.5, width, 1);
}

