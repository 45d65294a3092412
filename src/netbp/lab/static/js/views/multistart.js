/** Many starts of one experiment: where their costs end, how many succeed; any start can be opened. */

import { fill, html, svg, watchSize } from "./dom.js";
import { count, number, percent, powerOfTen } from "./format.js";
import { watchTheme } from "./theme.js";

/** @import { Actions, Experiment, Store } from "../types.js" */
/** @import { Theme } from "./theme.js" */

/** What a job says when it is done; all costs are Cost (9).
 * @typedef {{costs: (number | null)[], success: number, level: number, all_right: number | null, quantiles: Record<string, number | null>, best: number} & Record<string, any>} Result */

/** A bin of the histogram: costs from 10^low to 10^high, and the starts in it, counted from 0.
 * @typedef {{low: number, high: number, starts: number[]}} Bin */

/** Costs in bins of equal width of their logarithms; those that are not finite are left out.
 * @param {(number | null)[]} costs
 * @param {number} most  bins at most
 * @returns {Bin[]} */
export function bins(costs, most) {
  const logs = costs.map((c) => (c !== null && c > 0 && Number.isFinite(c) ? Math.log10(c) : NaN));
  const finite = logs.filter((v) => !Number.isNaN(v));
  if (!finite.length) return [];
  const [least, greatest] = [Math.min(...finite), Math.max(...finite)];
  const raw = Math.max(1e-6, (greatest - least) / most);
  const width = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1].find((w) => w >= raw) ?? Math.ceil(raw);
  const first = Math.floor(least / width + 1e-9);
  const n = Math.max(1, Math.floor(greatest / width + 1e-9) - first + 1);
  const out = Array.from({ length: n }, (_, k) => ({ low: (first + k) * width, high: (first + k + 1) * width, starts: /** @type {number[]} */ ([]) }));
  logs.forEach((v, i) => {
    if (!Number.isNaN(v)) out[Math.min(n - 1, Math.max(0, Math.floor(v / width + 1e-9) - first))]?.starts.push(i);
  });
  return out;
}

/** The bar whose bin an element shows.
 * @type {WeakMap<Element, Bin>} */
const HELD = new WeakMap();

/** Draw the histogram. The bars are the same elements from one drawing to the next, so that no click and no focus is lost while results
 * come in; `onBin` is called for a bar that is chosen by key, or clicked: anywhere above or on it.
 * @param {SVGSVGElement} picture
 * @param {{width: number, height: number, theme: Theme, bins: Bin[], level: number, chosen: Bin | null}} model
 * @param {(bin: Bin) => void} onBin */
