/** From the curves to what the cost's chart draws: limits, series, the fitted line; no page and no store. */

import { logLimits } from "./chart.js";
import { number } from "./format.js";

/** @import { Curves } from "../types.js" */

/** The answer of /convergence, as far as it is drawn. curve: [step, cost] of the fitted law, empty where none holds.
 * @typedef {{decay: "linear" | "algebraic" | "none", kind: string, rate?: number | null, exponent?: number | null,
 *   interval?: [number | null, number | null], plateaus: {start: number, end: number, level: number}[], curve: [number, number][],
 *   sentence: string} & Record<string, any>} Convergence */

/** The least positive and the greatest finite of some curves, times `factor`.
 * @param {Curves[]} curves
 * @param {number} factor
 * @returns {[number, number]} */
export function costLimits(curves, factor) {
  let [least, most] = [Infinity, 0];
  const take = (/** @type {number} */ v) => {
    if (v > 0 && v < least) least = v;
    if (v > most && Number.isFinite(v)) most = v;
  };
  for (const { length, min, max, held } of curves) {
    for (let k = 0; k < length; k++) {
      take(min[k] ?? 0);
      take(max[k] ?? 0);
    }
    for (let k = 0; k < held.length; k++) take(held.value[k] ?? 0);
  }
  return logLimits(factor * least, Math.min(1e308, factor * most)); // a run that diverges comes close to the largest number
}

/** The last step of a curve, at least 1.
 * @param {Curves} curves
 * @returns {number} */
export function lastStep(curves) {
  return Math.max(1, curves.length ? (curves.last[curves.length - 1] ?? 1) : 1);
}

/** The place of a step among the bins.
 * @param {Curves} curves
 * @param {number} step
 * @returns {number} */
export function binAt(curves, step) {
  let [low, high] = [0, curves.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((curves.last[middle] ?? 0) < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The fitted decay in a few letters for the chart: "linear, 10⁻⁶ a step"; its interval is in the sentence.
 * @param {Convergence} fit
 * @returns {string} */
export function fitLabel(fit) {
  if (fit.decay === "algebraic") return `t to the power −${number(fit.exponent, 3)}`;
  return fit.decay === "linear" ? `linear, ${number(fit.rate, 3)} a step` : fit.kind;
}
