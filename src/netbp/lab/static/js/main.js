/** The page: makes the store, the client and the actions, and mounts controls and views in their slots. */

import { createStore } from "./state.js";
import { createActions } from "./actions.js";
import { createClient } from "./client.js";
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

/** @import { Store, Actions } from "./types.js" */

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

const store = createStore();
const client = createClient();
const actions = createActions(store, client);
for (const [id, mount] of VIEWS) {
  const element = document.getElementById(id);
  if (element) mount(element, store, actions);
}
