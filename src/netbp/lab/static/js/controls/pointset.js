/** Which points: the paper's, a set that is drawn, or a table from the clipboard or a file. */

import { fieldOf } from "../fields.js";
import { button, h, setText } from "./dom.js";
import { explain } from "./explain.js";
import { attempt } from "./complaint.js";
import { allowed, numberInput, row, sentence, showValue } from "./form.js";
import { drawnSet } from "../limits.js";
import { MOST_IN_A_LINK, withOutputs } from "../points.js";
import { whole } from "./numbers.js";

/** @import { Actions, AppState, Fields, Store, Value } from "../types.js" */

const NAMES = /** @type {Record<string, string>} */ ({
  ten: "The ten of figure 1",
  eleven: "The eleven of figure 5",
  spirals: "Two spirals",
  moons: "Two moons",
  circles: "Two circles",
  xor: "Exclusive or",
  blobs: "Three clouds",
  own: "Your own",
});

/** What a set is called, for the text of a field.
 * @param {string} text */
export function nameOfSet(text) {
  const name = text.split(":")[0];
  return NAMES[name] ?? name;
}

/** "moons:100:0.03:0" in its parts; the set's own numbers where some are missing.
 * @param {string} text
 * @param {Fields} fields
 * @returns {{name: string, n: number, noise: number, seed: number}} */
export function setOf(text, fields) {
  const [name, n, noise, seed] = text.split(":");
  const known = fields.sets[name];
  if (!known) return { name: name === "ten" || name === "eleven" ? name : "own", n: 0, noise: 0, seed: 0 };
  return { name, n: Number(n ?? known.n), noise: Number(noise ?? known.noise), seed: Number(seed ?? 0) };
}

/** @param {Fields} fields
 * @param {Store} store
 * @param {Actions} actions */
