/** The guided tour: the paper's story in five stops, each of them an address. */

import { button, fill, h, setText } from "./dom.js";

/** @import { Actions, Store } from "../types.js" */

/** @param {HTMLElement} element
 * @param {HTMLElement} tools  where the button stands that opens it
 * @param {Store} store
 * @param {Actions} actions */
export function mountTour(element, tools, store, actions) {
  let at = 0;
  const title = h("h2", { class: "tour-title", tabindex: -1 });
  const text = h("p", { class: "tour-text" });
  const dots = h("ol", { class: "tour-dots" });
  const back = button({ icon: "back", label: "The stop before", id: "tour-back", click: () => void go(at - 1) });
  const run = button({ icon: "play", text: "Run it", id: "tour-run", label: "Run it", class: "button-strong", click: actions.play });
  const next = button({ icon: "next", label: "The next stop", id: "tour-next", click: () => void go(at + 1) });
  const close = button({ icon: "close", label: "Leave the tour", id: "tour-close", class: "button-quiet", click: leave });
  element.append(h("div", { class: "tour-words" }, title, text), h("div", { class: "tour-buttons" }, dots, back, next, run, close));
  const opener = button({ icon: "tour", text: "Tour", id: "open-tour", label: "The paper's story in five stops", key: "g", click: toggle });
  opener.disabled = true; // until the server has told of the stops
  store.subscribe(({ fields }) => void (opener.disabled = !fields));
  tools.append(opener);

  /** @param {number} stop */
  async function go(stop) {
    const stops = store.get().fields?.tour ?? [];
    if (stop < 0 || stop >= stops.length) return;
    at = stop;
    element.hidden = false;
    opener.setAttribute("aria-pressed", "true");
    setText(title, `${at + 1}. ${stops[at].title}`);
    setText(text, stops[at].text.replace(/(\d)e-(\d)/g, "$1e\u2011$2")); // a number is not broken at its sign
    fill(
      dots,
      ...stops.map((one, i) => h("li", {}, h("button", { type: "button", class: i === at ? "dot on" : "dot", "aria-label": `Stop ${i + 1}: ${one.title}`, "aria-current": i === at ? "step" : false, title: one.title, on: { click: () => void go(i) } }))),
    );
    back.disabled = at === 0;
    next.disabled = at === stops.length - 1;
    await actions.open(stops[at].address);
    actions.say(`Stop ${at + 1} of ${stops.length}: ${stops[at].title}. ${stops[at].text}`);
  }

  function leave() {
    element.hidden = true;
    opener.setAttribute("aria-pressed", "false");
    opener.focus();
  }

  function toggle() {
    if (element.hidden) void go(at);
    else leave();
  }
  return toggle;
}