export function drawMultistart(picture, { width, height, theme, bins: all, level, chosen }, onBin) {
  const { size } = theme;
  const [left, right, top, bottom] = [4.2 * size, width - 1.6 * size, 1.6 * size, height - 3.2 * size];
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const [first, last] = [all[0]?.low ?? 0, all[all.length - 1]?.high ?? 1];
  const most = Math.max(1, ...all.map((bin) => bin.starts.length));
  const x = (/** @type {number} */ v) => left + ((right - left) * (v - first)) / (last - first || 1);
  const y = (/** @type {number} */ n) => bottom - ((bottom - top) * n) / most;
  const text = (/** @type {string} */ words, /** @type {number} */ at, /** @type {number} */ high, /** @type {string} */ anchor) => svg("text", { x: at, y: high, "text-anchor": anchor }, words);
  const [bars, axes] = /** @type {[SVGGElement, SVGGElement]} */ (picture.children.length === 2 ? [...picture.children] : [svg("g", { class: "start-bars" }), svg("g", { class: "start-axes" })]);
  if (bars.parentNode !== picture) fill(picture, bars, axes);
  const filled = all.filter((bin) => bin.starts.length);
  while (bars.children.length > filled.length) bars.lastElementChild?.remove();
  filled.forEach((bin, k) => {
    const name = `${bin.starts.length} starts with a cost from ${number(10 ** bin.low, 3)} to ${number(10 ** bin.high, 3)}`;
    const good = level > 0 && (bin.low + bin.high) / 2 < Math.log10(level);
    const bar = bars.children[k] ?? newBar(bars, onBin);
    HELD.set(bar, bin);
    const place = { x: x(bin.low) + 0.5, width: Math.max(1.5, x(bin.high) - x(bin.low) - 1), y: Math.min(y(bin.starts.length), bottom - 2), height: Math.max(2, bottom - y(bin.starts.length)) };
    for (const [key, value] of Object.entries(place)) bar.setAttribute(key, value.toFixed(2));
    bar.setAttribute("class", `start-bar ${good ? "is-good" : ""} ${chosen && chosen.low === bin.low ? "is-chosen" : ""}`.trim());
    bar.setAttribute("aria-label", name);
    const title = bar.firstElementChild;
    if (title) title.textContent = name;
  });
  picture.onclick = (event) => {
    const at = event.clientX - picture.getBoundingClientRect().left;
    const bin = filled.find(({ low, high }) => at >= x(low) && at < x(high));
    if (bin) onBin(bin);
  };
  const every = Math.max(1, Math.ceil((last - first) / Math.max(2, (right - left) / (5 * size))));
  const ticks = [];
  for (let e = Math.ceil(first - 1e-9); e <= last + 1e-9; e += every) ticks.push(svg("line", { x1: x(e), x2: x(e), y1: bottom, y2: bottom + 4, class: "start-axis" }), text(powerOfTen(e), x(e), bottom + 1.3 * size, "middle"));
  if (ticks.length < 4) for (const bin of [all[0], all[all.length - 1]]) if (bin) ticks.push(text(number(10 ** (bin === all[0] ? bin.low : bin.high), 2), x(bin === all[0] ? bin.low : bin.high), bottom + 1.3 * size, "middle"));
  const at = level > 0 ? x(Math.min(last, Math.max(first, Math.log10(level)))) : left;
  fill(axes, svg("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "start-axis" }), ...ticks,
    level > 0 && svg("line", { x1: at, x2: at, y1: top - 0.4 * size, y2: bottom, class: "start-level" }), level > 0 && text(`success below ${number(level, 3)}`, at > (left + right) / 2 ? at - 4 : at + 4, top + 0.3 * size, at > (left + right) / 2 ? "end" : "start"),
    text(String(most), left - 5, y(most) + 0.4 * size, "end"), text("0", left - 5, bottom, "end"), text("starts", left - 5, y(most / 2), "end"), text("final Cost (9)", (left + right) / 2, height - 0.4 * size, "middle"));
}

/** @param {SVGGElement} bars
 * @param {(bin: Bin) => void} onBin
 * @returns {SVGRectElement} */
function newBar(bars, onBin) {
  const bar = svg("rect", { tabindex: 0, role: "button", onkeydown: (/** @type {KeyboardEvent} */ event) => {
    const bin = HELD.get(bar);
    if (!bin || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    event.stopPropagation();
    onBin(bin);
  } }, svg("title"));
  bars.append(bar);
  return bar;
}

/** Fill the slot #multistart.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountMultistart(element, store, actions) {
  element.classList.add("view-multistart");
  const starts = html("input", { type: "number", min: 2, max: 1000, step: 1, value: 1000, "aria-label": "Number of starts" });
  const steps = html("input", { type: "number", min: 1, max: 100000, step: 1, value: 20000, "aria-label": "Steps of each start" });
  const begin = html("button", { type: "submit", class: "view-button" }, "Train them all");
  const stop = html("button", { type: "button", class: "view-button", hidden: true, onclick: () => cancel() }, "Stop");
  const progress = html("progress", { max: 1, value: 0, hidden: true, "aria-label": "Starts done" });
  const done = html("output", { class: "start-done" });
  const form = html("form", { class: "start-form", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    void run();
  } }, html("label", {}, "starts ", starts), html("label", {}, "steps each ", steps), begin, stop, progress, done);
  const words = html("p", { class: "start-words" }, "The same experiment from many starts: where do they end? Each start is the seed's i-th stream, and can be opened by itself.");
  const picture = svg("svg", { class: "start-picture", role: "group", "aria-label": "Histogram of the final costs; Enter on a bar lists its starts" });
  const stage = html("div", { class: "start-stage" }, picture);
  const list = html("div", { class: "start-list" });
  element.append(form, words, stage, list);
  let [width, height] = [0, 0];
  /** @type {Theme | null} */
  let theme = null;
  /** @type {{result: Result, experiment: Experiment, steps: number} | null} */
  let shown = null;
  /** @type {Bin | null} */
  let chosen = null;
  /** @type {string | null} */
  let job = null;
  let stopped = false;

  function draw() {
    if (!theme || !shown || width < 60) return;
    const all = bins(shown.result.costs, Math.max(8, Math.floor(width / 12)));
    drawMultistart(picture, { width, height, theme, bins: all, level: shown.result.level, chosen }, pick);
  }

  /** @param {Bin} bin */
  function pick(bin) {
    chosen = bin;
    draw();
    const { result, experiment, steps: length } = /** @type {NonNullable<typeof shown>} */ (shown);
    const sorted = [...bin.starts].sort((a, b) => (result.costs[a] ?? Infinity) - (result.costs[b] ?? Infinity));
    fill(list, html("p", {}, `${bin.starts.length} starts between ${number(10 ** bin.low, 3)} and ${number(10 ** bin.high, 3)}: choose one to look at it`),
      html("div", { class: "start-buttons" }, ...sorted.slice(0, 60).map((i) => html("button", { type: "button", class: "view-button", onclick: () => {
        void actions.openExperiment({ ...experiment, start: i + 1, steps: length }, length);
        actions.say(`Start ${i + 1} is open.`);
      } }, `${i + 1}: ${number(result.costs[i], 3)}`)), sorted.length > 60 && html("span", {}, `… ${sorted.length - 60} more`)));
  }

  async function run() {
    const { opened } = store.get();
    if (!opened || job) return;
    chosen = null;
    fill(list);
    const experiment = { ...opened.experiment, start: 0 };
    const [n, length] = [Math.round(Number(starts.value)), Math.round(Number(steps.value))];
    busy(true);
    try {
      stopped = false;
      const answer = await actions.post("api/multistart", { experiment, starts: n, steps: length });
      job = answer.job;
      if (stopped) cancel(); // before the job had a name
      for (let wait = 120; job; wait = Math.min(500, wait * 1.3)) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        if (!job) break;
        const state = await actions.post(`api/job/${job}`, {});
        progress.value = state.of ? state.done / state.of : 0;
        done.textContent = `${count(state.done)} of ${count(state.of)}`;
        if (!state.finished) {
          if (state.costs?.length) {
            // what is there so far; the level of success comes with the result
            shown = { result: { costs: state.costs, success: 0, level: 0, all_right: null, quantiles: {}, best: 0 }, experiment, steps: length };
            draw();
          }
          continue;
        }
        if (state.error) throw new Error(state.error);
        if (state.result) finished(state.result, experiment, length);
        break;
      }
    } catch (error) {
      words.textContent = String(error instanceof Error ? error.message : error);
    } finally {
      job = null;
      busy(false);
    }
  }

  /** @param {boolean} is */
  function busy(is) {
    begin.disabled = is;
    stop.hidden = progress.hidden = !is;
    if (is) {
      progress.value = 0;
      done.textContent = "";
    }
  }

  function cancel() {
    if (job) actions.post(`api/job/${job}/cancel`, {}).catch(() => undefined);
    job = null;
    stopped = true;
    done.textContent = "stopped";
  }

  /** @param {Result} result @param {Experiment} experiment @param {number} length */
  function finished(result, experiment, length) {
    shown = { result, experiment, steps: length };
    const kept = chosen && bins(result.costs, Math.max(8, Math.floor(width / 12))).find((bin) => bin.low === chosen?.low && bin.high === chosen.high && bin.starts.length);
    const n = result.costs.length;
    const lost = result.costs.filter((c) => c === null || !Number.isFinite(c)).length;
    const sorted = result.costs.filter((c) => c !== null && Number.isFinite(c)).map(Number).sort((a, b) => a - b);
    const middle = sorted.length ? sorted[Math.floor((sorted.length - 1) / 2)] : null;
    words.textContent = `After ${count(length)} steps ${percent(result.success)} of ${count(n)} starts lie below the cost ${number(result.level, 3)}; ` +
      `${percent(result.all_right)} classify every point rightly. Median ${number(middle, 3)}, best ${number(sorted[0], 4)}${lost ? `; ${lost} diverged` : ""}.`;
    done.textContent = "";
    actions.say(words.textContent);
    if (kept) pick(kept);
    else {
      chosen = null;
      fill(list, html("p", {}, "Choose a bar to see its starts."));
      draw();
    }
  }

  watchSize(stage, (w, h) => {
    [width, height] = [w, h];
    draw();
  });
  watchTheme(element, (now) => {
    theme = now;
    draw();
  });
}
