/** @import { Store, Actions } from "../types.js" */

/** Fill the slot #images.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountImages(element, store, actions) {
  void [element, store, actions];
}
