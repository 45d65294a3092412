/** Which fields there are, which of them say anything in an experiment, and how to read an experiment's own small texts. */

/** @import { Experiment, Field, Fields } from "./types.js" */

/** A field by its name.
 * @param {Fields | null} fields
 * @param {string} name
 * @returns {Field | undefined} */
export function fieldOf(fields, name) {
  return fields?.fields.find((field) => field.name === name);
}

/** Whether a field plays a part in this experiment: its method and its rule use it.
 * @param {Field} field
 * @param {Experiment} experiment */
export function applies(field, experiment) {
  const method = field.methods ?? [];
  const rules = field.rules ?? [];
  return (
    (method.length === 0 || method.includes(String(experiment.method))) &&
    (rules.length === 0 || experiment.method !== "stochastic" || rules.includes(String(experiment.rule)))
  );
}

/** Whether every field has its default: the experiment is Listing 6.1.
 * @param {Experiment} experiment
 * @param {Fields | null} fields */
export function isListing(experiment, fields) {
  return Boolean(fields) && fields?.fields.every((field) => experiment[field.name] === field.default) === true;
}

/** "mu=0.9,beta=0.99" as an object.
 * @param {string} text
 * @returns {Record<string, number>} */
export function constantsOf(text) {
  return Object.fromEntries(
    String(text)
      .split(",")
      .filter(Boolean)
      .map((part) => part.split("="))
      .map(([name, value]) => [name.trim(), Number(value)]),
  );
}

/** Constants as text: only those that differ from the rule's own.
 * @param {Record<string, number>} constants
 * @param {Record<string, number>} defaults */
export function constantsText(constants, defaults) {
  return Object.entries(constants)
    .filter(([name, value]) => name in defaults && value !== defaults[name])
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

/** The rate's changes, "5000:0.01;10000:0.001", as pairs of a step and the rate after it.
 * @param {string} text
 * @returns {[step: number, rate: number][]} */
export function changesOf(text) {
  return String(text)
    .split(";")
    .filter(Boolean)
    .map((part) => part.split(":"))
    .map(([step, rate]) => [Number(step), Number(rate)]);
}

/** The rate in force at a step.
 * @param {Experiment} experiment
 * @param {number} step */
export function rateAt(experiment, step) {
  let rate = Number(experiment.rate);
  for (const [from, value] of changesOf(String(experiment.changes ?? ""))) if (step >= from) rate = value;
  return rate;
}

/** The widths of "2-2-3-2".
 * @param {string} layers */
export function widthsOf(layers) {
  return String(layers).split("-").map(Number);
}

/** One activation for each layer from the second on, for one name or a list of them.
 * @param {string} activation
 * @param {number} layers  how many there are without the input
 * @returns {string[]} */
export function activationsOf(activation, layers) {
  const names = String(activation).split(",");
  return Array.from({ length: layers }, (_, i) => (names.length === 1 ? names[0] : (names[i] ?? names[names.length - 1])));
}

/** The shortest text for these activations.
 * @param {string[]} names */
export function activationText(names) {
  return names.every((name) => name === names[0]) ? names[0] : names.join(",");
}

/** Whether a method moves by small cheap steps, thousands a frame, or by few dear ones.
 * @param {Experiment} experiment */
export function manySteps(experiment) {
  return experiment.method === "stochastic" || experiment.method === "steepest";
}
