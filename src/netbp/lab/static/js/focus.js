/** The keyboard's focus stays where it is when what has it is made anew. */

const FOCUSABLE = "button, input, select, textarea, summary, a[href], [tabindex]";

/** What tells an element from the others beside it.
 * @param {Element} element */
const named = (element) => element.id || element.getAttribute("aria-label") || element.getAttribute("data-name") || element.textContent;

/** @param {Element} element
 * @returns {(HTMLElement | SVGElement | MathMLElement)[]} */
const within = (element) => [.../** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll(FOCUSABLE))].filter((one) => !one.matches(":disabled"));

/** Change what an element holds. A focus in it goes to the element of the same name, else to the one in the same place, else around it.
 * @param {Element} element
 * @param {() => void} change */
export function keepFocus(element, change) {
  const focused = globalThis.document?.activeElement ?? null;
  if (!focused || focused === element || !element.contains(focused)) return change();
  const [place, name] = [within(element).findIndex((one) => one === focused), named(focused)];
  change();
  const now = within(element);
  const around = /** @type {HTMLElement | null} */ (element.closest(FOCUSABLE));
  (now.find((one) => named(one) === name) ?? now[Math.min(Math.max(0, place), now.length - 1)] ?? around)?.focus({ preventScroll: true });
}
