/** The second page: a saved run of images, taken apart. The list of runs, and the curves of one that trains, are asked for again and again. */

import { Lost, Refused } from "../client.js";
import { keptInTab } from "../memory.js";
import { fill, html } from "./dom.js";
import { count, percent } from "./format.js";
import { apartOf, filtersOf, galleryOf } from "./imageruns/answers.js";
import { mountApart, mountFilters } from "./imageruns/apart.js";
import { fitting, mountDrop } from "./imageruns/drop.js";
import { mountGallery, PAGE } from "./imageruns/gallery.js";
import { mountMatrix } from "./imageruns/matrix.js";
import { mountPanels } from "./imageruns/panels.js";
import { mountRuns } from "./imageruns/runlist.js";

/** @import { Actions, Frame, Store } from "../types.js" */
/** @import { MatrixAnswer, RunInfo } from "./imageruns/types.js" */

const AGAIN = 3000;
const SOON = 400;

/** Fill the slot #images.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountImages(element, store, actions) {
  element.classList.add("view-images");
  const card = (/** @type {string} */ name, /** @type {string} */ title, /** @type {Node[]} */ ...children) =>
    html("section", { class: `card images-${name}`, "aria-label": title || null }, title && html("header", { class: "card-head" }, html("h2", {}, title)), ...children);
  const list = html("div", { class: "saved-runs", "aria-label": "Saved runs" });
  const [drop, filterBox, panelBox, matrixBox] = ["drop-zone", "filters-box", "panels-box", "matrix-box"].map((name) => html("div", { class: name }));
  const empty = html("div", { class: "images-empty" });
  const error = html("p", { class: "images-error", role: "alert", hidden: true });
  const facts = html("p", { class: "matrix-facts", role: "status" });
  const newer = html("button", { type: "button", class: "button", hidden: true, onclick: () => void loadMatrix(true).then(loadFilters) }, "Look at the newest state");
  const curveCard = card("curves", "Objective and errors by epoch", html("p", { class: "image-legend", "aria-hidden": "true" }, html("span", { class: "key key-circle" }, "training"), html("span", { class: "key key-cross" }, "validation")), panelBox);
  const matrixCard = card("matrix", "Confusion matrix", html("div", { class: "image-scroll" }, matrixBox), html("div", { class: "matrix-foot" }, facts, newer));
  const galleryCard = card("gallery", "");
  const apartCard = card("apart", "");
  const filterCard = card("filters", "The first layer", filterBox);
  const side = html("div", { class: "images-side" }, card("runs", "Saved runs", list), card("drop", "An image of your own", drop), filterCard);
  const main = html("div", { class: "images-main" }, curveCard, matrixCard, galleryCard, apartCard);
  element.append(error, empty, side, main);
  galleryCard.setAttribute("aria-label", "Images");
  apartCard.setAttribute("aria-label", "One image, layer by layer");

  /** @type {RunInfo[]} */
  let runs = [];
  let chosen = "";
  const last = keptInTab("image-run");
  let generation = 0; // answers to questions about a run that is no longer chosen are thrown away
  let seen = ""; // the curves shown: of which state
  let cell = /** @type {[number, number] | null} */ (null);
  let order = /** @type {"test" | "surest"} */ ("test");
  let turned = 0; // pages of the gallery: the last one asked for is shown
  let asked = 0; // of images taken apart, only the last one that was asked for is shown
  let looking = false;

  const showRuns = mountRuns(list, choose);
  const showPanels = mountPanels(panelBox);
  const matrix = mountMatrix(matrixBox, (row, column) => {
    cell = [row, column];
    matrix.mark(cell);
    void loadGallery(0);
  });
  const gallery = mountGallery(galleryCard, {
    page: (first) => void loadGallery(first),
    order(name) {
      order = name;
      void loadGallery(0);
    },
    all() {
      cell = null;
      matrix.mark(null);
      void loadGallery(0);
    },
    choose: (image) => {
      void loadApart(image);
      apartCard.scrollIntoView({ block: "nearest", behavior: "smooth" });
    },
  });
  const apart = mountApart(apartCard, (image) => void loadApart(image));
  const showFilters = mountFilters(filterBox);
  const hint = mountDrop(drop, element, (file, name) => void classify(file, name));

  /** @param {string} line */
  function fail(line) {
    error.textContent = line;
    error.hidden = !line;
  }

  /** A question about the chosen run, asked again while the server prepares the answer; null when another run was chosen meanwhile.
   * @template T
   * @param {() => Promise<T>} question
   * @param {(done: number, of: number, what: string) => void} [preparing]
   * @returns {Promise<T | null>} */
  async function ask(question, preparing) {
    const now = generation;
    for (;;) {
      const answer = /** @type {any} */ (await question());
      if (now !== generation) return null;
      const told = answer.preparing ? answer : answer.header;
      if (!told?.preparing) return answer;
      preparing?.(told.done, told.images, told.preparing);
      await new Promise((resolve) => setTimeout(resolve, SOON));
      if (now !== generation) return null;
    }
  }

  /** Do a piece of work, and tell what goes wrong with it.
   * @param {() => Promise<void>} work */
  async function tried(work) {
    const now = generation;
    try {
      await work();
    } catch (reason) {
      if (now !== generation) return;
      if (reason instanceof Lost) fail("The lab's server does not answer: is it still running?");
      else fail(reason instanceof Error ? reason.message : String(reason));
      if (reason instanceof Refused && reason.gone) chosen = "";
      else if (!(reason instanceof Lost || reason instanceof Refused)) console.error(reason);
    }
  }

  const path = (/** @type {string} */ what) => `api/images/${chosen}/${what}`;

  /** @param {string} id */
  function choose(id) {
    if (id === chosen) return;
    chosen = id;
    last.set(id);
    generation++;
    [cell, seen] = [null, ""];
    fail("");
    showRuns(runs, chosen);
    hint(runs.find((run) => run.id === id)?.experiment === "mnist" ? "The digits of MNIST are white on black." : "");
    showPanels(null);
    matrix.show(null);
    facts.textContent = "";
    gallery.show(null, null, order);
    apart.show(null);
    showFilters(null);
    void loadCurves();
    void loadFilters().then(() => loadApart(1));
    void loadMatrix(false);
  }

  const loadCurves = () => tried(async () => {
    const answer = await ask(() => actions.post(path("curves"), {}));
    if (!answer) return;
    showPanels(answer);
    seen = stateOf(answer);
  });

  /** @param {boolean} fresh */
  const loadMatrix = (fresh) => tried(async () => {
    newer.hidden = true;
    facts.textContent = "Reading the run …";
    try {
      const answer = /** @type {MatrixAnswer | null} */ (await ask(() => actions.post(path("confusion"), { fresh: Number(fresh) }), (done, of, what) => {
        fresh = false;
        facts.textContent = of ? `${what[0].toUpperCase()}${what.slice(1)}: ${count(done)} of ${count(of)} …` : `${what[0].toUpperCase()}${what.slice(1)} …`;
      }));
      if (!answer) return;
      matrix.show(answer);
      matrix.mark(cell);
      const five = answer.top5 === null ? "" : `, ${percent(answer.top5)} among the first five`;
      facts.textContent = `${percent(answer.accuracy)} of ${count(answer.images)} test images right${five}; ${count(answer.wrong)} wrong. After epoch ${answer.epochs}. Choose a cell to see its images.`;
      newer.hidden = !answer.newer;
    } catch (reason) {
      facts.textContent = "";
      throw reason;
    }
    await loadGallery(0);
  });

  /** @param {number} first */
  const loadGallery = (first) => tried(async () => {
    const mine = ++turned;
    const question = cell ? () => actions.postBinary(path("cell"), { row: cell?.[0], column: cell?.[1], first, count: PAGE }) : () => actions.postBinary(path("mistakes"), { first, count: PAGE, order });
    const answer = /** @type {Frame | null} */ (await ask(question));
    if (answer && mine === turned) gallery.show(galleryOf(answer), cell, order);
  });

  const loadFilters = () => tried(async () => {
    try {
      const answer = /** @type {Frame | null} */ (await ask(() => actions.postBinary(path("filters"), {})));
      if (answer) showFilters(filtersOf(answer));
    } catch (reason) {
      if (!(reason instanceof Refused)) throw reason;
      showFilters(null, reason.message); // a network without filters is no fault
    }
  });

  /** @param {number} image */
  const loadApart = (image) => tried(async () => {
    const mine = ++asked;
    const answer = /** @type {Frame | null} */ (await ask(() => actions.postBinary(path("maps"), { image })));
    if (!answer || mine !== asked) return;
    apart.show(apartOf(answer));
    gallery.mark(image);
  });

  /** @param {File | Blob} file
   * @param {string} name */
  const classify = (file, name) => tried(async () => {
    if (!chosen) return;
    const mine = ++asked;
    fail("");
    const small = await fitting(file);
    const answer = /** @type {Frame | null} */ (await ask(() => actions.upload(path("classify"), small)));
    if (!answer || mine !== asked) return;
    const found = apartOf(answer);
    apart.show(found, name);
    gallery.mark(null);
    actions.say(`${name}: ${found.classes[found.predicted]}`);
    apartCard.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });

  const shown = () => store.get().tab === "images" && !document.hidden;

  /** Look at the folder as long as the page is seen. */
  async function look() {
    if (looking) return;
    looking = true;
    while (shown()) {
      await tried(async () => {
        const answer = await actions.get("api/images");
        runs = answer.runs;
        if (error.textContent?.startsWith("The lab's server")) fail("");
        const known = runs.find(({ id }) => id === chosen);
        main.hidden = side.hidden = runs.length === 0;
        fill(empty, ...(runs.length ? [] : nothing()));
        if (!known && runs.length) choose((runs.find(({ id }) => id === last.get()) ?? runs.find(({ training }) => training) ?? runs[0]).id);
        showRuns(runs, chosen);
        if (known && stateOf(known) !== seen) {
          if (seen && !known.training) newer.hidden = false; // it has ended: its last state is there
          await loadCurves();
          if (known.training && matrixBox.hasChildNodes()) newer.hidden = false;
        }
      });
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
    looking = false;
  }

  store.subscribe((state, before) => {
    if (state.tab !== before.tab) void look();
  });
  document.addEventListener("visibilitychange", () => void look());
  if (shown()) void look();
}

/** What changes when a run has come further.
 * @param {RunInfo} run
 * @returns {string} */
function stateOf({ epochs, status, step }) {
  return [epochs, status, step].join();
}

/** What to do when no run is saved. */
function nothing() {
  return [
    html("h2", {}, "No saved run of images is here yet"),
    html("p", {}, "Train one, and this page shows it while it trains:"),
    html("pre", {}, "netbp run mnist\nnetbp run cifar"),
    html("p", {}, "The lab looks in runs/, or in the folder that ", html("code", {}, "netbp lab --runs FOLDER"), " names."),
  ];
}