export function pointsEditor(fields, store, actions) {
  const about = fieldOf(fields, "points");
  const names = ["ten", "eleven", ...Object.keys(fields.sets)];
  const chooser = h("select", { id: "field-points", "data-name": "points" }, ...[...names, "own"].map((name) => h("option", { value: name, text: NAMES[name] ?? name })));
  chooser.addEventListener("change", () => {
    if (!attempt(chooser, () => choose(chooser.value)) && chooser.dataset.shown !== undefined) chooser.value = chooser.dataset.shown;
  });

  /** @param {string} name */
  function choose(name) {
    const { experiment } = store.get();
    const known = fields.sets[name];
    if (name === "own") return actions.say("Click on the plane to add points, drag them, or paste a table.");
    const points = known ? `${name}:${known.n}:${known.noise}:0` : name;
    const patch = { points, layers: withOutputs(String(experiment.layers), known?.categories ?? 2) };
    allowed(store, patch);
    actions.setFields(patch);
  }

  /** @param {Partial<{n: Value, noise: Value, seed: Value}>} patch */
  function redraw(patch) {
    const now = { ...setOf(String(store.get().experiment.points), fields), ...patch };
    const points = drawnSet(now, fields);
    allowed(store, { points });
    actions.setField("points", points);
  }

  /** @param {"n" | "noise" | "seed"} name
   * @param {string} title
   * @param {string} help */
  function number(name, title, help) {
    const isWhole = name !== "noise";
    const input = numberInput({
      name: `set-${name}`,
      whole: isWhole,
      parse(text) {
        const value = Number(text);
        if (text.trim() === "" || !Number.isFinite(value) || (isWhole && !Number.isInteger(value))) throw new Error(`${title} is a ${isWhole ? "whole " : ""}number, but "${text}" was given`);
        return value;
      },
      commit: (value) => redraw({ [name]: value }),
    });
    return { input, line: row(title, input, { help, equation: about?.equation }) };
  }
  const n = number("n", "how many", "how many points the set draws");
  const noise = number("noise", "noise", "the standard deviation of the normal errors that are added to each coordinate");
  const seed = number("seed", "seed of the set", "another seed draws other points of the same shape");
  const drawn = h("div", { class: "rows" }, n.line, noise.line, seed.line);

  const file = h("input", { type: "file", accept: ".csv,.txt,.tsv,text/csv,text/plain", class: "visually-hidden", tabindex: -1, "aria-hidden": "true", "data-name": "csv-file" });
  file.addEventListener("change", async () => {
    const chosen = file.files?.[0];
    if (chosen) await take(await chosen.text());
    file.value = "";
  });
  const area = h("textarea", { rows: 4, class: "paste", "aria-label": "Table of points: x1, x2 and category in each row", placeholder: "0.1, 0.1, A\n0.6, 0.3, B", "data-name": "csv" });
  const paste = h(
    "div",
    { class: "paste-box", hidden: true },
    area,
    h("div", { class: "row-buttons" }, button({ text: "Use these points", label: "Use these points", click: () => void take(area.value) }), button({ text: "Choose a file", label: "Choose a file", click: () => file.click() })),
  );
  const opener = button({ text: "Paste or drop a table", label: "Paste or drop a table", click: () => (paste.hidden = !paste.hidden) });
  opener.id = "csv-open";
  const note = h("p", { class: "row-note" });

  /** A table's text becomes the points.
   * @param {string} csv */
  async function take(csv) {
    try {
      const { points, N, categories } = await actions.post("api/points", { csv });
      const outputs = Math.max(2, Array.isArray(categories) ? categories.length : Number(categories ?? 2));
      actions.setFields({ points, layers: withOutputs(String(store.get().experiment.layers), outputs) });
      actions.say(`${whole(N)} points were read.`);
      paste.hidden = true;
    } catch (error) {
      const line = error instanceof Error ? error.message : String(error);
      setText(note, line);
      actions.say(line);
    }
  }

  acceptTables(() => store.get().tab !== "images", (text) => void take(text)); // files dropped on the other page are images
  const line = row("set", chooser, { help: about?.help ?? "", equation: about?.equation });
  const element = h("div", { class: "rows", "data-field": "points" }, line, drawn, h("div", { class: "row-buttons" }, opener), paste, file, note);
  explain(opener, { title: "a table of your own", help: sentence("rows of x1, x2 and a category, from the clipboard or a file; a file may also be dropped anywhere on the page"), equation: "(5)" });

  return {
    element,
    /** @param {AppState} state
     * @param {AppState} before */
    update(state, before) {
      const set = setOf(String(state.experiment.points), fields);
      showValue(chooser, set.name);
      drawn.hidden = !(set.name in fields.sets);
      if (!drawn.hidden) {
        showValue(n.input, set.n);
        showValue(noise.input, set.noise);
        showValue(seed.input, set.seed);
      }
      if (state.opened !== before.opened && state.opened) {
        const many = state.opened.points.length;
        const tooMany = set.name === "own" && many > MOST_IN_A_LINK;
        setText(note, tooMany ? `${whole(many)} points are too many for a link (at most ${MOST_IN_A_LINK}): save as JSON instead.` : set.name === "own" ? `${whole(many)} points` : "");
      }
    },
  };
}

/** Text dropped anywhere on the page, or pasted outside of an input, is read as a table.
 * @param {() => boolean} here  whether the page is one for tables
 * @param {(text: string) => void} take */
function acceptTables(here, take) {
  const cue = (/** @type {boolean} */ on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragover", (event) => {
    event.preventDefault(); // the browser would leave for the file
    cue(here());
  });
  addEventListener("dragleave", (event) => cue(event.relatedTarget !== null));
  addEventListener("drop", async (event) => {
    event.preventDefault();
    cue(false);
    if (!here()) return;
    const file = event.dataTransfer?.files[0];
    const text = file ? await file.text() : (event.dataTransfer?.getData("text/plain") ?? "");
    if (text.trim()) take(text);
  });
  addEventListener("paste", (event) => {
    if (!here() || event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (/[\d.]\s*[,;\t ]\s*-?[\d.]/.test(text)) take(text);
  });
}

