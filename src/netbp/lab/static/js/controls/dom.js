/** Elements and icons, made without markup in strings and without inline styles, as the page's content policy asks. */

import { keepFocus } from "../focus.js";

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Record<string, any>} Properties */

/** An element. `on` are listeners, `text` its text, `props` properties of the object; anything else is an attribute (false: none).
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Properties} [properties]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[K]} */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, /** @type {any} */ (listener));
    else if (name === "text") element.textContent = String(value);
    else if (name === "props") Object.assign(element, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/** Put `children` in the place of what the element holds; the focus stays.
 * @param {Element} element
 * @param {...Node} children */
export function fill(element, ...children) {
  keepFocus(element, () => element.replaceChildren(...children));
}

/** @type {Record<string, string>} 24 x 24 outlines */
const PATHS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M7 4.5h3.5v15H7zM13.5 4.5H17v15h-3.5z",
  step: "M6 5v14l9-7zM17 5h2v14h-2z",
  epoch: "M3 5v14l7.5-7zM10.5 5v14l7.5-7zM18.5 5h2v14h-2z",
  rewind: "M5 5h2v14H5zM19 5v14l-10.5-7z",
  dice: "M5 3h14a2 2 0 012 2v14a2 2 0 01-2 2H5a2 2 0 01-2-2V5a2 2 0 012-2zm0 2v14h14V5zm3.2 1.7a1.5 1.5 0 110 3 1.5 1.5 0 010-3zm3.8 3.8a1.5 1.5 0 110 3 1.5 1.5 0 010-3zm3.8 3.8a1.5 1.5 0 110 3 1.5 1.5 0 010-3z",
  undo: "M9 5v4c7 0 11 3.5 11.5 10C18.5 15 15 13.6 9 13.6V18l-6.5-6.5z",
  redo: "M15 5v4C8 9 4 12.500 3.500 19 5.500 15 9 13.600 15 13.600V18l6.500-6.500z",
  trash: "M9 3h6l1 2h5v2H3V5h5zM5 8.500h14L18 21H6zm4.500 2.500l.4 7.500h1.200L10.800 11zm3.700 0l-.3 7.500h1.200l.4-7.500z",
  move: "M12 2l3.500 3.500H13V11h5.500V8.500L22 12l-3.500 3.500V13H13v5.500h2.500L12 22l-3.500-3.500H11V13H5.500v2.500L2 12l3.500-3.500V11H11V5.500H8.500z",
  link: "M10.600 13.400a4 4 0 005.700 0l3.500-3.500a4 4 0 00-5.700-5.700l-1.400 1.400 1.400 1.400 1.400-1.400a2 2 0 012.900 2.900l-3.500 3.500a2 2 0 01-2.900 0zM13.400 10.600a4 4 0 00-5.700 0l-3.500 3.500a4 4 0 005.700 5.700l1.400-1.400-1.400-1.400-1.400 1.400a2 2 0 01-2.900-2.900l3.500-3.500a2 2 0 012.900 0z",
  save: "M11 3h2v9h3.500L12 17l-4.500-5H11zM4 18.500h16V21H4z",
  theme: "M12 3a9 9 0 100 18 9 9 0 000-18zm0 2.200v13.600a6.800 6.800 0 010-13.600z",
  projector: "M3 4h18v12h-7l3 4h-2.500L12 16.800 9.500 20H7l3-4H3zm2 2v8h14V6z",
  keys: "M3 6h18a1 1 0 011 1v10a1 1 0 01-1 1H3a1 1 0 01-1-1V7a1 1 0 011-1zm2 3v2h2V9zm4 0v2h2V9zm4 0v2h2V9zm4 0v2h2V9zM7 13.500v2h10v-2z",
  panel: "M3 4h18v16H3zm2 2v12h4V6zm6 0v12h8V6z",
  close: "M6.400 5L12 10.600 17.600 5 19 6.400 13.400 12 19 17.600 17.600 19 12 13.400 6.400 19 5 17.600 10.600 12 5 6.400z",
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  minus: "M5 11h14v2H5z",
  pin: "M8 3h8v2h-1v6l3 3v2h-5v5h-2v-5H6v-2l3-3V5H8z",
  tour: "M12 2a7 7 0 017 7c0 5-7 13-7 13S5 14 5 9a7 7 0 017-7zm0 4.500a2.500 2.500 0 100 5 2.500 2.500 0 000-5z",
  next: "M9 5l7 7-7 7-1.500-1.500L13 12 7.500 6.500z",
  back: "M15 5l-7 7 7 7 1.500-1.500L11 12l5.500-5.500z",
};

/** An icon in the ink of its surroundings, unseen by screen readers.
 * @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

/** A button: an icon with a name for screen readers and a hint, or a text.
 * @param {{icon?: string, text?: string, label: string, key?: string, class?: string, id?: string, click: (event: MouseEvent) => void}} what */
export function button({ icon: name, text, label, key, class: kind = "", id, click }) {
  const hint = key ? `${label} (${key})` : label;
  return h(
    "button",
    { type: "button", id, class: `button ${name && !text ? "button-icon" : ""} ${kind}`.trim(), "aria-label": text ? null : label, title: hint, on: { click } },
    name ? icon(name) : null,
    text ? h("span", { text }) : null,
  );
}

/** Another icon in a button.
 * @param {HTMLElement} element
 * @param {string} name */
export function setIcon(element, name) {
  if (element.dataset.icon === name) return;
  element.dataset.icon = name;
  element.querySelector("svg")?.replaceWith(icon(name));
}

/** The text of an element, set only when it differs.
 * @param {Element} element
 * @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The element of an id. Throws an Error when the page lacks it.
 * @param {string} id
 * @returns {HTMLElement} */
export function slot(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}
