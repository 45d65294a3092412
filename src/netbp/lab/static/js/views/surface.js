/** @import { Store, Actions } from "../types.js" */

/** Fill the slot #surface.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountSurface(element, store, actions) {
  void [element, store, actions];
}
