/** Rows of the form: a label, an input made for the field's type, its explanation, and the server's complaint where it belongs. */

import { valueOf } from "../address.js";
import { fieldOf } from "../fields.js";
import { refusal, within } from "../limits.js";
import { attempt, content } from "./complaint.js";
import { h } from "./dom.js";
import { explain } from "./explain.js";

/** @import { Actions, Field, Store, Value } from "../types.js" */

/** What fields are called on the page where their name says too little. */
const TITLES = /** @type {Record<string, string>} */ ({
  held_out: "held out",
  lm_tolerance: "tolerance",
  penalty: "penalty λ",
  rate: "rate η",
  batch: "batch m",
  changes: "rate changes",
  decay: "weight decay",
  damping: "damping μ",
  pairs: "memory",
  record: "record every",
  start: "start number",
  steps: "steps in all",
  stream: "random numbers",
  scale: "spread of start",
});

/** What choices are called. */
const CHOICES = /** @type {Record<string, string>} */ ({
  softmax_log_loss: "softmax log loss",
  stochastic: "Stochastic gradient",
  steepest: "Steepest descent",
  "levenberg-marquardt": "Levenberg–Marquardt",
  "l-bfgs": "L-BFGS",
  "newton-cg": "Newton–CG",
  "trust-region": "Trust region",
  "nelder-mead": "Nelder–Mead",
  sgd: "plain gradient",
  momentum: "momentum",
  nesterov: "Nesterov",
  adagrad: "AdaGrad",
  rmsprop: "RMSProp",
  adam: "Adam",
  replacement: "with replacement",
  epochs: "without (epochs)",
  matlab: "MATLAB's",
  numpy: "NumPy's",
  leaky_relu: "leaky ReLU",
  relu: "ReLU",
  components: "of components",
  norms: "of norms",
});

/** @param {string} name */
export function titleOf(name) {
  return TITLES[name] ?? name.replaceAll("_", " ");
}

/** @param {string} choice */
export function choiceText(choice) {
  return CHOICES[choice] ?? choice.replaceAll("_", " ");
}

/** @param {string} text */
export function sentence(text) {
  const trimmed = text.trim();
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** Where in the paper it stands, after a sentence.
 * @param {string | null | undefined} equation */
function whereText(equation) {
  if (!equation) return "";
  return equation.startsWith("section") ? ` Paper, ${equation}.` : ` Equation ${equation}.`;
}

let made = 0;

/** A row: label, input, help for screen readers, and an explanation for the strip.
 * @param {string} title
 * @param {HTMLElement} input
 * @param {{help: string, equation?: string | null, unit?: string, class?: string}} about */
export function row(title, input, { help, equation, class: kind = "" }) {
  const id = input.id || `control-${++made}`;
  input.id = id;
  const told = h("span", { id: `${id}-help`, class: "row-help", text: `${sentence(help)}${whereText(equation)}` });
  input.setAttribute("aria-describedby", told.id);
  const element = h("div", { class: `row ${kind}`.trim() }, h("label", { class: "row-label", for: id, text: title }), input, told);
  explain(element, { title, help: sentence(help), equation });
  return element;
}

/** Throws an Error when the server would refuse the experiment with these fields changed.
 * @param {Store} store
 * @param {Record<string, Value>} patch */
export function allowed(store, patch) {
  const { experiment, fields, opened } = store.get();
  const line = fields && refusal({ ...experiment, ...patch }, fields, opened);
  if (line) throw new Error(line);
}

/** A text input for a number: the arrow keys go through 1, 2, 5, 10, ...; Enter or leaving it sets the value, Escape takes back what
 * was written. What `parse` or `commit` throw is told below it.
 * @param {{name: string, parse: (text: string) => Value, commit: (value: Value) => void, decades?: boolean, whole?: boolean}} how */
export function numberInput({ name, parse, commit, decades = false, whole = false }) {
  const input = h("input", { type: "text", inputmode: whole ? "numeric" : "decimal", autocomplete: "off", spellcheck: "false", class: "input-number", "data-name": name });
  const take = () => void attempt(input, () => commit(parse(input.value)));
  input.addEventListener("change", take);
  escapable(input);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    const value = Number(input.value);
    if (!Number.isFinite(value)) return;
    event.preventDefault();
    const up = event.key === "ArrowUp";
    input.value = String(decades ? neighbour(value, up) : whole ? Math.max(0, value + (up ? 1 : -1)) : neighbour(value, up));
    take();
  });
  return input;
}

