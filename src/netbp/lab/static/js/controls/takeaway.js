/** Take away: the link, the script, the files, the pictures. */

import { fieldOf } from "../fields.js";
import { MOST_IN_A_LINK } from "../points.js";
import { dialog } from "./dialog.js";
import { button, h, setText } from "./dom.js";
import { whole } from "./numbers.js";

/** @import { Actions, Store } from "../types.js" */

/** The page's address with the experiment, without the token.
 * @param {string} address */
export function linkOf(address) {
  return `${location.origin}${location.pathname}${address ? `#${address}` : ""}`;
}

/** Whether the points are a list that is too long for a link.
 * @param {import("../types.js").AppState} state */
export function tooManyForLink(state) {
  return String(state.experiment.points ?? "").includes(",") && (state.opened?.points.length ?? 0) > MOST_IN_A_LINK;
}

/** @param {HTMLElement} element
 * @param {Store} store
 * @param {Actions} actions */
export function mountTakeaway(element, store, actions) {
  const link = h("input", { type: "text", readonly: true, id: "link", "aria-label": "Link to this experiment", class: "input-text" });
  link.addEventListener("focus", () => link.select());
  const note = h("p", { class: "row-note", role: "status" });
  const copy = button({
    icon: "link",
    text: "Copy link",
    id: "copy-link",
    label: "Copy link",
    async click() {
      try {
        await navigator.clipboard.writeText(link.value);
        setText(note, "Copied. Whoever opens it in a lab gets the same experiment, with the same digits.");
      } catch {
        link.focus();
        setText(note, "The browser keeps the clipboard to itself: the link is marked, copy it with Ctrl-C.");
      }
    },
  });

  /** @param {string} id
   * @param {string} text
   * @param {string} help
   * @param {Record<string, any>} body */
  const file = (id, text, help, body) => h("div", { class: "take" }, button({ icon: "save", text, id: `export-${id}`, label: text, click: () => void actions.exportAs(body) }), h("span", { text: help }));
  const files = h(
    "div",
    { class: "takes" },
    file("script", "Python script", "gives the same digits when it is run", { what: "script" }),
    file("json", "JSON", "the experiment, with all its points", { what: "json" }),
    file("run", "Run file", "costs and parameters, for Run.load", { what: "run" }),
    file("csv", "CSV", "the history of the cost", { what: "csv" }),
  );
  const VIEWS = [
    ["plane", "the plane"],
    ["cost", "the cost"],
    ["network", "the network"],
    ["gradient", "the gradient"],
    ["weights", "the weights"],
    ["surface", "the loss surface"],
  ];
  const pictures = h(
    "table",
    { class: "pictures" },
    h("caption", { text: "Pictures, drawn by the library for print" }),
    ...VIEWS.map(([view, text]) =>
      h(
        "tr",
        {},
        h("th", { scope: "row", text }),
        ...["png", "svg"].map((format) =>
          h("td", {}, button({ text: format.toUpperCase(), id: `export-${view}-${format}`, label: `${text} as ${format.toUpperCase()}`, click: () => void actions.exportAs({ what: "figure", view, format }) })),
        ),
      ),
    ),
  );
  const upload = h("input", { type: "file", accept: ".json,application/json", class: "visually-hidden", tabindex: -1, "aria-hidden": "true", "data-name": "json-file" });
  upload.addEventListener("change", async () => {
    const chosen = upload.files?.[0];
    if (!chosen) return;
    try {
      const told = JSON.parse(await chosen.text());
      if (!told?.experiment || typeof told.experiment !== "object") throw new Error("it has no experiment in it");
      const unknown = Object.keys(told.experiment).find((name) => !fieldOf(store.get().fields, name));
      if (unknown !== undefined) throw new Error(`it has "${unknown}", which is no field of an experiment`);
      await actions.openExperiment(told.experiment, Number(told.step ?? 0));
      box.close();
    } catch (error) {
      setText(note, `This file could not be read: ${error instanceof Error ? error.message : error}`);
    }
    upload.value = "";
  });
  const box = dialog(
    "takeaway",
    "Take away",
    h("p", { class: "dialog-intro", text: "The link holds the whole experiment and nothing else: points, network, method, seed, every change of the rate." }),
    h("div", { class: "row-buttons" }, link, copy),
    note,
    files,
    pictures,
    h("div", { class: "row-buttons" }, button({ text: "Open a JSON file", label: "Open a JSON file", id: "open-json", click: () => upload.click() }), upload),
  );
  const opener = button({ icon: "save", text: "Take away", id: "open-takeaway", label: "Take away: link, script, files, pictures", key: "s", click: open });
  opener.disabled = true;
  store.subscribe(({ opened }, before) => {
    opener.disabled = !opened;
    if (opened !== before.opened && box.open) tell(); // the link is that of the run shown
  });
  element.append(opener);

  function tell() {
    const state = store.get();
    const many = tooManyForLink(state);
    link.value = many ? "" : linkOf(state.opened?.address ?? "");
    link.disabled = copy.disabled = many;
    setText(note, many ? `${whole(state.opened?.points.length ?? 0)} points are too many for a link (at most ${MOST_IN_A_LINK}): save as JSON.` : "");
  }

  function open() {
    if (opener.disabled) return;
    tell();
    if (!box.open) box.showModal();
  }
  return open;
}
