/** @import { Store, Actions } from "../types.js" */

/** Fill the slot #weights.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountWeights(element, store, actions) {
  void [element, store, actions];
}
