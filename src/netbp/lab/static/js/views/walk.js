/** @import { Store, Actions } from "../types.js" */

/** Fill the slot #walk.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountWalk(element, store, actions) {
  void [element, store, actions];
}
