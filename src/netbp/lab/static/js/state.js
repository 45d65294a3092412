/** The state of the page in one place. Subscribers hear of changes once an animation frame, so that nothing is drawn twice. */

import { emptyCurves } from "./curves.js";

/** @import { AppState, Store, Subscriber } from "./types.js" */

/** The state before the server has said anything.
 * @returns {AppState} */
export function initialState() {
  return {
    fields: null,
    experiment: {},
    opened: null,
    frame: null,
    playing: false,
    speed: 10_000, // the listing's figure 7 shows every 10,000th cost
    shown: 0,
    reached: 0,
    cost: emptyCurves(),
    pinned: null,
    options: { plane: "category", curve: "semilog", theme: "auto", projector: false, grid: 200, tool: "add", category: 0, values: true },
    chosen: { point: null, neuron: null },
    message: "",
    error: "",
    refused: false,
    connection: "ok",
    opening: false,
    tab: "network",
    undo: 0,
    redo: 0,
  };
}

/** A store of the state. `later` puts a call off to the next animation frame.
 * @param {AppState} [initial]
 * @param {(call: () => void) => void} [later]
 * @returns {Store} */
export function createStore(initial = initialState(), later = (call) => void requestAnimationFrame(call)) {
  let state = initial;
  let told = initial;
  let waiting = false;
  /** @type {Set<Subscriber>} */
  const subscribers = new Set();

  function tell() {
    waiting = false;
    const [now, before] = [state, told];
    told = now;
    for (const subscriber of [...subscribers]) {
      try {
        subscriber(now, before);
      } catch (error) {
        console.error(error); // one view that fails does not stop the others
      }
    }
  }

  return {
    get: () => state,
    set(patch) {
      state = { ...state, ...patch };
      if (!waiting) {
        waiting = true;
        later(tell);
      }
    },
    subscribe(fn) {
      subscribers.add(fn);
      return () => void subscribers.delete(fn);
    },
  };
}
