/** The network's layers, changed in place: one line for each, with its width and its activation. */

import { activationsOf, activationText, fieldOf, widthsOf } from "../fields.js";
import { button, fill, h, setText } from "./dom.js";
import { explain } from "./explain.js";
import { attempt, content } from "./complaint.js";
import { allowed, choiceText, escapable, sentence } from "./form.js";
import { parametersOf } from "../limits.js";
import { whole } from "./numbers.js";

/** @import { Actions, AppState, Fields, Store } from "../types.js" */

/** @param {Fields} fields
 * @param {Store} store
 * @param {Actions} actions */
export function layersEditor(fields, store, actions) {
  const about = fieldOf(fields, "layers");
  const list = h("ol", { class: "layers", start: 2 });
  const most = Number(fields.limits.layers ?? 8);
  const widest = Number(fields.limits.width ?? 64);
  const summary = h("p", { class: "row-note" });
  const add = button({ icon: "plus", text: "hidden layer", label: "Add a hidden layer before the output", click: () => change(add, (widths, names) => insert(widths, names)) });
  const element = h("div", { class: "layers-editor", "data-field": "layers" }, list, h("div", { class: "row-buttons" }, add, summary));
  explain(element, { title: "layers", help: sentence(`${about?.help ?? ""}; and their activations`), equation: "(8), (1)" });

  /** @param {number[]} widths
   * @param {string[]} names */
  function insert(widths, names) {
    widths.splice(-1, 0, widths.length > 2 ? widths[widths.length - 2] : 3);
    names.splice(-1, 0, names.length > 1 ? names[names.length - 2] : names[0]);
  }

  /** @param {HTMLElement} control  where a complaint belongs
   * @param {(widths: number[], names: string[]) => void} how */
  function change(control, how) {
    const { experiment } = store.get();
    const widths = widthsOf(String(experiment.layers));
    const names = activationsOf(String(experiment.activation), widths.length - 1);
    attempt(control, () => {
      how(widths, names);
      const patch = { layers: widths.join("-"), activation: activationText(names) };
      allowed(store, patch);
      actions.setFields(patch);
    });
  }

  /** One line, for layer l of L.
   * @param {number} l
   * @param {number} L */
  function line(l, L) {
    const last = l === L;
    const less = button({ icon: "minus", label: `One neuron fewer in layer ${l}`, click: () => change(width, (widths) => (widths[l - 1] = Math.max(1, widths[l - 1] - 1))) });
    const more = button({ icon: "plus", label: `One neuron more in layer ${l}`, click: () => change(width, (widths) => (widths[l - 1] = Math.min(widest, widths[l - 1] + 1))) });
    const width = h("input", { type: "text", inputmode: "numeric", class: "input-width", "aria-label": `Neurons in layer ${l}`, "data-name": `width-${l}`, autocomplete: "off" });
    width.addEventListener("change", () => change(width, (widths) => (widths[l - 1] = width.value.trim() === "" ? NaN : Number(width.value))));
    escapable(width);
    width.addEventListener("keydown", (event) => {
      if (event.key === "ArrowUp") more.click();
      else if (event.key === "ArrowDown") less.click();
      else return;
      event.preventDefault();
    });
    const activation = h("select", { "aria-label": `Activation of layer ${l}`, "data-name": `activation-${l}` }, ...fields.activations.map((name) => h("option", { value: name, text: choiceText(name) })));
    activation.addEventListener("change", () => change(activation, (_, names) => (names[l - 2] = activation.value)));
    const remove = button({
      icon: "close",
      label: `Take layer ${l} out`,
      class: "button-quiet",
      click: () =>
        change(remove, (widths, names) => {
          widths.splice(l - 1, 1);
          names.splice(l - 2, 1);
        }),
    });
    if (last) {
      width.readOnly = true;
      width.title = "one output for each category";
      less.disabled = more.disabled = true;
      remove.classList.add("unseen");
      remove.disabled = true;
    }
    const item = h("li", { class: "layer" }, h("span", { class: "layer-name" }, h("span", { text: last ? "output" : "layer" }), ` ${l}`), h("span", { class: "stepper" }, less, width, more), activation, remove);
    return { item, width, activation };
  }

  /** @type {ReturnType<typeof line>[]} */
  let lines = [];
  return {
    element,
    /** @param {AppState} state */
    update(state) {
      const widths = widthsOf(String(state.experiment.layers));
      const names = activationsOf(String(state.experiment.activation), widths.length - 1);
      if (lines.length !== widths.length - 1) {
        lines = widths.slice(1).map((_, i) => line(i + 2, widths.length));
        fill(list, ...lines.map(({ item }) => item));
      }
      lines.forEach(({ width, activation }, i) => {
        if (document.activeElement !== width || width.dataset.shown !== String(widths[i + 1])) {
          width.value = width.dataset.shown = String(widths[i + 1]);
          content(width);
        }
        activation.value = names[i];
      });
      add.disabled = widths.length >= most;
      content(add);
      setText(summary, `${whole(parametersOf(widths))} parameters`);
    },
  };
}
