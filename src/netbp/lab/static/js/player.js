/** The pull loop: one request in flight, the next one in the next animation frame, none while paused. */

import { appendCurves } from "./curves.js";

/** @import { Frame, Opened, Store } from "./types.js" */
/** @import { Client } from "./client.js" */

/** What the plane is to show, if this network has it.
 * @param {string} view
 * @param {Opened} opened */
export function viewOf(view, opened) {
  const neuron = /^neuron:(\d+),(\d+)$/.exec(view);
  if (!neuron) return view;
  const layer = opened.layers.find(({ l }) => l === Number(neuron[1]));
  return layer && Number(neuron[2]) >= 1 && Number(neuron[2]) <= layer.width ? view : "category";
}

/** The body of a request for a frame.
 * @param {Store} store
 * @param {Opened} opened
 * @param {number} after
 * @param {number} steps
 * @param {number} seen */
export function frameBody(store, opened, after, steps, seen) {
  const { options } = store.get();
  return { after, seen, steps, grid: options.grid, view: viewOf(options.plane, opened) };
}

const ENDED = new Set(["finished", "converged", "diverged", "stopped"]);

/** The player of the store's run.
 * @param {Store} store
 * @param {Client} client
 * @param {{busy: () => boolean, took: () => void, failed: (error: unknown) => Promise<void>, later: (call: () => void) => void}} seams
 *   whether a run is being opened; a frame has come; what to do about an error; the next animation frame */
export function createPlayer(store, client, { busy, took, failed, later }) {
  let flying = false;
  let seen = 0;
  let ahead = 0; // single steps asked for
  let stale = false; // the same step is to be drawn anew
  let generation = 0; // of experiments: steps of one are none of the next
  /** @type {number | null} */
  let wanted = null; // a step of the history to show

  /** @typedef {{after: number, steps: number, why: "history" | "steps" | "play" | "again"}} Ask */

  /** @returns {Ask | null} */
  function next() {
    const { playing, speed, shown } = store.get();
    if (wanted !== null) {
      const step = wanted;
      [wanted, stale] = [null, false];
      return { after: step, steps: 0, why: "history" };
    }
    if (ahead > 0) {
      const steps = ahead;
      ahead = 0;
      return { after: shown, steps, why: "steps" };
    }
    if (playing) return { after: shown, steps: speed === 0 ? -1 : speed, why: "play" };
    if (stale) {
      stale = false;
      return { after: shown, steps: 0, why: "again" };
    }
    return null;
  }

  /** @param {Frame} frame
   * @param {Ask} ask */
  function take(frame, { after, steps, why }) {
    const state = store.get();
    const { step, status, preparing } = frame.header;
    if (why === "play" && !state.playing) return; // paused in the meantime: what is shown stays; the costs come with the next frame
    seen = frame.header.seen;
    /** @type {Partial<import("./types.js").AppState>} */
    const patch = { frame, cost: appendCurves(state.cost, frame), reached: Math.max(state.reached, step) };
    if (state.connection === "lost") patch.connection = "ok";
    if (wanted === null) patch.shown = step;
    if (preparing || (status === "ready" && frame.header.message)) patch.message = frame.header.message;
    if (why === "steps" && preparing && step < after + steps) ahead += after + steps - step; // asked for again until it is there
    if (state.playing && !preparing && why === "play" && ENDED.has(status)) {
      patch.playing = false;
      patch.message = frame.header.message || "";
    }
    store.set(patch);
  }

  /** What could not be shown now is asked for again.
   * @param {Ask} ask
   * @param {number} of  the generation in which it was asked */
  function again({ why, steps }, of) {
    stale = true;
    if (why === "steps" && of === generation) ahead += steps;
  }

  async function pump() {
    const { opened } = store.get();
    if (flying || !opened || busy()) return;
    const ask = next();
    if (!ask) return;
    const mine = generation;
    flying = true;
    try {
      const frame = await client.frame(opened.run, frameBody(store, opened, ask.after, ask.steps, seen));
      if (store.get().playing) later(pump); // the next request goes out before this frame is drawn: the server is at work meanwhile
      if (store.get().opened?.run === opened.run) {
        if (busy()) again(ask, mine);
        else {
          took();
          take(frame, ask);
        }
      }
    } catch (error) {
      const current = store.get().opened?.run === opened.run;
      if (current && !busy()) await failed(error);
      if (current && busy()) again(ask, mine); // when the run is there again
    } finally {
      flying = false;
    }
    if (store.get().playing || store.get().frame?.header.preparing) later(pump);
    else void pump();
  }

  return {
    pump: () => void pump(),
    /** Another experiment is wanted: steps that were asked for were steps of the last one. */
    forget() {
      [ahead, wanted] = [0, null];
      generation++;
    },
    /** Another run: its curves are known up to this cursor. What was asked for while it was being opened follows.
     * @param {number} cursor */
    reset(cursor) {
      seen = cursor;
      stale = false;
      if (wanted !== null) wanted = Math.min(wanted, store.get().reached);
    },
    /** @param {number} steps */
    advance(steps) {
      ahead += steps;
      void pump();
    },
    /** @param {number} step */
    show(step) {
      wanted = step;
      ahead = 0;
      void pump();
    },
    redraw() {
      stale = true;
      void pump();
    },
  };
}
