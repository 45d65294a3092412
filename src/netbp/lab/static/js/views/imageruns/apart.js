/** One image, layer by layer: the image as the network gets it, what it says of it, and the feature maps of each block; the filters. */

import { fill, fitCanvas, html, watchSize } from "../dom.js";
import { count } from "../format.js";
import { watchTheme } from "../theme.js";
import { classBar, drawBars, kindOf, shown } from "./bars.js";
import { filterPicture, mapsPicture, paint, pictureOf } from "./pixels.js";

/** @import { Apart, Filters, StageAnswer } from "./types.js" */
/** @import { Theme } from "../theme.js" */

/** What the image is and what the network takes it for.
 * @param {Apart} apart
 * @param {string} name  of the file
 * @returns {string} */
export function told({ image, true: was, predicted, classes, outputs, probabilities }, name) {
  const said = `${classes[predicted]} (${shown(outputs[predicted], probabilities)})`;
  if (image === null) return `${name}: the network says ${said}`;
  const right = was === predicted;
  return `Test image ${count(image)}, ${classes[was ?? 0]}: ${right ? "recognised as" : "taken for"} ${said}`;
}

/** Fill an element with a card for one image.
 * @param {HTMLElement} element
 * @param {(image: number) => void} choose
 * @returns {{show: (apart: Apart | null, name?: string) => void}} */
export function mountApart(element, choose) {
  const input = html("input", { type: "number", min: 1, value: 1, "aria-label": "Test image", class: "image-number" });
  const of = html("span", {});
  const by = (/** @type {number} */ step) => () => {
    const to = Math.max(1, Math.min(Number(input.max) || Infinity, Number(input.value) + step));
    input.value = String(to); // before the answer: a second click goes on from here
    choose(to);
  };
  const before = html("button", { type: "button", class: "button", "aria-label": "the test image before", onclick: by(-1) }, "‹");
  const after = html("button", { type: "button", class: "button", "aria-label": "the next test image", onclick: by(1) }, "›");
  input.addEventListener("change", () => {
    if (Number(input.value) >= 1) choose(Math.round(Number(input.value)));
  });
  const sentence = html("p", { class: "apart-sentence", role: "status" });
  const body = html("div", { class: "apart" });
  element.append(
    html("header", { class: "card-head" }, html("h2", {}, "One image, layer by layer"),
      html("div", { class: "card-tools" }, html("label", { class: "image-choice" }, "test image ", input), of, before, after)),
    sentence, body);
  /** @type {Theme | null} */
  let theme = null;
  /** @type {{canvas: HTMLCanvasElement, stage: StageAnswer}[]} */
  let drawn = [];
  const redraw = () => {
    if (!theme) return;
    for (const { canvas, stage } of drawn) {
      const { width, height } = /** @type {Element} */ (canvas.parentElement).getBoundingClientRect();
      if (width > 0) drawBars(fitCanvas(canvas, width, height), { width, height, values: stage.values, theme });
    }
  };
  watchTheme(element, (now) => {
    theme = now;
    redraw();
  });
  watchSize(body, redraw);

  /** @param {StageAnswer} stage
   * @param {Apart} apart
   * @returns {HTMLElement} */
  function figure(stage, apart) {
    const canvas = html("canvas", { role: "img", "aria-label": stage.bars ? `${stage.title}: ${stage.values.length} values as bars` : stage.title });
    if (stage.maps) {
      canvas.className = "pixelated";
      paint(canvas, mapsPicture(stage.maps, stage.scale));
      return html("figure", { class: "apart-stage" }, canvas, html("figcaption", {}, stage.title));
    }
    drawn.push({ canvas, stage });
    const plain = stage.title.includes(":") ? stage.title : `${stage.title}: ${stage.values.length} neurons`;
    const words = stage.values.length === apart.classes.length && stage.title.startsWith("outputs") ? "outputs, one for each class" : plain;
    return html("figure", { class: "apart-stage" }, html("div", { class: "apart-bars" }, canvas), html("figcaption", {}, words));
  }

  return {
    show(apart, name = "") {
      drawn = [];
      body.hidden = sentence.hidden = !apart;
      if (!apart) return fill(body);
      const { classes, outputs, probabilities } = apart;
      if (apart.image !== null) {
        input.value = String(apart.image);
        input.max = String(apart.of);
        of.textContent = `of ${count(apart.of ?? 0)}`;
        before.disabled = apart.image <= 1;
        after.disabled = apart.image >= (apart.of ?? 1);
      }
      sentence.textContent = told(apart, name);
      const canvas = html("canvas", { class: "pixelated apart-image", role: "img", "aria-label": "The image as the network gets it" });
      paint(canvas, pictureOf(apart.pixels, 0));
      const most = probabilities ? 1 : Math.max(...Array.from(outputs), 1e-12);
      const answers = html("ul", { class: "class-bars", "aria-label": probabilities ? "Probabilities" : "Outputs" },
        ...classes.map((name, k) => html("li", {}, classBar({ name, value: outputs[k], most, probabilities, kind: kindOf(k, apart.predicted, apart.true) }))));
      const said = html("figure", { class: "apart-said" }, answers, html("figcaption", {}, probabilities ? "probabilities" : "outputs"));
      fill(body, html("figure", { class: "apart-stage" }, canvas, html("figcaption", {}, "as the network gets it")), ...apart.stages.filter((_, k) => probabilities || k < apart.stages.length - 1).map((stage) => figure(stage, apart)), said); // outputs that are none are shown once
      redraw();
    },
  };
}

/** Fill an element with the filters of the first layer.
 * @param {HTMLElement} element
 * @returns {(filters: Filters | null, line?: string) => void} */
export function mountFilters(element) {
  const canvas = html("canvas", { class: "pixelated", role: "img" });
  const words = html("p", { class: "image-note" });
  element.append(canvas, words);
  return (filters, line = "") => {
    canvas.hidden = !filters;
    words.textContent = line;
    if (!filters) return;
    const { of, n, C, H, W, dense, whitened } = filters;
    paint(canvas, filterPicture(filters, 1));
    const size = `${H} × ${W}${C > 1 ? ` × ${C}` : ""}`;
    const what = dense ? `The weights of the ${of} neurons of the first layer, each ${size}.` : `${of} filters, ${size}.`;
    const some = n < of ? ` The first ${n} are shown.` : "";
    words.textContent = `${what}${some} Each is scaled by its largest weight; mid-grey is 0, brighter is positive.${whitened ? " They see whitened images: colours are those of whitened space." : ""}`;
    canvas.setAttribute("aria-label", what);
  };
}
