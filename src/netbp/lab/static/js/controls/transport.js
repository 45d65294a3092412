/** The run: play, pause, one step, one epoch, rewind, a new start; the speed, the history to scrub through, and what holds now. */

import { button, h, setIcon, setText } from "./dom.js";
import { explain } from "./explain.js";
import { percent, short, whole } from "./numbers.js";

/** @import { Actions, AppState, Store } from "../types.js" */

/** Steps a frame, from one to flat out (0). */
const SPEEDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 0];

/** The place of a speed on the dial.
 * @param {number} speed */
export function placeOf(speed) {
  if (speed === 0) return SPEEDS.length - 1;
  const place = SPEEDS.findIndex((s) => s >= speed || s === 0);
  return place;
}

/** @param {number} speed */
export function speedText(speed) {
  if (speed === 0) return "flat out";
  return speed === 1 ? "1 step a frame" : `${whole(speed)} steps a frame`;
}

/** The next speed up or down the dial.
 * @param {number} speed
 * @param {number} by */
export function otherSpeed(speed, by) {
  return SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, placeOf(speed) + by))];
}

/** @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountTransport(element, store, actions) {
  const rewind = button({ icon: "rewind", id: "rewind", label: "Rewind to the start", key: "r", click: actions.rewind });
  const play = button({ icon: "play", id: "play", label: "Run", key: "space", class: "button-play", click: press });
  function press() {
    const ended = !store.get().playing && play.getAttribute("aria-label") === "Pause"; // by itself, under the finger: it stays so
    if (!ended) actions.toggle();
  }
  const step = button({ icon: "step", id: "step", label: "One step", key: "→", click: actions.stepOnce });
  const epoch = button({ icon: "epoch", id: "epoch", label: "One epoch", key: "e", click: actions.epochOnce });
  const seed = h("small", { class: "seed" });
  const start = button({ icon: "dice", id: "new-start", text: "New start", label: "A new start with the next seed", key: "n", click: actions.newSeed });
  start.append(seed);
  explain(rewind, { title: "rewind", help: "Back to exactly the same start: the same weights, the same points drawn in the same order.", equation: "section 6" });
  explain(play, { title: "run", help: "Train from the step shown. At the end it starts again.", equation: "(15)" });
  explain(step, { title: "one step", help: "One update of all weights and biases.", equation: "(15)" });
  explain(epoch, { title: "one epoch", help: "As many steps as it takes to look at every point once.", equation: "(16)" });
  explain(start, { title: "new start", help: "The next seed: other first weights, and other points drawn.", equation: "section 6" });

  const dial = h("input", { type: "range", id: "speed", min: 0, max: SPEEDS.length - 1, step: 1, class: "slider", "aria-label": "Speed" });
  dial.addEventListener("input", () => actions.setSpeed(SPEEDS[Number(dial.value)]));
  const pace = h("output", { class: "pace", for: "speed" });
  const speed = h("div", { class: "speed" }, h("label", { for: "speed", class: "tiny", text: "Speed" }), dial, pace);
  explain(speed, { title: "speed", help: "How many steps lie between two pictures. Flat out the machine trains as fast as it can, and the page shows where it is.", equation: null });

  const scrubber = h("input", { type: "range", id: "scrubber", min: 0, max: 1, step: 1, value: 0, class: "slider", "aria-label": "Step shown" });
  scrubber.addEventListener("input", () => actions.scrub(Number(scrubber.value)));
  const at = h("input", { type: "text", id: "step-shown", inputmode: "numeric", class: "input-step", "aria-label": "Go to step", autocomplete: "off" });
  at.addEventListener("change", () => {
    const wanted = Number(at.value.replace(/[^\d.e+]/gi, ""));
    if (Number.isFinite(wanted)) actions.scrub(wanted);
    at.blur();
  });
  const of = h("span", { class: "of" });
  const history = h("div", { class: "history" }, h("div", { class: "history-step" }, h("label", { for: "step-shown", class: "tiny", text: "Step" }), at, of), scrubber);
  explain(history, { title: "history", help: "Every state of the run so far can be looked at again, bit for bit: drag, or write a step's number.", equation: null });

  /** @param {string} id
   * @param {string} name
   * @param {string} help
   * @param {string | null} equation */
  function reading(id, name, help, equation) {
    const value = h("dd", { id: `reading-${id}` });
    const item = h("div", { class: "reading" }, h("dt", { text: name }), value);
    explain(item, { title: name, help, equation });
    return { item, value };
  }
  const cost = reading("cost", "Cost", "The mean over the points, as the paper defines it.", "(9)");
  const listing = reading("listing", "2N · Cost", "The sum of squares that Listing 6.1 prints and figure 7 shows.", "(6)");
  const gradient = reading("gradient", "‖∇Cost‖", "The length of the gradient: zero at a minimum, and where all neurons are saturated.", "(14)");
  const right = reading("right", "right", "How many of the training points lie on their own side of the boundary.", "(5)");
  const held = reading("held", "held out", "The cost on the points that were held out, and how many of them are right.", "section 7.2");
  const epochs = reading("epoch", "epoch", "How many times every point has been looked at, on the average.", "(16)");
  const readings = h("dl", { class: "readings" }, cost.item, listing.item, gradient.item, right.item, held.item, epochs.item);

  element.append(h("div", { class: "buttons" }, rewind, play, step, epoch), speed, history, readings, start);

  /** What changes seldom.
   * @param {AppState} state */
  function settle({ opened, playing, speed: steps, experiment }) {
    setIcon(play, playing ? "pause" : "play");
    play.setAttribute("aria-label", playing ? "Pause" : "Run");
    play.title = `${playing ? "Pause" : "Run"} (space)`;
    play.classList.toggle("on", playing);
    for (const control of [play, step, epoch, rewind, start]) control.disabled = !opened;
    dial.value = String(placeOf(steps));
    dial.setAttribute("aria-valuetext", speedText(steps));
    setText(pace, speedText(steps));
    setText(of, `of ${whole(Number(experiment.steps ?? 0))}`);
    setText(seed, Number(experiment.start) > 0 ? `start ${experiment.start}` : `seed ${experiment.seed ?? ""}`);
    training = opened?.points.filter((point) => !point[3]).length ?? 0;
    listing.item.hidden = (opened?.scale_of_cost ?? 1) === 1;
    held.item.hidden = (opened?.points.length ?? 0) === training;
  }

  let training = 0; // points

  /** What changes with every frame.
   * @param {AppState} state */
  function follow({ frame, opened, playing, shown, reached }) {
    scrubber.max = String(Math.max(1, reached));
    scrubber.value = String(shown);
    scrubber.disabled = reached === 0;
    if (!playing) scrubber.setAttribute("aria-valuetext", `step ${whole(shown)} of ${whole(reached)}`);
    if (document.activeElement !== at) {
      at.value = whole(shown);
      if (at.size !== at.value.length) at.size = Math.max(1, at.value.length);
    }
    const header = frame?.header;
    setText(cost.value, short(header?.cost));
    setText(listing.value, header?.cost === null || header?.cost === undefined ? "–" : short((opened?.scale_of_cost ?? 1) * header.cost));
    setText(gradient.value, short(header?.gradient, 3));
    setText(right.value, header ? `${Math.round(header.right * training)}/${training}` : "–");
    if (!held.item.hidden) setText(held.value, header && header.held_out !== null ? `${short(header.held_out, 3)} · ${percent(header.held_right ?? 0)}` : "–");
    setText(epochs.value, header ? whole(Math.floor(header.epoch)) : "–");
  }

  store.subscribe((state, before) => {
    if (state.playing !== before.playing || state.opened !== before.opened || state.speed !== before.speed || state.experiment !== before.experiment) settle(state);
    follow(state);
  });
  settle(store.get());
}
