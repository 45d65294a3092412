/** @import { Store, Actions } from "../types.js" */

/** Fill the slot #gradient.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountGradient(element, store, actions) {
  void [element, store, actions];
}
