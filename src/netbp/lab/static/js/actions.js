/** What the reader can do: every control and every view calls these, and nothing else changes the state. */

import { defaultsOf, differencesOf, experimentOf } from "./address.js";
import { Lost, Refused } from "./client.js";
import { copyCurves } from "./curves.js";
import { manySteps, rateAt, widthsOf } from "./fields.js";
import { createHistory } from "./history.js";
import { createOpener } from "./opener.js";
import { createPlayer } from "./player.js";
import { categoriesOf, listed, pointsText, samePoints, withOutputs } from "./points.js";

/** @import { Actions, Experiment, Opened, Point, Store, Value } from "./types.js" */
/** @import { Client } from "./client.js" */

/** The world outside of the state: animation frames, waiting, the address bar, files, and what the address brought to get in with.
 * @typedef {{later: (call: () => void) => void, wait: (ms: number) => Promise<void>, address: (address: string) => void,
 *   save: (name: string, blob: Blob) => void, enter: () => Promise<void>}} Outside */

const RETRIES = [300, 700, 1500, 3000, 5000];
const MOST_REBUILDS = 3;

/** The actions on a store.
 * @param {Store} store
 * @param {Client} client
 * @param {Outside} outside
 * @returns {Actions & {start: (wish: {experiment: Experiment, shown: number, reached: number, play: boolean}) => Promise<void>, retry: () => Promise<void>}} */
