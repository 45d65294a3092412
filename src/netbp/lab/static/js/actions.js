/** What the reader can do. */

/** @import { Store, Actions } from "./types.js" */

/** The actions on a store.
 * @param {Store} store
 * @param {object} client
 * @returns {Actions} */
export function createActions(store, client) {
  void [store, client];
  return /** @type {any} */ ({});
}
