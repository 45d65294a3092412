/** How the page looks: light or dark, a projector's large type, with the controls or without. */

import { button } from "./dom.js";

/** @import { Actions, Store } from "../types.js" */

const NEXT = /** @type {const} */ ({ auto: "light", light: "dark", dark: "auto" });
const SAID = /** @type {const} */ ({ auto: "as the system has it", light: "light", dark: "dark" });

/** @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountLooks(element, store, actions) {
  const theme = button({ icon: "theme", id: "theme", label: "Colours", key: "t", click: () => actions.option("theme", NEXT[store.get().options.theme]) });
  const projector = button({ icon: "projector", id: "projector", label: "Projector: large type", key: "p", click: () => toggleProjector(store, actions) });
  const panel = button({ icon: "panel", id: "toggle-controls", label: "Show or hide the controls", key: "c", click: () => actions.option("controls", store.get().options.controls === false) });
  element.append(panel, projector, theme);

  function update() {
    const { options } = store.get();
    const root = document.documentElement;
    if (options.theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = options.theme;
    root.classList.toggle("projector", options.projector);
    root.classList.toggle("without-controls", options.controls === false);
    theme.setAttribute("aria-label", `Colours: ${SAID[options.theme]}`);
    theme.title = `Colours: ${SAID[options.theme]} (t)`;
    projector.setAttribute("aria-pressed", String(options.projector));
    panel.setAttribute("aria-pressed", String(options.controls !== false));
  }
  update();
  store.subscribe((state, before) => {
    if (state.options !== before.options) update();
  });
}

/** Large type, and with it the controls out of the way.
 * @param {Store} store
 * @param {Actions} actions */
export function toggleProjector(store, actions) {
  const on = !store.get().options.projector;
  actions.option("projector", on);
  actions.option("controls", !on);
}
