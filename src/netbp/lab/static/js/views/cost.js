/** @import { Store, Actions } from "../types.js" */

/** Fill the slot #cost.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountCost(element, store, actions) {
  void [element, store, actions];
}
