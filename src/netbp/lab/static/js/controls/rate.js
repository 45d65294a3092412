/** The learning rate: a slider over decades and its number; changed in the middle of a run it holds from that step on. */

import { fieldOf, rateAt } from "../fields.js";
import { within } from "../limits.js";
import { h, setText } from "./dom.js";
import { numberInput, row, showValue, titleOf } from "./form.js";
import { valueOf } from "../address.js";
import { whole } from "./numbers.js";

/** @import { Actions, AppState, Fields, Store } from "../types.js" */

const LOW = -5;
const HIGH = 3;

/** The rate at a place of the slider, two figures.
 * @param {number} place */
const rateOf = (place) => Number((10 ** place).toPrecision(2));

/** @param {Fields} fields
 * @param {Store} store
 * @param {Actions} actions */
export function rateRow(fields, store, actions) {
  const field = fieldOf(fields, "rate");
  if (!field) throw new Error("the server tells of no rate");
  const number = numberInput({ name: "rate", parse: (text) => within(valueOf(text, field), field, titleOf("rate")), commit: (value) => actions.changeRate(Number(value)), decades: true });
  number.id = "field-rate";
  const slider = h("input", { type: "range", min: LOW, max: HIGH, step: 0.01, class: "slider", "aria-label": "Learning rate, on a logarithmic scale", "data-name": "rate-slider" });
  slider.addEventListener("input", () => actions.changeRate(rateOf(Number(slider.value))));
  slider.addEventListener("keydown", () => (slider.step = "0.1"));
  slider.addEventListener("pointerdown", () => (slider.step = "0.01"));
  const note = h("p", { class: "row-note" });
  const line = row(titleOf("rate"), number, { help: `${field.help}; changed while it runs, it holds from that step on`, equation: field.equation });
  line.append(slider, note);
  line.classList.add("row-slider");
  line.dataset.field = "rate";
  return {
    element: line,
    /** @param {AppState} state */
    update(state) {
      const rate = rateAt(state.experiment, state.shown);
      showValue(number, rate);
      if (document.activeElement !== slider || rateOf(Number(slider.value)) !== rate) slider.value = String(Math.log10(Math.max(rate, 1e-12)));
      slider.setAttribute("aria-valuetext", String(rate));
      setText(note, state.experiment.changes && state.shown > 0 ? `in force at step ${whole(state.shown)}; it began with ${state.experiment.rate}` : "");
      line.classList.toggle("changed", state.experiment.rate !== field.default || state.experiment.changes !== "");
    },
  };
}
