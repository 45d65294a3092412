/** The controls at the left: groups of fields that fold, made from what /api/fields says. */

import { applies } from "../fields.js";
import { fill, h } from "./dom.js";
import { mountExplain } from "./explain.js";
import { fieldRow } from "./form.js";
import { constantsRows } from "./constants.js";
import { layersEditor } from "./layers.js";
import { pointsEditor } from "./pointset.js";
import { rateRow } from "./rate.js";

/** @import { Actions, AppState, Fields, Store } from "../types.js" */

/** @typedef {{element: HTMLElement, update: (state: AppState, before: AppState) => void}} Control */

const GROUPS = [
  { name: "points", title: "Points", open: true },
  { name: "network", title: "Network", open: true },
  { name: "problem", title: "Problem", open: true },
  { name: "method", title: "Method", open: true },
  { name: "start", title: "Start", open: false },
  { name: "run", title: "Run", open: false },
];

/** Controls with an editor of their own, by the field whose place they take.
 * @type {Record<string, (fields: Fields, store: Store, actions: Actions) => Control>} */
const EDITORS = { points: pointsEditor, layers: layersEditor, rate: rateRow, constants: constantsRows };
/** Fields that another editor sets. */
const WITHIN = new Set(["activation"]);

/** @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountGroups(element, store, actions) {
  const groups = h("div", { class: "groups" });
  const strip = h("div", { class: "explain", id: "explain", "aria-hidden": "true" });
  element.append(groups, strip);
  mountExplain(strip, [document.body]);

  /** @type {((state: AppState, before: AppState) => void)[]} */
  let updates = [];

  /** @param {Fields} fields */
  function build(fields) {
    updates = [];
    fill(
      groups,
      ...GROUPS.map(({ name, title, open }) => {
        const count = h("span", { class: "group-count" });
        const body = h("div", { class: "group-body" });
        const own = fields.fields.filter((field) => field.group === name && !WITHIN.has(field.name));
        for (const field of own) {
          const editor = EDITORS[field.name];
          const { element: line, update } = editor ? editor(fields, store, actions) : fieldRow(field, store, actions);
          body.append(line);
          updates.push((state, before) => {
            line.hidden = !applies(field, state.experiment);
            if (!line.hidden) update(state, before);
          });
        }
        updates.push((state) => {
          const changed = fields.fields.filter((field) => field.group === name && state.experiment[field.name] !== field.default).length;
          count.textContent = changed ? `${changed} changed` : "";
        });
        return h("details", { class: "group", open, "data-group": name }, h("summary", {}, h("h2", { text: title }), count), body);
      }),
    );
  }

  store.subscribe((state, before) => {
    if (!state.fields) return;
    const anew = state.fields !== before.fields || groups.childElementCount === 0;
    if (anew) build(state.fields);
    // the rate in force depends on the step shown, and only where it changes on the way
    const onTheWay = state.shown !== before.shown && state.experiment.changes !== "";
    if (anew || onTheWay || state.experiment !== before.experiment || state.opened !== before.opened) {
      for (const update of updates) update(state, before);
    }
  });
}