/** Escape takes back what was written in an input.
 * @param {HTMLInputElement} input */
export function escapable(input) {
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || input.dataset.shown === undefined) return;
    input.value = input.dataset.shown;
    content(input);
  });
}

/** The next number of 1, 2, 5, 10, 20, ... above or below.
 * @param {number} value
 * @param {boolean} up */
export function neighbour(value, up) {
  if (value <= 0) return up ? 0.001 : 0;
  const power = Math.floor(Math.log10(value) + 1e-9);
  const ladder = [-1, 0, 1].flatMap((k) => [1, 2, 5].map((m) => Number(`${m}e${power + k}`)));
  const next = up ? ladder.find((x) => x > value * (1 + 1e-9)) : ladder.findLast((x) => x < value * (1 - 1e-9));
  return next ?? value;
}

/** Show a value in an input unless somebody is writing in it.
 * @param {HTMLInputElement | HTMLSelectElement} input
 * @param {Value} value */
export function showValue(input, value) {
  const text = String(value);
  if (input.value === text) input.dataset.shown = text;
  if (input.value === text || (document.activeElement === input && input instanceof HTMLInputElement && input.type === "text" && input.dataset.shown === text)) return;
  input.value = text;
  input.dataset.shown = text;
  content(input);
}

/** A select with choices; one that cannot be had is told below it, and taken back.
 * @param {string} name
 * @param {string[]} choices
 * @param {(value: string) => void} commit */
export function select(name, choices, commit) {
  const element = h("select", { "data-name": name }, ...choices.map((choice) => h("option", { value: choice, text: choiceText(choice) })));
  element.addEventListener("change", () => {
    if (!attempt(element, () => commit(element.value)) && element.dataset.shown !== undefined) element.value = element.dataset.shown;
  });
  return element;
}

/** A row for any field of the experiment, from what the server says of it.
 * @param {Field} field
 * @param {Store} store
 * @param {Actions} actions
 * @returns {{element: HTMLElement, input: HTMLInputElement | HTMLSelectElement, update: () => void}} */
export function fieldRow(field, store, actions) {
  /** @param {Value} value */
  const commit = (value) => {
    allowed(store, { [field.name]: value });
    actions.setField(field.name, value);
  };
  const title = titleOf(field.name);
  /** @type {HTMLInputElement | HTMLSelectElement} */
  let input;
  if (field.type === "choice") input = select(field.name, field.choices ?? [], commit);
  else if (field.type === "text") {
    input = h("input", { type: "text", autocomplete: "off", spellcheck: "false", class: "input-text", "data-name": field.name, placeholder: "none" });
    input.addEventListener("change", () => void attempt(input, () => commit(input.value.trim())));
    escapable(input);
  } else {
    input = numberInput({ name: field.name, parse: (text) => within(valueOf(text, field), field, title), commit, whole: field.type === "int" });
  }
  input.id = `field-${field.name}`;
  const element = row(title, input, { help: field.help, equation: field.equation });
  element.dataset.field = field.name;
  return {
    element,
    input,
    update() {
      const state = store.get();
      showValue(input, state.experiment[field.name] ?? field.default);
      if (input instanceof HTMLSelectElement) content(input);
      element.classList.toggle("changed", state.experiment[field.name] !== fieldOf(state.fields, field.name)?.default);
    },
  };
}
