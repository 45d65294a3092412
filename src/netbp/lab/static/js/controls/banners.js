/** What has to be said at once: divergence, saturation, an experiment that was refused, a server that is gone. */

import { button, fill, h } from "./dom.js";
import { percent, short, whole } from "./numbers.js";

/** @import { Actions, AppState, Store } from "../types.js" */

/** @typedef {{kind: "bad" | "warn" | "note", key: string, text: string, buttons?: HTMLButtonElement[], close?: () => void}} Banner */

const MOST = 0.5; // of all neurons: more of them saturated is worth a word
const WHOLE = 0.9; // of one layer: behind it no gradient is left
const FLAT = 0.01; // a norm of the gradient: above it something still moves

/** Which neurons are saturated, in words, when they are enough to stop the learning; else "".
 * @param {AppState} state */
export function saturationText(state) {
  const shares = state.frame?.header.saturated ?? [];
  const layers = state.opened?.layers ?? [];
  if (shares.length !== layers.length || layers.length === 0) return "";
  const worst = shares.indexOf(Math.max(...shares));
  const name = `layer ${layers[worst].l}`;
  if (shares[worst] > 0.995) return `All neurons of ${name} are saturated`;
  if (shares[worst] >= WHOLE) return `${percent(shares[worst])} of ${name} is saturated`;
  const neurons = layers.reduce((sum, layer) => sum + layer.width, 0);
  const all = shares.reduce((sum, share, i) => sum + share * layers[i].width, 0) / neurons;
  return all >= MOST ? `${percent(all)} of the neurons are saturated` : "";
}

/** @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions & {retry: () => Promise<void>}} actions */
export function mountBanners(element, store, actions) {
  /** @type {Set<string>} banners that the reader has put away */
  const away = new Set();
  let drawn = "";

  /** @param {AppState} state
   * @returns {Banner[]} */
  function banners(state) {
    const { connection, error, frame, opened } = state;
    /** @type {Banner[]} */
    const out = [];
    if (connection === "lost") {
      out.push({ kind: "bad", key: "lost", text: "The lab's server does not answer. The page tries again; your experiment is safe in its address.", buttons: [button({ text: "Try now", label: "Try now", click: () => void actions.retry() })] });
    } else if (connection === "locked") {
      const text = "This page has no key that fits the lab which answers here: it was started anew, or the link that led here was another lab's, too old, or used before. Open the address that the lab printed: this page then goes on with the experiment in its own address.";
      out.push({ kind: "bad", key: "locked", text, buttons: [button({ text: "Try again", label: "Try again", click: () => void actions.retry() })] });
    } else if (connection === "rebuilt") {
      out.push({ kind: "note", key: "rebuilt", text: "The server no longer had this run. It was computed again from its address, with the same digits.", close: () => store.set({ connection: "ok" }) });
    }
    if (error) {
      out.push({ kind: "bad", key: `error ${error}`, text: error, buttons: state.undo && state.refused ? [button({ text: "Undo", label: "Undo", click: actions.undo })] : [], close: () => store.set({ error: "" }) });
    }
    const left = frame?.header.diverged;
    if (left) {
      const text = `The run left the finite numbers at step ${whole(left.step)}: with the rate ${left.rate}, the weight ${left.weight} became ${left.value === null ? "infinite" : short(left.value)}. Too large a rate, with activations that do not bend back.`;
      const back = button({ text: `Back to step ${whole(left.last)}, the last finite state`, label: "Back to the last finite state", id: "last-finite", click: () => actions.scrub(left.last) });
      const slower = button({ text: `Try the rate ${short(left.rate / 10, 2)}`, label: "Try a tenth of the rate", click: () => actions.setFields({ rate: Number((left.rate / 10).toPrecision(2)), changes: "" }) });
      out.push({ kind: "bad", key: `diverged ${left.step}`, text, buttons: [back, slower] });
    }
    const saturated = saturationText(state);
    const right = frame?.header.right ?? 1;
    const stuck = frame !== null && frame.header.step > 0 && (frame.header.gradient ?? 0) < FLAT;
    if (!left && stuck && saturated && right < 1) {
      const text = `${saturated}: their slopes σ′(z) are almost zero, so the gradient is too (‖∇Cost‖ = ${short(frame.header.gradient, 2)}) although the cost is ${short(frame.header.cost, 3)}. Too large a rate does this to sigmoids.`;
      out.push({ kind: "warn", key: `saturated ${opened?.run}`, text, close: () => away.add(`saturated ${opened?.run}`) });
    }
    return out.filter(({ key }) => !away.has(key));
  }

  store.subscribe((state) => {
    const now = banners(state);
    const key = now.map((banner) => banner.key).join("\n");
    if (key === drawn) {
      now.forEach((banner, i) => {
        const text = element.children[i]?.querySelector("p");
        if (text && banner.kind === "warn" && text.textContent !== banner.text) text.textContent = banner.text;
      });
      return;
    }
    drawn = key;
    fill(
      element,
      ...now.map(({ kind, text, buttons = [], close }) =>
        h(
          "div",
          { class: `banner banner-${kind}`, role: kind === "bad" ? "alert" : "status" },
          h("p", { text }),
          ...buttons,
          close
            ? button({
                icon: "close",
                label: "Put this away",
                class: "button-quiet",
                click: () => {
                  close();
                  store.set({});
                },
              })
            : null,
        ),
      ),
    );
  });
}
