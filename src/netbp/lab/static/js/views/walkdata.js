/** What back propagation computes at the chosen point, asked for once and shared by the views that show it. */

import { atMost } from "./dom.js";

/** @import { Actions, AppState, Store } from "../types.js" */

/** The answer of /walk: `a` holds layer 1 first, all others layer 2.
 * @typedef {{x: number[], y: number[], a: number[][], z: number[][], delta: number[][], D: number[][], W: number[][][], b: number[][],
 *   dW: number[][][], db: number[][], cost: number} & Record<string, any>} Walk */

/** @typedef {{get(): Walk | null, point(): number | null, step(): number, subscribe(fn: () => void): void, want(wanted: () => boolean): void}} WalkSource */

/** @type {WeakMap<Store, WalkSource>} */
const known = new WeakMap();

/** The walk of a page's chosen point. It is asked for while a view wants it: at once when the run stands still, three times a second
 * while it trains.
 * @param {Store} store
 * @param {Actions} actions
 * @returns {WalkSource} */
export function walkOf(store, actions) {
  const found = known.get(store);
  if (found) return found;
  /** @type {Walk | null} */
  let walk = null;
  /** @type {number | null} */
  let at = null;
  let step = 0;
  let asked = 0;
  /** @type {(() => void)[]} */
  const subscribers = [];
  /** @type {(() => boolean)[]} */
  const wishes = [];
  const tell = () => subscribers.forEach((fn) => fn());

  const ask = () => {
    const { opened, frame, chosen } = store.get();
    const point = chosen.point === null ? undefined : opened?.points[chosen.point];
    if (!opened || !point || !frame || frame.header.run !== opened.run || !wishes.some((wish) => wish())) return;
    const number = ++asked;
    const [index, now] = [chosen.point, frame.header.step];
    actions.ask("walk", { step: now, x: [point[0], point[1]], category: point[2] }).then(
      (answer) => {
        if (number !== asked) return;
        [walk, at, step] = [answer, index, now];
        tell();
      },
      () => undefined, // the client has said why
    );
  };
  const seldom = atMost(330, ask);

  store.subscribe((/** @type {AppState} */ state, before) => {
    const other = state.opened?.run !== before.opened?.run || state.chosen.point !== before.chosen.point || state.opened?.points !== before.opened?.points;
    if (state.chosen.point === null) {
      if (walk) {
        [walk, at] = [null, null];
        asked++;
        tell();
      }
    } else if (other || state.tab !== before.tab) ask();
    else if (state.frame?.header.step !== before.frame?.header.step || state.playing !== before.playing) (state.playing ? seldom : ask)();
  });
  const source = {
    get: () => walk,
    point: () => at,
    step: () => step,
    /** @param {() => void} fn */
    subscribe: (fn) => void subscribers.push(fn),
    /** @param {() => boolean} wanted */
    want: (wanted) => void wishes.push(wanted),
  };
  known.set(store, source);
  return source;
}
