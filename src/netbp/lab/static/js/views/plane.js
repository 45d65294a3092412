/** @import { Store, Actions } from "../types.js" */

/** Fill the slot #plane.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountPlane(element, store, actions) {
  void [element, store, actions];
}
