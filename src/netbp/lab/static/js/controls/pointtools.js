/** What a click on the plane does: add a point of a category, move, delete; undo, redo, clear. */

import { LETTERS } from "../points.js";
import { button, fill, h } from "./dom.js";
import { explain } from "./explain.js";

/** @import { Actions, AppState, Store } from "../types.js" */

const MARKS = ["circle", "cross", "square", "triangle", "diamond", "star", "plus", "hexagon"];

/** @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountPointTools(element, store, actions) {
  const group = h("div", { class: "segmented", role: "radiogroup", "aria-label": "What a click on the plane does" });
  const undo = button({ icon: "undo", id: "undo", label: "Undo", key: "u", click: actions.undo });
  const redo = button({ icon: "redo", id: "redo", label: "Redo", key: "shift u", click: actions.redo });
  const reset = button({ text: "Ten points", id: "reset-points", label: "Back to the ten points of figure 1", click: () => actions.setFields({ points: "ten", layers: String(store.get().experiment.layers).replace(/\d+$/, "2") }) });
  explain(undo, { title: "undo", help: "Take back the last change of the experiment, whatever it was.", equation: null });
  explain(reset, { title: "ten points", help: "Back to the points of figure 1.", equation: "(5)" });
  element.append(group, undo, redo, reset);

  let shown = 0;
  /** @type {HTMLButtonElement[]} */
  let choices = [];

  /** @param {number} categories  how many letters to offer */
  function build(categories) {
    shown = categories;
    choices = [];
    for (let c = 0; c < categories; c++) {
      const letter = LETTERS[c];
      const choice = h(
        "button",
        { type: "button", role: "radio", class: `chip chip-${c}`, "data-category": c, id: `add-${letter}`, title: `Add points of category ${letter} (${MARKS[c]})`, "aria-label": `Add points of category ${letter}`, on: { click: () => choose("add", c) } },
        h("span", { class: `mark mark-${MARKS[c]}`, "aria-hidden": "true" }),
        letter,
      );
      explain(choice, { title: `category ${letter}`, help: `A click on the plane adds a point of category ${letter}. With a point chosen, its letter's key changes its category.`, equation: "(5)" });
      choices.push(choice);
    }
    const move = tool("move", "move", "Move points by dragging them");
    const remove = tool("delete", "trash", "Delete points by clicking them");
    choices.push(move, remove);
    fill(group, ...choices);
  }

  /** @param {"move" | "delete"} name
   * @param {string} picture
   * @param {string} label */
  function tool(name, picture, label) {
    const made = button({ icon: picture, label, id: `tool-${name}`, click: () => choose(name) });
    made.setAttribute("role", "radio");
    made.dataset.tool = name;
    explain(made, { title: name, help: `${label}.`, equation: null });
    return made;
  }

  /** @param {"add" | "move" | "delete"} name
   * @param {number} [category] */
  function choose(name, category) {
    actions.option("tool", name);
    if (category !== undefined) actions.option("category", category);
  }

  group.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : event.key === "ArrowLeft" || event.key === "ArrowUp" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const at = choices.findIndex((choice) => choice === document.activeElement);
    const next = choices[(at + by + choices.length) % choices.length];
    next.focus();
    next.click();
  });

  store.subscribe((/** @type {AppState} */ state, before) => {
    const now = state.opened?.categories.length ?? 2;
    const offered = Math.min(LETTERS.length, now + 1); // one more than there are, to begin a new one
    if (offered !== shown) build(offered);
    else if (state.options === before.options && state.undo === before.undo && state.redo === before.redo && state.experiment === before.experiment) return;
    for (const choice of choices) {
      const on = choice.dataset.tool ? state.options.tool === choice.dataset.tool : state.options.tool === "add" && state.options.category === Number(choice.dataset.category);
      choice.setAttribute("aria-checked", String(on));
      choice.tabIndex = on ? 0 : -1;
      choice.classList.toggle("on", on);
    }
    undo.disabled = state.undo === 0;
    redo.disabled = state.redo === 0;
    reset.hidden = state.experiment.points === "ten";
  });
}
