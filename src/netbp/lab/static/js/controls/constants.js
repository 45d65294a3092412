/** The constants of the update rule, each by its name, where the rule has any. */

import { constantsOf, constantsText, fieldOf } from "../fields.js";
import { fill, h } from "./dom.js";
import { numberInput, row, showValue } from "./form.js";

/** @import { Actions, AppState, Fields, Store } from "../types.js" */

/** @type {Record<string, [symbol: string, help: string]>} */
const SYMBOLS = {
  mu: ["momentum μ", "how much of the last direction a step keeps: u → μu + g"],
  alpha: ["memory α", "how slowly the mean of the squared slopes forgets: v → αv + (1 − α)g²"],
  beta1: ["β₁", "how slowly the mean of the slopes forgets: u → β₁u + (1 − β₁)g"],
  beta2: ["β₂", "how slowly the mean of the squared slopes forgets: v → β₂v + (1 − β₂)g²"],
  epsilon: ["ε", "keeps the division by the root of v away from zero"],
};

/** @param {Fields} fields
 * @param {Store} store
 * @param {Actions} actions */
export function constantsRows(fields, store, actions) {
  const element = h("div", { class: "rows", "data-field": "constants" });
  const equation = fieldOf(fields, "constants")?.equation;
  let rule = "";
  /** @type {Map<string, HTMLInputElement>} */
  let inputs = new Map();

  /** @param {Record<string, number>} defaults */
  function build(defaults) {
    inputs = new Map();
    fill(
      element,
      ...Object.keys(defaults).map((name) => {
        const [title, help] = SYMBOLS[name] ?? [name, `the rule's own constant ${name}`];
        const input = numberInput({
          name: `constant-${name}`,
          parse(text) {
            const value = Number(text);
            if (text.trim() === "" || !Number.isFinite(value)) throw new Error(`${name} is a number, but "${text}" was given`);
            return value;
          },
          commit(value) {
            const given = constantsOf(String(store.get().experiment.constants));
            actions.setField("constants", constantsText({ ...given, [name]: Number(value) }, defaults));
          },
        });
        input.id = `constant-${name}`;
        inputs.set(name, input);
        return row(title, input, { help, equation });
      }),
    );
  }

  return {
    element,
    /** @param {AppState} state */
    update(state) {
      const name = String(state.experiment.rule);
      const defaults = fields.rules[name]?.constants ?? {};
      if (name !== rule) {
        rule = name;
        build(defaults);
      }
      const given = constantsOf(String(state.experiment.constants));
      for (const [constant, input] of inputs) showValue(input, given[constant] ?? defaults[constant]);
    },
  };
}
