/** The page: makes the store, the client and the actions, mounts controls and views in their slots, and opens the first experiment. */

import { createActions } from "./actions.js";
import { defaultsOf, experimentOf, splitFragment } from "./address.js";
import { createClient, Lost, Refused } from "./client.js";
import { enter } from "./entry.js";
import { manySteps } from "./fields.js";
import { createMemory } from "./memory.js";
import { createStore, initialState } from "./state.js";
import { mountBanners } from "./controls/banners.js";
import { slot } from "./controls/dom.js";
import { mountGroups } from "./controls/groups.js";
import { mountHeadline } from "./controls/headline.js";
import { mountKeyboard } from "./controls/keyboard.js";
import { mountLooks } from "./controls/looks.js";
import { mountPointTools } from "./controls/pointtools.js";
import { mountTabs } from "./controls/tabs.js";
import { mountTakeaway, tooManyForLink } from "./controls/takeaway.js";
import { mountTour } from "./controls/tour.js";
import { mountTransport } from "./controls/transport.js";
import { mountCompare } from "./views/compare.js";
import { mountCost } from "./views/cost.js";
import { mountGradient } from "./views/gradient.js";
import { mountImages } from "./views/images.js";
import { mountMultistart } from "./views/multistart.js";
import { mountNetwork } from "./views/network.js";
import { mountPlane } from "./views/plane.js";
import { mountSurface } from "./views/surface.js";
import { mountWalk } from "./views/walk.js";
import { mountWeights } from "./views/weights.js";

/** @import { Actions, Store } from "./types.js" */

/** Every view with the id of its slot.
 * @type {[string, (element: HTMLElement, store: Store, actions: Actions) => void][]} */
const VIEWS = [
  ["plane", mountPlane],
  ["network", mountNetwork],
  ["cost", mountCost],
  ["gradient", mountGradient],
  ["weights", mountWeights],
  ["walk", mountWalk],
  ["compare", mountCompare],
  ["multistart", mountMultistart],
  ["surface", mountSurface],
  ["images", mountImages],
];

const memory = createMemory();
const given = splitFragment(location.hash);
const { address } = given;
/** @type {typeof given | null} what the address brought to get in with, until the server has seen it */
let brought = given;
writeFragment(address); // the token leaves the address bar at once

const initial = initialState();
const store = createStore({ ...initial, options: { ...initial.options, ...memory.looks() } });
const client = createClient(memory.token);
const actions = createActions(store, client, {
  later: (call) => void requestAnimationFrame(call),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  address: () => {
    const state = store.get();
    writeFragment(tooManyForLink(state) ? "" : (state.opened?.address ?? ""));
  },
  save: saveFile,
  enter: getIn,
});

mountTransport(slot("transport"), store, actions);
mountPointTools(slot("plane-tools"), store, actions);
mountGroups(slot("controls"), store, actions);
mountTabs(store, actions);
mountBanners(slot("banners"), store, actions);
mountHeadline(slot("headline"), slot("status"), store, actions);
const tools = slot("tools");
const tour = mountTour(slot("tour"), tools, store, actions);
const takeaway = mountTakeaway(tools, store, actions);
mountKeyboard(tools, store, actions, { tour, takeaway });
mountLooks(tools, store, actions);
for (const [id, mount] of VIEWS) {
  try {
    mount(slot(id), store, actions);
  } catch (error) {
    console.error(error); // the others go on without it
  }
}
slot("skip").addEventListener("click", () => {
  const plane = slot("plane");
  (plane.querySelector("[tabindex]") ?? plane).dispatchEvent(new Event("skip"));
  /** @type {HTMLElement | null} */ (plane.querySelector("[tabindex='0'], button"))?.focus();
});

store.subscribe((state, before) => {
  if (state.options !== before.options) memory.keepLooks(state.options);
});
memory.onToken(() => void actions.retry());
addEventListener("pagehide", keepPlace);
addEventListener("visibilitychange", keepPlace);
addEventListener("hashchange", () => {
  const fragment = splitFragment(location.hash);
  const key = Boolean(fragment.token || fragment.code);
  if (key) {
    writeFragment(fragment.address || store.get().opened?.address || "");
    brought = fragment;
    void actions.retry();
  }
  if (fragment.address !== (store.get().opened?.address ?? "") && (fragment.address || !key)) void actions.open(fragment.address);
});
void begin();

/** The first experiment: the one left in this tab if the address is still its, else the address's, else Listing 6.1. */
async function begin() {
  let fields;
  try {
    await getIn();
    fields = await client.fields();
  } catch (error) {
    if (error instanceof Refused && !error.locked) store.set({ error: error.message });
    else store.set({ connection: error instanceof Lost ? "lost" : "locked" });
    if (error instanceof Lost) await actions.retry();
    if (!store.get().fields) return;
    fields = /** @type {import("./types.js").Fields} */ (store.get().fields);
  }
  store.set({ fields });
  const place = memory.place();
  if (place && place.address === address) {
    store.set({ speed: place.speed });
    await actions.start({ experiment: { ...defaultsOf(fields.fields), ...place.experiment }, shown: place.shown, reached: place.reached, play: place.playing });
    return;
  }
  let experiment = defaultsOf(fields.fields);
  let refused = "";
  try {
    experiment = experimentOf(address, fields.fields);
  } catch (error) {
    refused = `${error instanceof Error ? error.message : error}; this is Listing 6.1 instead`;
  }
  if (!manySteps(experiment)) store.set({ speed: 1 });
  await actions.start({ experiment, shown: 0, reached: 0, play: false });
  if (refused) store.set({ error: refused }); // last, for opening a run takes what was refused before off the page
}

async function getIn() {
  if (brought) await enter(brought, memory);
  brought = null;
}

/** @param {string} text */
function writeFragment(text) {
  const now = location.hash.replace(/^#/, "");
  if (now !== text) window.history.replaceState(window.history.state, "", text ? `#${text}` : location.pathname + location.search);
}

function keepPlace() {
  const { opened, experiment, shown, reached, speed, playing } = store.get();
  if (opened) memory.keepPlace({ address: splitFragment(location.hash).address, experiment, shown, reached, speed, playing });
}

/** @param {string} name
 * @param {Blob} blob */
function saveFile(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
