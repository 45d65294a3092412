/** Undo and redo: experiments as they were before each change, with changes of one gesture (a drag) as one. */

/** @import { Experiment, Store } from "./types.js" */

const MOST = 200;
const GESTURE = 1500; // milliseconds between two changes of one gesture

/** @param {Store} store
 * @param {() => number} [now] */
export function createHistory(store, now = () => performance.now()) {
  /** @type {Experiment[]} */
  let past = [];
  /** @type {Experiment[]} */
  let future = [];
  let last = { gesture: "", at: -Infinity };

  const count = () => store.set({ undo: past.length, redo: future.length });

  return {
    /** The experiment is about to change.
     * @param {string} gesture */
    push(gesture) {
      const same = gesture !== "" && gesture === last.gesture && now() - last.at < GESTURE;
      last = { gesture, at: now() };
      if (!same) past = [...past, store.get().experiment].slice(-MOST);
      future = [];
      count();
    },
    /** @param {(experiment: Experiment) => void} open */
    undo(open) {
      const experiment = past.at(-1);
      if (!experiment) return;
      past = past.slice(0, -1);
      future = [...future, store.get().experiment];
      last = { gesture: "", at: -Infinity };
      store.set({ experiment });
      count();
      open(experiment);
    },
    /** @param {(experiment: Experiment) => void} open */
    redo(open) {
      const experiment = future.at(-1);
      if (!experiment) return;
      future = future.slice(0, -1);
      past = [...past, store.get().experiment];
      last = { gesture: "", at: -Infinity };
      store.set({ experiment });
      count();
      open(experiment);
    },
  };
}
