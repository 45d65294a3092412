/** Back propagation, step by step: the forward and the backward pass at the chosen point with the actual matrices (Lemma 1). */

import { fill, html, svg, watchSize } from "./dom.js";
import { count, number } from "./format.js";
import { inline, slope, symbol } from "./mathml.js";
import { buildNetwork, drawNetwork } from "./networkdraw.js";
import { layout, sizesOf } from "./networkmodel.js";
import { previewOf } from "./preview.js";
import { watchTheme } from "./theme.js";
import { walkOf } from "./walkdata.js";
import { stepsOf } from "./walksteps.js";

/** @import { Actions, Opened, Store } from "../types.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Walk } from "./walkdata.js" */
/** @import { Step } from "./walksteps.js" */

/** The answer of /difference.
 * @typedef {{name: string, derivative: number, difference: number, h: number, error_bound: number, relative: number, agree: boolean}} Check */

/** Draw one step into `element`.
 * @param {HTMLElement} element
 * @param {Step} step
 * @param {import("./walksteps.js").Pick} pick */
export function drawStep(element, step, pick) {
  fill(
    element,
    html("div", { class: "walk-head" }, html("h3", {}, step.name), html("span", { class: "walk-equation" }, step.equation)),
    html("p", { class: "walk-words" }, step.words),
    html("div", { class: "walk-formulas" }, ...step.make(pick)),
  );
}

/** What a difference quotient says of a derivative.
 * @param {HTMLElement} element
 * @param {Check} check
 * @param {[l: number, j: number, k: number | null]} entry */
export function drawCheck(element, check, [l, j, k]) {
  const which = k === null ? symbol("b", l, j) : symbol("w", l, j, k);
  const line = (/** @type {string | Element} */ name, /** @type {string} */ value) => html("tr", {}, html("th", { scope: "row" }, name), html("td", {}, value));
  fill(
    element,
    html("table", {},
      html("caption", {}, "Checked with a central difference"),
      html("tbody", {},
        line(inline(slope(which)), number(check.derivative, 12)),
        line("difference quotient", number(check.difference, 12)),
        line("step h", number(check.h, 3)),
        line("they differ by", `${number(Math.abs(check.derivative - check.difference), 3)}, expected below ${number(check.error_bound, 3)}`),
      ),
    ),
    html("p", { class: check.agree ? "walk-agree" : "walk-differ" }, check.agree ? "✓ They agree as far as rounding allows." : "✗ They differ by more than rounding explains."),
  );
}

/** Draw the network small, with the layer of a step and the weights that it uses brought out.
 * @param {SVGSVGElement} picture
 * @param {{width: number, height: number, theme: Theme, opened: Opened, p: Float64Array, walk: Walk, step: Step}} model */
export function drawPlace(picture, { width, height, theme, opened, p, walk, step }) {
  const shape = layout(sizesOf(opened), width, height, Math.min(60, width / 8), null);
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  /** @type {[number, Element][]} */
  const groups = [];
  const drawn = buildNetwork(picture, shape, ({ l }, group) => {
    group.removeAttribute("tabindex");
    group.removeAttribute("role");
    groups.push([l, group]);
  }, () => undefined);
  drawNetwork(drawn, { layout: shape, p, layers: opened.layers, walk, theme });
  const L = opened.layers.length + 1;
  const uses = step.way === "backward" ? step.l + 1 : step.l === L && step.name.startsWith("the cost") ? 0 : step.l;
  for (const [l, group] of groups) group.classList.toggle("in-walk", l === step.l);
  for (const { edge, line } of drawn.edges) if (step.l > 0) line.setAttribute("stroke-opacity", edge.l === uses ? "1" : "0.16");
}

