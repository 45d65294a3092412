/** @import { Store, Actions } from "../types.js" */

/** Fill the slot #compare.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountCompare(element, store, actions) {
  void [element, store, actions];
}
