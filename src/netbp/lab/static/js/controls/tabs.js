/** Tabs: the views beside the plane, and the two pages. Arrow keys go from tab to tab. */

import { keptInTab } from "../memory.js";
import { h, slot } from "./dom.js";

/** @import { Actions, Store, Tab } from "../types.js" */

/** @type {[Tab, string, string][]} */
const SIDE = [
  ["network", "Network", "1"],
  ["walk", "Back propagation", "2"],
  ["compare", "Compare", "3"],
  ["multistart", "Multistart", "4"],
  ["surface", "Loss surface", "5"],
];

/** @param {HTMLElement} element
 * @param {[string, string, string][]} tabs  id, text, key
 * @param {string} controls  what the panels' ids begin with
 * @param {(name: string) => void} choose */
function tabList(element, tabs, controls, choose) {
  const buttons = tabs.map(([name, text, key]) =>
    h("button", { type: "button", role: "tab", id: `tab-${name}`, class: "tab", "aria-controls": `${controls}${name}`, title: key ? `${text} (${key})` : text, text, on: { click: () => choose(name) } }),
  );
  element.append(...buttons);
  element.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const at = buttons.findIndex((button) => button === document.activeElement);
    const next = buttons[(at + by + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
  /** @param {string} name */
  return (name) => {
    buttons.forEach((button, i) => {
      const on = tabs[i][0] === name;
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
    });
  };
}

/** @param {Store} store
 * @param {Actions} actions */
export function mountTabs(store, actions) {
  const pages = tabList(
    slot("pages"),
    [
      ["plane", "The plane", ""],
      ["images", "Images", ""],
    ],
    "page-",
    (name) => actions.show(name === "images" ? "images" : side),
  );
  const views = tabList(slot("tabs"), SIDE, "panel-", (name) => actions.show(/** @type {Tab} */ (name)));
  /** @type {Tab} */
  let side = "network";
  /** @type {Tab | null} */
  let shown = null;
  const last = keptInTab("tab");
  function update() {
    const { tab } = store.get();
    slot("pages").hidden = !slot("images").hasChildNodes(); // one page only, as long as there are no images to see
    if (tab === shown) return;
    if (shown) last.set(tab);
    shown = tab;
    if (tab !== "images") side = tab;
    pages(tab === "images" ? "images" : "plane");
    views(side);
    slot("page-plane").hidden = tab === "images";
    slot("page-images").hidden = tab !== "images";
    for (const [name] of SIDE) slot(`panel-${name}`).hidden = name !== side;
  }
  update();
  const before = [...SIDE.map(([name]) => name), /** @type {Tab} */ ("images")].find((name) => name === last.get());
  if (before) actions.show(before); // a reload returns to it
  store.subscribe(update);
}