export function createActions(store, client, outside) {
  const history = createHistory(store);
  /** @type {Map<string, string>} lists of points that have a name, by their text */
  const named = new Map();
  let retrying = false;
  let attempts = 0; // to reach the server since it last gave a frame
  let rebuilds = 0; // since then, too
  let trouble = ""; // the line of a failure that is over with the next frame
  let hurry = () => {}; // ends the wait for the next attempt

  const player = createPlayer(store, client, { busy: () => opener.busy(), took: well, failed, later: outside.later });
  const opener = createOpener(store, client, {
    opened(seen) {
      well();
      player.reset(seen);
      const { opened, experiment } = store.get();
      if (opened && /^[a-z]+$/.test(String(experiment.points))) named.set(pointsText(listed(opened.points, experiment)), String(experiment.points));
    },
    passed: (seen) => player.reset(seen),
    failed,
    remember() {
      const { opened } = store.get();
      if (opened) outside.address(opened.address);
    },
  });

  /** A frame has come. */
  function well() {
    [attempts, rebuilds] = [0, 0];
    if (trouble && store.get().error === trouble) store.set({ error: "" });
    trouble = "";
  }

  /** Give the server a moment, then go on where we were. Other errors are told.
   * @param {unknown} error */
  async function failed(error) {
    if (error instanceof Refused && error.gone) {
      await rebuild();
    } else if (error instanceof Lost || (error instanceof Refused && error.locked)) {
      store.set({ connection: error instanceof Lost ? "lost" : "locked", playing: false });
      if (error instanceof Lost) void reach();
    } else {
      const line = error instanceof Error ? error.message : String(error);
      trouble = line;
      store.set({ playing: false, error: line });
      if (!(error instanceof Refused)) console.error(error);
    }
  }

  /** The run was dropped: it is made again from the experiment, with the same digits. */
  async function rebuild() {
    const { experiment, shown, reached } = store.get();
    const before = store.get().opened?.run;
    if (++rebuilds > MOST_REBUILDS) {
      trouble = "The server drops this run as soon as it is computed: too many are open at once. Close other pages, then go on.";
      return store.set({ playing: false, error: trouble });
    }
    // not awaited while a frame is in flight: the player waits for nobody, and the opener starts it again
    void openWish(experiment, { step: Math.max(shown, reached), shown }).then(() => {
      if (store.get().opened?.run !== before) {
        store.set({ connection: "rebuilt", message: "The server no longer had this run. It was computed again from its address, with the same digits." });
      }
    });
  }

  /** Reach the server again: at once, then after ever longer waits as long as no frame comes. */
  async function reach() {
    if (retrying) return;
    retrying = true;
    try {
      for (; store.get().connection === "lost" || store.get().connection === "locked"; attempts++) {
        if (attempts > 0) {
          const waited = outside.wait(RETRIES[Math.min(attempts, RETRIES.length) - 1]);
          await Promise.race([waited, new Promise((resolve) => (hurry = () => resolve(null)))]);
        }
        try {
          await outside.enter();
          const fields = await client.fields();
          store.set({ fields, connection: "ok" });
          const { opened, experiment } = store.get();
          if (opened && sameExperiment(opened.experiment, experiment)) player.redraw();
          else await openWish(experiment);
        } catch (error) {
          if (error instanceof Refused) {
            store.set({ connection: error.locked ? "locked" : "lost" });
            if (error.locked) return;
          }
        }
      }
    } finally {
      retrying = false;
    }
  }

  /** The reader asks for it: now, not after the wait. */
  function retry() {
    attempts = 0;
    hurry();
    return reach();
  }

  /** Open an experiment. Whether it plays is set now, so that who plays or pauses while it is being opened has the last word.
   * @param {Experiment} experiment
   * @param {{step?: number, shown?: number, play?: boolean, make?: () => Promise<Opened>}} [how]  play: as now when left out */
  async function openWish(experiment, { step = 0, shown = step, play, make } = {}) {
    const { fields } = store.get();
    if (play !== undefined) store.set({ playing: play });
    await opener.open({ experiment: fields && !make ? differencesOf(experiment, fields.fields) : experiment, step, shown, make });
    player.pump();
  }

  /** A changed experiment starts from step 0; it runs on if the last one ran, or had come to its end.
   * @param {Record<string, Value>} patch
   * @param {string} [gesture]  changes of one gesture are undone together */
  function edit(patch, gesture = "") {
    const { experiment, playing, frame, refused, shown } = store.get();
    if (Object.entries(patch).every(([name, value]) => experiment[name] === value)) return;
    const ended = frame !== null && shown > 0 && frame.header.status !== "running" && frame.header.status !== "ready";
    if (!refused) history.push(gesture);
    const next = { ...experiment, ...patch };
    if ("method" in patch && manySteps(next) !== manySteps(experiment)) store.set({ speed: manySteps(next) ? 10_000 : 1 });
    store.set({ experiment: next });
    player.forget();
    void openWish(next, { play: playing || ended });
  }

  /** @param {Point[]} points
   * @param {string} [gesture] */
  function editPoints(points, gesture) {
    const { opened, experiment } = store.get();
    if (!opened) return;
    const text = pointsText(points);
    const held = (Number(experiment.held_out) > 0 ? opened.points : points).map((point) => point[3]);
    const drawn = points.map(([x1, x2, category], i) => /** @type {Point} */ ([x1, x2, category, held[i] ?? 0]));
    if (samePoints(points, opened.points)) return;
    store.set({ opened: { ...opened, points: drawn } }); // seen at once; the server's answer follows
    const outputs = Math.max(categoriesOf(points), widthsOf(String(experiment.layers)).at(-1) ?? 2);
    edit({ points: named.get(text) ?? text, layers: withOutputs(String(experiment.layers), outputs) }, gesture);
  }

  /** How undo and redo go on: where we stand if only the changes of the rate differ, which share the steps before; else from the start.
   * @param {Experiment} before
   * @returns {(experiment: Experiment) => void} */
  function reopen(before) {
    return (experiment) => {
      const { shown } = store.get();
      const step = sameExperiment({ ...before, changes: "" }, { ...experiment, changes: "" }) ? shown : 0;
      player.forget();
      void openWish(experiment, { step });
    };
  }

  const points = () => listed(store.get().opened?.points ?? [], store.get().experiment);

  /** Ask about the run; a dropped one is made again first.
   * @template T
   * @param {(run: string) => Promise<T>} question
   * @returns {Promise<T>} */
  async function ofRun(question) {
    const { opened } = store.get();
    if (!opened) throw new Error("no run is open yet");
    try {
      return await question(opened.run);
    } catch (error) {
      if (!(error instanceof Refused && error.gone)) {
        if (error instanceof Lost) void failed(error);
        throw error;
      }
      const { experiment, shown, reached } = store.get();
      await openWish(experiment, { step: Math.max(shown, reached), shown });
      store.set({ connection: "rebuilt" });
      return question(store.get().opened?.run ?? opened.run);
    }
  }

  /** @type {ReturnType<typeof createActions>} */
  const actions = {
    setField: (name, value) => edit({ [name]: value }, `field ${name}`),
    setFields: (patch) => edit(patch),
    addPoint: (x1, x2, category) => editPoints([...points(), [x1, x2, category, 0]]),
    movePoint: (i, x1, x2) =>
      editPoints(
        points().map((point, k) => (k === i ? [x1, x2, point[2], point[3]] : point)),
        `move ${i}`,
      ),
    deletePoint(i) {
      const rest = points().filter((_, k) => k !== i);
      if (rest.length === 0) return actions.say("The last point stays: a cost needs one.");
      store.set({ chosen: { ...store.get().chosen, point: null } });
      editPoints(rest);
    },
    setCategory: (i, category) => editPoints(points().map((point, k) => (k === i ? [point[0], point[1], category, point[3]] : point))),
    undo: () => history.undo(reopen(store.get().experiment)),
    redo: () => history.redo(reopen(store.get().experiment)),
    play() {
      const { frame, shown, reached } = store.get();
      if (frame && shown >= reached && ["finished", "converged", "diverged"].includes(frame.header.status)) {
        // at the end: from the start again, as every player does
        store.set({ shown: 0 });
      }
      store.set({ playing: true, message: "" });
      player.pump();
    },
    pause: () => store.set({ playing: false }),
    toggle: () => (store.get().playing ? actions.pause() : actions.play()),
    stepOnce() {
      actions.pause();
      player.advance(1);
    },
    epochOnce() {
      actions.pause();
      const { opened, shown } = store.get();
      const epoch = Math.max(1, opened?.epoch_steps ?? 1);
      player.advance(epoch - (shown % epoch));
    },
    scrub(step) {
      const at = Math.max(0, Math.min(Math.round(step), store.get().reached));
      store.set({ playing: false, shown: at });
      player.show(at);
    },
    rewind: () => actions.scrub(0),
    newSeed() {
      const { experiment } = store.get();
      edit({ seed: Number(experiment.seed) + 1, start: 0 });
    },
    changeRate(rate) {
      const { experiment, shown, opened } = store.get();
      if (rateAt(experiment, shown) === rate && !opener.busy()) return; // while another is being opened, the last word holds
      if (shown === 0 || !opened) return edit({ rate, changes: "" }, "rate");
      history.push("rate");
      void openWish(experiment, { step: shown, make: () => ofRun((run) => client.post(`api/run/${run}/rate`, { step: shown, rate })) });
    },
    setSpeed: (speed) => store.set({ speed }),
    choosePoint: (i) => store.set({ chosen: { ...store.get().chosen, point: i } }),
    chooseNeuron: (l, j = 1) => store.set({ chosen: { ...store.get().chosen, neuron: l === null ? null : [l, j] } }),
    option(name, value) {
      const { options } = store.get();
      if (options[name] === value) return;
      store.set({ options: { ...options, [name]: value } });
      if (name === "plane" || name === "grid") player.redraw();
    },
    show: (tab) => store.set({ tab }),
    pin() {
      const { experiment, opened, frame, cost } = store.get();
      if (opened) store.set({ pinned: { experiment, opened, frame, curves: copyCurves(cost) } });
      actions.say("This run is kept for comparison. Change one thing now.");
    },
    unpin: () => store.set({ pinned: null }),
    async open(address, step = 0) {
      const { fields } = store.get();
      if (!fields) return;
      try {
        await actions.openExperiment(experimentOf(address, fields.fields), step);
      } catch (error) {
        store.set({ error: error instanceof Error ? error.message : String(error) });
        outside.address(store.get().opened?.address ?? "");
      }
    },
    async openExperiment(experiment, step = 0) {
      const { fields } = store.get();
      const whole = { ...(fields ? defaultsOf(fields.fields) : {}), ...experiment };
      history.push("");
      store.set({ experiment: whole, speed: manySteps(whole) === manySteps(store.get().experiment) ? store.get().speed : manySteps(whole) ? 10_000 : 1 });
      player.forget();
      await openWish(whole, { step, play: false });
    },
    async exportAs(body) {
      await opener.done(); // what is taken away is what the fields say
      const { shown } = store.get();
      try {
        const { name, blob } = await ofRun((run) => client.download(`api/run/${run}/export`, { step: shown, ...body }));
        outside.save(name, blob);
        actions.say(`Saved ${name}.`);
      } catch (error) {
        store.set({ error: error instanceof Error ? error.message : String(error) });
      }
    },
    ask: (path, body) => ofRun((run) => client.post(`api/run/${run}/${path}`, body)),
    askBinary: (path, body) => ofRun((run) => client.postBinary(`api/run/${run}/${path}`, body)),
    slice: (body) => ofRun((run) => client.postBinary("api/surface", { run, ...body })),
    post: (path, body) => client.post(path, body),
    postBinary: (path, body) => client.postBinary(path, body),
    get: (path) => client.post(path),
    upload: (path, file) => client.postBinary(path, file),
    say: (message) => store.set({ message }),
    start: ({ experiment, shown, reached, play }) => {
      store.set({ experiment });
      return openWish(experiment, { step: reached, shown, play });
    },
    retry,
  };
  return actions;
}

/** @param {Experiment} a
 * @param {Experiment} b */
function sameExperiment(a, b) {
  return Object.keys({ ...a, ...b }).every((name) => a[name] === b[name]);
}
