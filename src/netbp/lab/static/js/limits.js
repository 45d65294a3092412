/** What the server would refuse, told beforehand: the limits of /api/fields, and the few choices that do not go together. */

import { applies, fieldOf, widthsOf } from "./fields.js";

/** @import { Experiment, Field, Fields, Opened, Value } from "./types.js" */

/** least, most: of a number, where there is a bound.
 * @typedef {Field & {least?: number, most?: number}} Limited */

/** What a drawn set may have.
 * @typedef {{n: number, noise: number, categories: number, least?: number, multiple?: number}} Set */

/** 10,000 and 0.9, and 1e+6 where it would be longer.
 * @param {number} bound */
const told = (bound) => (Math.abs(bound) < 1e10 ? new Intl.NumberFormat("en-GB", { maximumFractionDigits: 6 }).format(bound) : bound.toExponential().replace("e+", "e"));

/** A number within the bounds of its field. Throws an Error that says them otherwise.
 * @param {Value} value
 * @param {{least?: number, most?: number, type?: string}} limits
 * @param {string} title
 * @returns {Value} */
export function within(value, { least = -Infinity, most = Infinity, type }, title) {
  if (typeof value !== "number" || (value >= least && value <= most)) return value;
  const [low, high] = [least > 0 && least < 1e-100 ? "above 0" : `of at least ${told(least)}`, most < 1e100];
  throw new Error(`${title} is a ${type === "int" ? "whole " : ""}number ${high ? `from ${told(least)} to ${told(most)}` : low}`);
}

/** How many parameters layers of these widths have.
 * @param {number[]} widths */
export function parametersOf(widths) {
  return widths.slice(1).reduce((sum, width, i) => sum + width * ((widths[i] ?? 0) + 1), 0);
}

/** Rounded as Python does it, halves to the even number.
 * @param {number} x */
function rounded(x) {
  const down = Math.floor(x);
  return x - down === 0.5 ? down + (down % 2) : Math.round(x);
}

/** How many points an experiment trains on, or null where only the server knows.
 * @param {Experiment} experiment
 * @param {Fields} fields
 * @param {Opened | null} opened
 * @returns {number | null} */
export function trainedOn({ points, held_out }, fields, opened) {
  const text = String(points);
  const [name = "", n] = text.split(":");
  let [all, starred] = [0, 0];
  if (opened && opened.experiment["points"] === text) {
    all = opened.points.length;
    if (!opened.experiment["held_out"]) starred = all - opened.N;
  } else if (name in fields.sets) all = Number(n ?? fields.sets[name]?.n);
  else if (text.includes(",")) {
    all = text.split(";").filter((entry) => entry.trim()).length;
    starred = (text.match(/\*/g) ?? []).length;
  } else return null;
  return Number(held_out) ? all - Math.min(all - 1, rounded(Number(held_out) * all)) : all - starred;
}

/** Why the server would refuse an experiment, in a line, or "".
 * @param {Experiment} experiment
 * @param {Fields} fields
 * @param {Opened | null} opened
 * @returns {string} */
export function refusal(experiment, fields, opened) {
  const { layers, method, cost, sampling, batch, changes } = experiment;
  const [most, widest, deepest] = [fields.limits["parameters"] ?? Infinity, fields.limits["width"] ?? Infinity, fields.limits["layers"] ?? Infinity];
  const widths = widthsOf(String(layers));
  if (widths.some((n) => !(Number.isInteger(n) && n >= 1 && n <= widest))) return `a layer has from 1 to ${told(widest)} neurons`;
  if (widths.length > deepest) return `a network here has at most ${told(deepest)} layers`;
  if (parametersOf(widths) > most) return `a network here has at most ${told(most)} parameters: this one would have ${told(parametersOf(widths))}`;
  if (method === "levenberg-marquardt" && cost !== "quadratic") return "Levenberg–Marquardt needs a sum of squares: the quadratic cost";
  const rate = fieldOf(fields, "changes");
  if (rate && applies(rate, experiment) && !changesRead(String(changes))) return "write step:rate;step:rate, the steps growing, such as 5000:0.01;10000:0.001";
  const N = trainedOn(experiment, fields, opened);
  if (method === "stochastic" && sampling === "epochs" && N !== null && Number(batch) > N) return `an epoch of ${told(N)} points has no ${told(Number(batch))} different ones: a batch of at most ${told(N)}, or with replacement`;
  return "";
}

/** Whether a text says at which steps the rate changes.
 * @param {string} text */
function changesRead(text) {
  let last = -1;
  for (const part of text.split(";").filter((each) => each.trim())) {
    const [step = "", rate = "", ...more] = part.split(":").map((each) => each.trim());
    if (more.length || !/^\d+$/.test(step) || rate === "" || !(Number(rate) >= 0) || !Number.isFinite(Number(rate)) || Number(step) <= last) return false;
    last = Number(step);
  }
  return true;
}

/** The numbers of a drawn set, as a text for `points`. Throws an Error for numbers that the set cannot have.
 * @param {{name: string, n: Value, noise: Value, seed: Value}} set
 * @param {Fields} fields
 * @returns {string} */
export function drawnSet({ name, n, noise, seed }, fields) {
  const { least = 1, multiple = 1 } = /** @type {Set} */ (fields.sets[name] ?? {});
  within(n, { least, most: fields.limits["points"], type: "int" }, "how many");
  if (Number(n) % multiple) throw new Error(`how many is a multiple of ${multiple} here, for each category has as many`);
  within(noise, { least: 0, most: 1 }, "noise");
  within(seed, { least: 0, most: 2 ** 32 - 1, type: "int" }, "seed of the set");
  return `${name}:${n}:${noise}:${seed}`;
}
