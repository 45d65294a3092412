/** @import { Store, Actions } from "../types.js" */

/** Fill the slot #network.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountNetwork(element, store, actions) {
  void [element, store, actions];
}
