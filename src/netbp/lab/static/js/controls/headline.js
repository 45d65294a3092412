/** One sentence on what this experiment is, for the paper's reader; and the line for screen readers. */

import { differencesOf } from "../address.js";
import { isListing } from "../fields.js";
import { button, h, setText } from "./dom.js";
import { choiceText, titleOf } from "./form.js";
import { short, whole } from "./numbers.js";
import { nameOfSet } from "./pointset.js";

/** @import { Actions, AppState, Store } from "../types.js" */

/** What differs from Listing 6.1, in words.
 * @param {AppState} state */
export function differenceText(state) {
  if (!state.fields) return "";
  const parts = Object.entries(differencesOf(state.experiment, state.fields.fields)).map(([name, value]) => {
    if (name === "points" && String(value).includes(",")) return `${whole(state.opened?.points.length ?? 0)} points of your own`;
    if (name === "points") return nameOfSet(String(value)).replace(/^(The|Two|Three|Exclusive)/, (word) => word.toLowerCase());
    return `${titleOf(name)} ${choiceText(String(value))}`;
  });
  const most = 5;
  return parts.length > most ? `${parts.slice(0, most).join(", ")} and ${parts.length - most} more ${parts.length - most === 1 ? "change" : "changes"}` : parts.join(", ");
}

/** @param {HTMLElement} element
 * @param {HTMLElement} status
 * @param {Store} store
 * @param {Actions} actions */
export function mountHeadline(element, status, store, actions) {
  const text = h("span", { text: "Starting the engine…" });
  const back = button({ text: "Back to Listing 6.1", label: "Back to Listing 6.1", id: "back-to-listing", class: "button-link", click: () => void actions.openExperiment({}) });
  back.hidden = true;
  element.append(text, " ", back);

  /** @param {AppState} state */
  function sentence(state) {
    const { opened, frame, experiment, fields } = state;
    if (state.error && !opened) return "";
    if (!opened) return "Starting the engine…";
    if (state.playing && frame?.header.preparing) return "Compiling machine code for this network: a few seconds, the first time only…";
    if (isListing(experiment, fields)) {
      const header = frame?.header;
      const end = header && header.step === experiment.steps && header.cost !== null ? `it ended at ${short(opened.scale_of_cost * header.cost)}` : "the paper's run ends at 7.3 × 10⁻⁴";
      return `This is Listing 6.1; ${end}.`;
    }
    return `Listing 6.1 with ${differenceText(state)}.`;
  }

  let said = "";
  store.subscribe((state, before) => {
    const now = sentence(state);
    if (now !== text.textContent) element.title = text.textContent = now;
    back.hidden = !state.opened || isListing(state.experiment, state.fields);
    if (state.message !== before.message && state.message) setText(status, state.message);
    const header = state.frame?.header;
    if (before.playing && !state.playing && header) {
      said = `${header.status === "running" || header.status === "ready" ? "Paused" : header.message || header.status} at step ${whole(header.step)}, cost ${short(header.cost)}.`;
      setText(status, said);
    }
  });
}
