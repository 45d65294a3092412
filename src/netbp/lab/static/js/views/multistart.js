/** @import { Store, Actions } from "../types.js" */

/** Fill the slot #multistart.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountMultistart(element, store, actions) {
  void [element, store, actions];
}
