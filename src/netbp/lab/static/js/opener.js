/** Opening experiments: one request at a time, the newest wish wins; the URL's fragment and the session's memory keep step. */

import { Refused } from "./client.js";
import { appendCurves, emptyCurves } from "./curves.js";
import { frameBody } from "./player.js";

/** @import { Experiment, Frame, Opened, Store } from "./types.js" */
/** @import { Client } from "./client.js" */

/** @typedef {{experiment: Experiment, step: number, shown: number, make?: () => Promise<Opened>}} Wish */

/** The opener of the store's experiments.
 * @param {Store} store
 * @param {Client} client
 * @param {{opened: (seen: number) => void, passed: (seen: number) => void, failed: (error: unknown) => Promise<void>, remember: () => void}} seams
 *   called with the cost cursor of a run newly opened, and of one that is shown in passing; what to do about an error; the address has changed */
export function createOpener(store, client, { opened: announce, passed, failed, remember }) {
  /** @type {Wish | null} */
  let wish = null;
  /** @type {Promise<void> | null} */
  let working = null;

  /** @param {Wish} current */
  async function fulfil({ experiment, step, shown, make }) {
    const opened = await (make ? make() : client.open(experiment, step));
    if (wish && (step > 0 || opened.step > 0)) return; // something newer is wanted by now
    let curves = emptyCurves();
    let seen = 0;
    if (opened.step > 0) {
      const whole = await client.postBinary(`api/run/${opened.run}/curve`, { points: 2000 });
      curves = appendCurves(curves, whole);
      seen = whole.header.seen ?? 0;
    }
    const at = Math.min(shown, opened.step);
    const frame = await client.frame(opened.run, frameBody(store, opened, at, 0, seen));
    if (wish) return inPassing(opened, frame);
    const { options, chosen } = store.get();
    store.set({
      opened,
      experiment: opened.experiment,
      frame,
      cost: appendCurves(curves, frame),
      shown: frame.header.step,
      reached: opened.step,
      error: "",
      refused: false,
      connection: "ok",
      chosen: { point: chosen.point !== null && chosen.point < opened.points.length ? chosen.point : null, neuron: neuronIn(chosen.neuron, opened) },
      options: { ...options, category: Math.min(options.category, opened.categories.length) },
    });
    announce(frame.header.seen);
    remember();
  }

  /** A picture on the way to something newer, so that who drags a point sees what it does: the newer points and fields stay.
   * @param {Opened} opened
   * @param {Frame} frame */
  function inPassing(opened, frame) {
    const now = store.get().opened;
    if (!now || now.size !== opened.size || now.points.length !== opened.points.length) return;
    store.set({ opened: { ...opened, points: now.points }, frame, cost: appendCurves(emptyCurves(), frame), shown: frame.header.step, reached: opened.step });
    passed(frame.header.seen);
  }

  async function work() {
    while (wish) {
      const current = wish;
      wish = null;
      try {
        await fulfil(current);
      } catch (error) {
        if (wish) continue;
        if (error instanceof Refused && !error.gone && !error.locked) store.set({ error: error.message, refused: true, playing: false });
        else await failed(error);
      }
    }
  }

  return {
    busy: () => working !== null,
    /** When no experiment is being opened any more. */
    done: () => working ?? Promise.resolve(),
    /** @param {Wish} wanted
     * @returns {Promise<void>} */
    open(wanted) {
      wish = wanted;
      if (!working) {
        store.set({ opening: true });
        working = work().finally(() => {
          working = null;
          store.set({ opening: false });
        });
      }
      return working;
    },
  };
}

/** The neuron chosen, if this network has it.
 * @param {[number, number] | null} neuron
 * @param {Opened} opened
 * @returns {[number, number] | null} */
function neuronIn(neuron, opened) {
  if (!neuron) return null;
  const [l, j] = neuron;
  const width = l === 1 ? 2 : (opened.layers.find((layer) => layer.l === l)?.width ?? 0);
  return j <= width ? neuron : null;
}
