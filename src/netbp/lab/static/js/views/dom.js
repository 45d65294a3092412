/** Elements made in script: HTML, SVG and MathML. Nothing is ever parsed from text, so no name can smuggle in markup. */

import { keepFocus } from "../focus.js";

const SVG = "http://www.w3.org/2000/svg";
const MATHML = "http://www.w3.org/1998/Math/MathML";

/** @typedef {string | number | Node | null | undefined | false} Child */

/** Set attributes and add children; a function under a name such as "onclick" becomes a listener.
 * @template {Element} E
 * @param {E} element
 * @param {Record<string, any>} attributes  null and false leave an attribute out
 * @param {Child[]} children
 * @returns {E} */
function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** An HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]} */
export function html(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/** An SVG element.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[K]} */
export function svg(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

/** A MathML element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {Element} */
export function math(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(MATHML, tag), attributes, children);
}

/** Put `children` in the place of what the element holds; the focus stays.
 * @param {Element} element
 * @param {...Child} children */
export function fill(element, ...children) {
  keepFocus(element, () => {
    element.replaceChildren();
    dress(element, {}, children);
  });
}

/** Call `then` with the element's size in CSS pixels now and whenever it changes; not while it is hidden.
 * @param {Element} element
 * @param {(width: number, height: number) => void} then */
export function watchSize(element, then) {
  const observer = new ResizeObserver(() => {
    const { width, height } = element.getBoundingClientRect();
    if (width > 0 && height > 0) then(Math.round(width), Math.round(height));
  });
  observer.observe(element);
}

/** Fit a canvas to a size in CSS pixels and to the screen's pixels; its context then draws in CSS pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @param {number} [ratio]
 * @returns {CanvasRenderingContext2D} */
export function fitCanvas(canvas, width, height, ratio = globalThis.devicePixelRatio || 1) {
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** At most one call in `milliseconds`, the last one never lost.
 * @template {any[]} A
 * @param {number} milliseconds
 * @param {(...args: A) => void} call
 * @returns {(...args: A) => void} */
export function atMost(milliseconds, call) {
  let last = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return (...args) => {
    clearTimeout(timer);
    const wait = last + milliseconds - performance.now();
    const now = () => {
      last = performance.now();
      call(...args);
    };
    if (wait <= 0) now();
    else timer = setTimeout(now, wait);
  };
}
