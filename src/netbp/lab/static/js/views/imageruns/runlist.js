/** The saved runs to choose from: radio buttons with what each run is, how far and how right it is. */

import { fill, html } from "../dom.js";
import { percent } from "../format.js";
import { described } from "./answers.js";

/** @import { RunInfo } from "./types.js" */

/** Fill an element.
 * @param {HTMLElement} element
 * @param {(id: string) => void} choose
 * @returns {(runs: RunInfo[], chosen: string) => void} */
export function mountRuns(element, choose) {
  let last = "";
  element.setAttribute("role", "radiogroup");
  element.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const buttons = [...element.querySelectorAll("button")];
    const at = buttons.findIndex((button) => button === document.activeElement);
    if (!by || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const next = buttons[(at + by + buttons.length) % buttons.length];
    next.focus();
    choose(next.dataset.run ?? "");
  });
  return (runs, chosen) => {
    const text = JSON.stringify([runs, chosen]);
    if (text === last) return;
    last = text;
    fill(element, ...runs.map((run) => {
      const on = run.id === chosen;
      return html("button", { type: "button", role: "radio", class: "saved-run", "aria-checked": String(on), tabindex: on ? 0 : -1, "data-run": run.id, onclick: () => choose(run.id) },
        html("span", { class: "saved-name" }, run.name), html("span", { class: "saved-right" }, run.right === null ? "" : percent(run.right)),
        html("span", { class: "saved-what" }, described(run)),
        run.training ? html("span", { class: "saved-live" }, "training") : run.status !== "finished" && html("span", { class: "saved-status" }, run.status));
    }));
  };
}
