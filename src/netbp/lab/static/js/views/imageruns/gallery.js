/** A gallery of test images: what the network takes them for, what they are, and its first answers with their probabilities. */

import { fill, html } from "../dom.js";
import { count } from "../format.js";
import { ranked } from "./answers.js";
import { classBar, kindOf, shown } from "./bars.js";
import { paint, pictureOf } from "./pixels.js";

/** @import { Gallery } from "./types.js" */

const ANSWERS = 3;
export const PAGE = 24;

/** Which images these are, in words.
 * @param {Gallery} gallery
 * @param {[row: number, column: number] | null} cell
 * @returns {string} */
export function titled({ of, first, image, classes }, cell) {
  const range = of > image.length ? `${count(first + 1)} to ${count(first + image.length)} of ${count(of)}` : count(of);
  if (!cell) return of ? `Misclassified images: ${range}` : "No image is misclassified";
  const [row, column] = [classes[cell[0]], classes[cell[1]]];
  if (!of) return row === column ? `No ${column} was recognised` : `No ${column} was taken for ${row}`;
  return row === column ? `${column}, recognised: ${range}` : `${column}, taken for ${row}: ${range}`;
}

/** One image with what the network says of it.
 * @param {Gallery} gallery
 * @param {number} i
 * @param {(image: number) => void} choose
 * @returns {HTMLElement} */
function item(gallery, i, choose) {
  const { classes, probabilities, outputs, image } = gallery;
  const [said, was] = [classes[gallery.predicted[i]], classes[gallery.true[i]]];
  const canvas = html("canvas", { class: "pixelated", "aria-hidden": "true" });
  paint(canvas, pictureOf(gallery.pixels, i));
  const order = ranked(outputs, i, classes.length);
  const first = order.slice(0, ANSWERS);
  const rest = order.find(({ k }) => k === gallery.true[i]);
  if (rest && !first.includes(rest)) first[ANSWERS - 1] = rest; // the true class is always among them
  const words = first.map(({ k, value }) => `${classes[k]} ${shown(value, probabilities)}`).join(", ");
  const label = `Test image ${image[i]}: ${said === was ? said : `${was}, taken for ${said}`}; ${words}`;
  const most = probabilities ? 1 : Math.max(order[0].value, 1e-12);
  return html("li", {},
    html("button", { type: "button", class: "gallery-item", "aria-label": label, title: `Test image ${image[i]}: click for its feature maps`, "data-image": image[i], onclick: () => choose(image[i]) },
      canvas,
      html("span", { class: "gallery-title" }, html("b", {}, said), html("span", {}, said === was ? "" : `(${was})`)),
      html("span", { class: "class-bars" }, ...first.map(({ k, value }) => classBar({ name: classes[k], value, most, probabilities, kind: kindOf(k, gallery.predicted[i], gallery.true[i]) })))));
}

/** Fill an element.
 * @param {HTMLElement} element
 * @param {{page: (first: number) => void, order: (order: "test" | "surest") => void, all: () => void, choose: (image: number) => void}} then
 * @returns {{show: (gallery: Gallery | null, cell: [number, number] | null, order: string) => void, mark: (image: number | null) => void}} */
export function mountGallery(element, then) {
  let first = 0;
  let most = 0;
  const turn = (/** @type {number} */ by) => {
    if (first + by < most) first = Math.max(0, first + by); // before the answer: a second click goes on from here
    then.page(first);
  };
  const title = html("h2", { class: "gallery-heading", "aria-live": "polite" });
  const back = html("button", { type: "button", class: "button", "aria-label": "the images before these", onclick: () => turn(-PAGE) }, "‹");
  const next = html("button", { type: "button", class: "button", "aria-label": "the next images", onclick: () => turn(PAGE) }, "›");
  const all = html("button", { type: "button", class: "button button-link", onclick: () => then.all() }, "all misclassified");
  const orders = /** @type {const} */ ([["test", "in order"], ["surest", "surest first"]]).map(([name, text]) =>
    html("button", { type: "button", "data-order": name, onclick: () => then.order(name) }, text));
  const choice = html("span", { class: "segmented", role: "group", "aria-label": "Order" }, ...orders);
  const list = html("ul", { class: "gallery" });
  element.append(html("header", { class: "card-head" }, title, html("div", { class: "card-tools" }, all, choice, back, next)), list);
  /** @type {number | null} */
  let chosen = null;
  function mark() {
    for (const button of list.querySelectorAll("button")) button.setAttribute("aria-pressed", String(Number(button.dataset.image) === chosen));
  }
  return {
    show(gallery, cell, order) {
      title.textContent = gallery ? titled(gallery, cell) : "Misclassified images";
      [first, most] = [gallery?.first ?? 0, gallery?.of ?? 0];
      all.hidden = !cell;
      choice.hidden = Boolean(cell) || !gallery;
      back.hidden = next.hidden = !gallery || gallery.of <= gallery.image.length;
      back.disabled = first === 0;
      next.disabled = !gallery || first + gallery.image.length >= gallery.of;
      for (const button of orders) button.setAttribute("aria-pressed", String(button.dataset.order === order));
      fill(list, ...(gallery ? gallery.image.map((_, i) => item(gallery, i, then.choose)) : []));
      list.scrollTop = 0;
      mark();
    },
    mark(image) {
      chosen = image;
      mark();
    },
  };
}
