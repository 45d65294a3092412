/** The keys. They work wherever no text is being written; `?` lists them. */

import { otherSpeed } from "./transport.js";
import { dialog } from "./dialog.js";
import { button, h } from "./dom.js";
import { toggleProjector } from "./looks.js";

/** @import { Actions, Store, Tab } from "../types.js" */

/** @typedef {{keys: string[], shown: string, text: string, run: () => void}} Shortcut */

/** The keys that work on the page of images too. */
const ANYWHERE = /^[1-5gspt?]$/;

/** Whether a key belongs to what has the focus: text is being written, or a slider or a list is being moved.
 * @param {EventTarget | null} target
 * @param {string} key */
function taken(target, key) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  if (target instanceof HTMLInputElement) return target.type !== "range" || /^(Arrow|Home|End|Page)/.test(key);
  return (key === " " || key === "Enter") && target.closest("button, summary, a, [role=button], [role=tab], [role=radio]") !== null;
}

/** @param {HTMLElement} element  where the button stands that lists the keys
 * @param {Store} store
 * @param {Actions} actions
 * @param {{tour: () => void, takeaway: () => void}} openers */
export function mountKeyboard(element, store, actions, openers) {
  /** @param {Tab} tab */
  const tab = (tab) => () => actions.show(tab);
  /** @type {Shortcut[]} */
  const shortcuts = [
    { keys: [" "], shown: "space", text: "run or pause", run: actions.toggle },
    { keys: ["ArrowRight"], shown: "→", text: "one step", run: actions.stepOnce },
    { keys: ["ArrowLeft"], shown: "←", text: "one step back", run: () => actions.scrub(store.get().shown - 1) },
    { keys: ["e"], shown: "e", text: "one epoch", run: actions.epochOnce },
    { keys: ["r", "Home"], shown: "r", text: "rewind to the same start", run: actions.rewind },
    { keys: ["End"], shown: "end", text: "the last step so far", run: () => actions.scrub(store.get().reached) },
    { keys: ["n"], shown: "n", text: "a new start with the next seed", run: actions.newSeed },
    { keys: ["+", "="], shown: "+", text: "faster", run: () => actions.setSpeed(otherSpeed(store.get().speed, 1)) },
    { keys: ["-"], shown: "−", text: "slower", run: () => actions.setSpeed(otherSpeed(store.get().speed, -1)) },
    { keys: ["u"], shown: "u, ctrl z", text: "undo", run: actions.undo },
    { keys: ["U"], shown: "shift u, ctrl y", text: "redo", run: actions.redo },
    { keys: ["k"], shown: "k", text: "keep this run for comparison", run: () => (store.get().pinned ? actions.unpin() : actions.pin()) },
    { keys: ["1"], shown: "1 to 5", text: "network, back propagation, compare, multistart, loss surface", run: tab("network") },
    { keys: ["2"], shown: "", text: "", run: tab("walk") },
    { keys: ["3"], shown: "", text: "", run: tab("compare") },
    { keys: ["4"], shown: "", text: "", run: tab("multistart") },
    { keys: ["5"], shown: "", text: "", run: tab("surface") },
    { keys: ["g"], shown: "g", text: "the guided tour", run: openers.tour },
    { keys: ["s"], shown: "s", text: "take away: link, script, files", run: openers.takeaway },
    { keys: ["c"], shown: "c", text: "show or hide the controls", run: () => actions.option("controls", store.get().options.controls === false) },
    { keys: ["p"], shown: "p", text: "projector: large type", run: () => toggleProjector(store, actions) },
    { keys: ["t"], shown: "t", text: "light, dark, as the system", run: () => document.getElementById("theme")?.click() },
    { keys: ["?"], shown: "?", text: "these keys", run: open },
  ];
  const points = [
    ["tab", "to the plane, and from point to point"],
    ["arrows", "move the point (shift: further)"],
    ["a, b, c, …", "its category"],
    ["delete", "take it away"],
  ];
  const list = (/** @type {string[][]} */ rows) => h("dl", { class: "keys" }, ...rows.flatMap(([key, text]) => [h("dt", {}, h("kbd", { text: key })), h("dd", { text })]));
  const box = dialog("keys", "Keys", list(shortcuts.filter(({ shown }) => shown).map(({ shown, text }) => [shown, text])), h("h3", { text: "On a point of the plane" }), list(points));
  element.append(button({ icon: "keys", id: "open-keys", label: "Keys", key: "?", click: open }));

  function open() {
    if (!box.open) box.showModal();
  }

  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return;
    const { key } = event;
    if (event.ctrlKey || event.metaKey) {
      if (taken(event.target, "z") && event.target instanceof HTMLElement && /^(INPUT|TEXTAREA)$/.test(event.target.tagName) && /** @type {HTMLInputElement} */ (event.target).type !== "range") return;
      if (key === "z") actions.undo();
      else if (key === "y" || key === "Z") actions.redo();
      else return;
      event.preventDefault();
      return;
    }
    if (taken(event.target, key)) return;
    const shortcut = shortcuts.find(({ keys }) => keys.includes(key));
    if (!shortcut || (store.get().tab === "images" && !ANYWHERE.test(key))) return;
    event.preventDefault();
    shortcut.run();
  });
}
