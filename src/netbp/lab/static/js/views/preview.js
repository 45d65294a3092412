/** What views show one another in passing: the boundary after one gradient step, the layer of the walk, the weight under the pointer. */

/** @import { Frame, Store } from "../types.js" */

/** next: the frame after one gradient step of the chosen point. layer: where the walk stands, and which way. weight: w_jk^[l].
 * @typedef {{next: Frame | null, layer: {l: number, way: "forward" | "backward"} | null, weight: [l: number, j: number, k: number | null] | null}} Preview */

/** @typedef {{get(): Preview, set(patch: Partial<Preview>): void, subscribe(fn: (now: Preview) => void): void}} Shared */

/** @type {WeakMap<Store, Shared>} */
const known = new WeakMap();

/** The previews of a page, one for each store.
 * @param {Store} store
 * @returns {Shared} */
export function previewOf(store) {
  const found = known.get(store);
  if (found) return found;
  /** @type {Preview} */
  let now = { next: null, layer: null, weight: null };
  /** @type {((now: Preview) => void)[]} */
  const subscribers = [];
  const shared = {
    get: () => now,
    /** @param {Partial<Preview>} patch */
    set(patch) {
      now = { ...now, ...patch };
      for (const subscriber of subscribers) subscriber(now);
    },
    /** @param {(now: Preview) => void} fn */
    subscribe(fn) {
      subscribers.push(fn);
    },
  };
  known.set(store, shared);
  return shared;
}
