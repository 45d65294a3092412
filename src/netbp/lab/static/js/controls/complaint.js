/** A complaint at the control that it is about: seen below it, and read out. */

import { h } from "./dom.js";

let made = 0;

/** @param {HTMLElement} input */
const placeOf = (input) => input.closest(".row, .layers-editor");

/** Say at a control what is wrong with what was written there.
 * @param {HTMLElement} input
 * @param {string} line */
export function complain(input, line) {
  const place = placeOf(input);
  input.setAttribute("aria-invalid", "true");
  if (!place) return;
  let told = /** @type {HTMLElement | null} */ (place.querySelector(":scope > .row-error"));
  if (!told) {
    told = h("p", { class: "row-error", role: "alert", id: `complaint-${++made}` });
    place.append(told);
  }
  told.textContent = `${line.charAt(0).toUpperCase()}${line.slice(1)}.`;
  input.setAttribute("aria-errormessage", told.id);
}

/** It is all right now.
 * @param {HTMLElement} input */
export function content(input) {
  if (!input.hasAttribute("aria-invalid")) return;
  input.removeAttribute("aria-invalid");
  input.removeAttribute("aria-errormessage");
  placeOf(input)?.querySelector(":scope > .row-error")?.remove();
}

/** Do what a control asks for, or complain at it where that throws an Error. Whether it was done.
 * @param {HTMLElement} input
 * @param {() => void} work
 * @returns {boolean} */
export function attempt(input, work) {
  try {
    work();
    content(input);
    return true;
  } catch (error) {
    complain(input, error instanceof Error ? error.message : String(error));
    return false;
  }
}