/** Fill the slot #walk.
 * @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountWalk(element, store, actions) {
  element.classList.add("view-walk");
  const source = walkOf(store, actions);
  const preview = previewOf(store);
  source.want(() => store.get().tab === "walk");
  let place = 0;
  /** @type {Step[]} */
  let steps = [];
  /** @type {[number, number, number | null] | null} */
  let entry = null;
  let asked = 0;
  let taken = 0; // gradient steps: the answer to the last one counts

  const button = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ onclick) => html("button", { type: "button", "aria-label": label, title: label, onclick }, text);
  const points = html("select", { "aria-label": "Point to walk through", onchange: () => actions.choosePoint(points.value === "" ? null : Number(points.value)) });
  const where = html("output", { class: "walk-where", "aria-live": "polite" });
  const moves = [button("|◀", "First step", () => go(0)), button("◀", "Step back", () => go(place - 1)), button("▶", "Step on", () => go(place + 1)), button("▶|", "Last step", () => go(steps.length - 1))];
  const bar = html("div", { class: "walk-bar" }, html("label", {}, "point ", points), html("span", { class: "walk-buttons", role: "group", "aria-label": "Steps of the walk" }, ...moves), where);
  const chips = html("div", { class: "walk-chips", role: "group", "aria-label": "All steps" });
  const body = html("div", { class: "walk-body", tabindex: 0, "aria-label": "The step. Arrow keys left and right go through the walk." });
  const check = html("div", { class: "walk-check", "aria-live": "polite" });
  const nudge = html("div", { class: "walk-nudge" });
  const hint = html("p", { class: "walk-hint" }, "Choose a point: click one in the plane, or take one from this list.");
  const picture = svg("svg", { class: "walk-picture", "aria-hidden": "true" });
  const stage = html("div", { class: "walk-stage" }, picture);
  element.append(bar, chips, hint, stage, body, check, nudge);
  let [width, height] = [0, 0];
  /** @type {Theme | null} */
  let theme = null;

  const times = html("select", { "aria-label": "Times the rate", onchange: () => take() }, ...[1, 10, 100, 1000].map((m) => html("option", { value: m }, m === 1 ? "η" : `${m} η`)));
  const effect = html("output", { class: "walk-effect" });
  nudge.append(html("button", { type: "button", class: "walk-take", onclick: () => take() }, "Take this one gradient step"), html("label", {}, " with ", times), effect);

  /** @param {number} to */
  function go(to) {
    place = Math.max(0, Math.min(steps.length - 1, to));
    clear();
    draw();
  }

  function clear() {
    entry = null;
    asked++;
    fill(check);
  }

  function draw() {
    const walk = source.get();
    const { opened } = store.get();
    const fits = walk && opened && walk.a.length === opened.layers.length + 1;
    for (const part of [chips, body, stage]) part.hidden = !fits;
    for (const move of moves) move.disabled = !fits; // there is no step to go to before the walk has come
    hint.hidden = Boolean(fits);
    if (!fits || !opened || !walk) {
      nudge.hidden = true;
      where.textContent = "";
      preview.set({ layer: null });
      return;
    }
    steps = stepsOf(walk, opened);
    place = Math.min(place, steps.length - 1);
    const step = /** @type {Step} */ (steps[place]);
    where.textContent = `${place + 1} of ${steps.length} · ${step.way === "forward" ? "forward pass" : step.way === "backward" ? "backward pass" : "gradient"} · training step ${count(source.step())}`;
    fill(chips, ...steps.map((s, k) => html("button", { type: "button", class: `walk-chip way-${s.way}`, "aria-current": k === place ? "step" : null, "aria-label": `Step ${k + 1}: ${s.name}`, title: `${s.name} ${s.equation}`, onclick: () => go(k) }, shortName(s))));
    drawStep(body, step, pickable);
    const { frame } = store.get();
    if (theme && frame && frame.p.length === opened.size && width > 40) drawPlace(picture, { width, height, theme, opened, p: frame.p, walk, step });
    nudge.hidden = step.way !== "update";
    preview.set({ layer: step.l > 0 ? { l: step.l, way: step.way === "forward" ? "forward" : "backward" } : null });
    if (entry) compare(...entry);
  }

  /** @param {number} l @param {number} j @param {number | null} k @param {Element} cell */
  function pickable(l, j, k, cell) {
    cell.classList.add("pickable");
    cell.setAttribute("tabindex", "0");
    cell.setAttribute("role", "button");
    cell.setAttribute("aria-label", k === null ? `Check the derivative by bias ${j} of layer ${l}` : `Check the derivative by weight ${j} ${k} of layer ${l}`);
    if (entry?.[0] === l && entry[1] === j && entry[2] === k) cell.classList.add("is-picked");
    const act = () => {
      entry = [l, j, k];
      for (const other of body.querySelectorAll(".is-picked")) other.classList.remove("is-picked");
      cell.classList.add("is-picked");
      compare(l, j, k);
    };
    cell.addEventListener("click", act);
    cell.addEventListener("keydown", (event) => {
      const key = /** @type {KeyboardEvent} */ (event).key;
      if (key !== "Enter" && key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
  }

  /** @returns {{step: number, x: [number, number], category: number} | null} */
  function question() {
    const { opened } = store.get();
    const at = source.point();
    const point = at === null ? undefined : opened?.points[at];
    return point ? { step: source.step(), x: [point[0], point[1]], category: point[2] } : null;
  }

  /** @param {number} l @param {number} j @param {number | null} k */
  function compare(l, j, k) {
    const body = question();
    if (!body) return;
    const number = ++asked;
    actions.ask("difference", { ...body, layer: l, row: j, column: k }).then(
      (answer) => {
        if (number !== asked) return;
        drawCheck(check, answer, [l, j, k]);
        check.scrollIntoView({ block: "nearest" });
      },
      (error) => number === asked && fill(check, html("p", {}, String(error?.message ?? error))),
    );
  }

  function take() {
    const body = question();
    const { frame, experiment, options } = store.get();
    if (!body || !frame) return;
    const rate = Number(times.value) * (frame.header.rate || Number(experiment["rate"]) || 0.05);
    const mine = ++taken;
    actions.askBinary("nudge", { ...body, rate, grid: options.grid || 200, view: "category" }).then(
      (next) => {
        if (mine !== taken) return; // another state is shown by now
        preview.set({ next });
        const [from, to] = /** @type {(number | null)[]} */ (next.header["cost_of_point"] ?? []);
        effect.textContent = `η = ${number(rate, 3)}: C of this point from ${number(from, 5)} to ${number(to, 5)}, Cost of all from ${number(frame.header.cost, 5)} to ${number(next.header.cost, 5)}. The dotted line in the plane is the boundary after the step.`;
      },
      (error) => mine === taken && (effect.textContent = ` ${String(error?.message ?? error)}`),
    );
  }

  /** @param {Opened} opened */
  function listPoints(opened) {
    const { chosen } = store.get();
    fill(points, html("option", { value: "" }, "none"), ...opened.points.slice(0, 500).map(([x1, x2, c], i) => html("option", { value: i }, `${i + 1}: ${opened.categories[c] ?? c} (${number(x1, 3)}, ${number(x2, 3)})`)));
    points.value = chosen.point === null ? "" : String(chosen.point);
  }

  element.addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (target.closest("select, input") || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = /** @type {Record<string, number>} */ ({ ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: steps.length - 1 })[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    go(to);
  });

  source.subscribe(() => {
    if (store.get().tab === "walk") draw();
  });
  store.subscribe((state, before) => {
    if (state.opened && (state.opened.points !== before.opened?.points || state.chosen.point !== before.chosen.point)) listPoints(state.opened);
    const moved = state.frame?.header.step !== before.frame?.header.step || state.opened?.run !== before.opened?.run || state.chosen.point !== before.chosen.point;
    if (moved || state.tab !== before.tab) taken++;
    if ((moved || state.tab !== before.tab) && preview.get().next) {
      preview.set({ next: null });
      effect.textContent = "";
    }
    if (moved) clear();
    if (state.tab !== before.tab || state.chosen.point !== before.chosen.point || state.opened?.run !== before.opened?.run) {
      if (state.tab === "walk") draw();
      else if (preview.get().layer) preview.set({ layer: null });
    }
  });
  watchSize(stage, (w, h) => {
    const first = width === 0;
    [width, height] = [w, h];
    if (first || store.get().tab === "walk") draw();
  });
  watchTheme(element, (now) => {
    theme = now;
    draw();
  });
}

/** A step's mark on its button: z², a², δ³.
 * @param {Step} step
 * @returns {Node | string} */
function shortName(step) {
  if (step.l === 0) return "p";
  if (step.name.startsWith("the cost")) return "C";
  if (step.name === "the point") return "x";
  const letter = step.way === "update" ? "∇" : (step.name[0] ?? "");
  return html("span", {}, letter, html("sup", {}, `[${step.l}]`));
}
