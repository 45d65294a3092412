/** The points for keyboard and screen readers: one focusable element each over the canvas, one of them in the tab order. */

import { html } from "./dom.js";
import { number, rounded } from "./format.js";

/** @import { Actions, Opened, Point, Store } from "../types.js" */
/** @import { Frame } from "./plane.js" */

/** More points than these are reached in a window around the current one: thousands of elements would slow the page. */
const MOST = 200;

let helps = 0;
const HELP = "Arrow keys move it, Delete removes it, a letter or a number sets its category, Page Up and Page Down go to another, Enter chooses it.";
const ARROWS = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] });

/** Keep the elements in step with the points.
 * @param {HTMLElement} overlay
 * @param {Store} store
 * @param {Actions} actions
 * @returns {{place: (frame: Frame, radius: number, opened: Opened) => void}} */
export function pointKeys(overlay, store, actions) {
  const help = html("p", { class: "visually-hidden", id: `plane-help-${++helps}` }, HELP);
  overlay.append(help);
  let current = 0;
  /** @type {HTMLElement[]} */
  let elements = [];
  /** @type {Point[] | null} */
  let shown = null;
  let key = "";
  let first = 0;

  /** @param {number} i */
  function go(i) {
    const n = shown?.length ?? 0;
    if (n === 0) return;
    current = (i + n) % n;
    key = "";
    last?.();
    elements[current - first]?.focus();
  }

  /** @type {(() => void) | null} */
  let last = null;

  /** @param {KeyboardEvent} event @param {number} i */
  function press(event, i) {
    const { opened } = store.get();
    const point = opened?.points[i];
    if (!opened || !point || event.ctrlKey || event.metaKey || event.altKey) return;
    const way = ARROWS[event.key];
    const [left, right, bottom, top] = opened.extent;
    if (way) {
      const step = event.shiftKey ? 0.1 : 0.01;
      const x1 = Math.min(right, Math.max(left, point[0] + way[0] * step * (right - left)));
      const x2 = Math.min(top, Math.max(bottom, point[1] + way[1] * step * (top - bottom)));
      actions.movePoint(i, rounded(x1, right - left), rounded(x2, top - bottom));
    } else if (event.key === "Delete" || event.key === "Backspace") actions.deletePoint(i);
    else if (event.key === "PageDown") go(i + 1);
    else if (event.key === "PageUp") go(i - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(opened.points.length - 1);
    else if (/^[1-8a-h]$/i.test(event.key)) {
      const category = /\d/.test(event.key) ? Number(event.key) - 1 : event.key.toLowerCase().charCodeAt(0) - 97;
      if (category >= opened.categories.length) return; // the page's own key
      actions.setCategory(i, category);
    } else if (event.key === "Enter" || event.key === " ") actions.choosePoint(i);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Frame} frame @param {number} radius @param {Opened} opened */
  function place(frame, radius, opened) {
    last = () => place(frame, radius, opened);
    const now = [frame.left, frame.top, frame.width, frame.height, opened.points.length, current].join();
    if (shown === opened.points && key === now) return;
    const focused = overlay.contains(document.activeElement);
    [shown, key] = [opened.points, now];
    current = Math.min(current, Math.max(0, shown.length - 1));
    first = shown.length <= MOST ? 0 : Math.max(0, Math.min(shown.length - MOST, current - MOST / 2));
    const window = shown.slice(first, first + MOST);
    while (elements.length > window.length) elements.pop()?.remove();
    while (elements.length < window.length) {
      const e = html("button", { type: "button", class: "plane-point", "aria-describedby": help.id });
      const slot = elements.length;
      e.addEventListener("keydown", (event) => press(event, first + slot));
      e.addEventListener("focus", () => {
        current = first + slot;
        for (const other of elements) other.tabIndex = other === e ? 0 : -1;
      });
      elements.push(e);
      overlay.append(e);
    }
    window.forEach(([x1, x2, c, held], slot) => {
      const e = /** @type {HTMLElement} */ (elements[slot]);
      const name = `Point ${first + slot + 1} of ${shown?.length}: category ${opened.categories[c] ?? c}, x1 ${number(x1, 3)}, x2 ${number(x2, 3)}`;
      e.setAttribute("aria-label", `${name}${held ? ", held out" : ""}`);
      e.tabIndex = first + slot === current ? 0 : -1;
      const size = Math.max(10, 3 * radius);
      e.style.width = e.style.height = `${size}px`;
      e.style.left = `${frame.x(x1) - size / 2}px`;
      e.style.top = `${frame.y(x2) - size / 2}px`;
    });
    if (focused) elements[current - first]?.focus();
  }

  return { place };
}
