/** The line that says what a control is, with the paper's equation, for the control that has the focus or is pointed at. */

import { equation, numbersIn } from "./equations.js";
import { fill, h } from "./dom.js";

/** @typedef {{title: string, help: string, equation?: string | null}} Explanation */

/** @type {WeakMap<Element, Explanation>} */
const EXPLAINED = new WeakMap();

/** Join an explanation to a row of a control.
 * @param {HTMLElement} row
 * @param {Explanation} explanation */
export function explain(row, explanation) {
  EXPLAINED.set(row, explanation);
  row.dataset.explained = "";
}

const WELCOME = {
  title: "What is this?",
  help: "Point at a control, or move to it with the tab key, and this says what it is. The numbers in brackets are the paper's equations.",
  equation: "(15)",
};

/** The strip of explanations.
 * @param {HTMLElement} element
 * @param {HTMLElement[]} areas  where controls are */
export function mountExplain(element, areas) {
  const title = h("h3", { class: "explain-title" });
  const help = h("p", { class: "explain-help" });
  const where = h("p", { class: "explain-where" });
  const figures = h("div", { class: "explain-equations" });
  element.append(title, help, figures, where);
  /** @type {Explanation | null} */
  let shown = null;
  /** @param {Explanation} explanation */
  function show(explanation) {
    if (explanation === shown) return;
    shown = explanation;
    title.textContent = explanation.title;
    help.textContent = explanation.help;
    where.textContent = explanation.equation?.startsWith("section") ? `Paper, ${explanation.equation}` : "";
    fill(figures, ...numbersIn(explanation.equation).slice(0, 2).map(equation).filter((figure) => figure !== null));
  }
  /** @param {Event} event */
  function over(event) {
    const row = event.target instanceof Element ? event.target.closest("[data-explained]") : null;
    const explanation = row && EXPLAINED.get(row);
    if (explanation) show(explanation);
  }
  for (const area of areas) {
    area.addEventListener("focusin", over);
    area.addEventListener("pointerover", over);
  }
  show(WELCOME);
}
