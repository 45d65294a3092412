/** Dialogs: the browser's own, which keep the focus and close with escape. */

import { button, h } from "./dom.js";

/** A dialog with a title; show it with `showModal`.
 * @param {string} id
 * @param {string} title
 * @param {...Node} children */
export function dialog(id, title, ...children) {
  const element = h("dialog", { id, class: "dialog", "aria-labelledby": `${id}-title` });
  element.append(
    h("header", { class: "dialog-head" }, h("h2", { id: `${id}-title`, text: title }), button({ icon: "close", label: "Close", key: "esc", class: "button-quiet", click: () => element.close() })),
    ...children,
  );
  element.addEventListener("click", (event) => {
    if (event.target === element) element.close(); // the backdrop
  });
  document.body.append(element);
  return element;
}
