/** What outlives a reload: the token and the looks in localStorage, the place in the experiment in sessionStorage. */

/** @import { Experiment, Options } from "./types.js" */

const TOKEN = "netbp-token";
const LOOKS = "netbp-looks";
const PLACE = "netbp-place";

/** @typedef {{address: string, experiment: Experiment, shown: number, reached: number, speed: number, playing: boolean}} Place */

/** A storage that may be forbidden (a frame of another origin) and is then empty.
 * @param {() => Storage} storage */
function kept(storage) {
  return {
    /** @param {string} name
     * @returns {string | null} */
    get(name) {
      try {
        return storage().getItem(name);
      } catch {
        return null;
      }
    },
    /** @param {string} name
     * @param {string} value */
    set(name, value) {
      try {
        storage().setItem(name, value);
      } catch {
        // forbidden or full: this page goes on without
      }
    },
  };
}

/** @param {string | null} text */
function parsed(text) {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** The page's memory. */
export function createMemory() {
  const local = kept(() => localStorage);
  const session = kept(() => sessionStorage);
  let token = local.get(TOKEN) ?? "";
  return {
    token: () => token,
    /** @param {string} value */
    setToken(value) {
      token = value;
      local.set(TOKEN, value);
    },
    /** Another tab was opened with the token of a new launch.
     * @param {() => void} then */
    onToken(then) {
      addEventListener("storage", (event) => {
        if (event.key === TOKEN && event.newValue && event.newValue !== token) {
          token = event.newValue;
          then();
        }
      });
    },
    /** @returns {Partial<Options>} */
    looks: () => parsed(local.get(LOOKS)) ?? {},
    /** @param {Options} options */
    keepLooks: ({ theme, projector, controls, curve }) => local.set(LOOKS, JSON.stringify({ theme, projector, controls, curve })),
    /** @returns {Place | null} */
    place: () => parsed(session.get(PLACE)),
    /** @param {Place} place */
    keepPlace: (place) => session.set(PLACE, JSON.stringify(place)),
  };
}

/** A word that this tab of the browser keeps when it is reloaded.
 * @param {string} name
 * @returns {{get: () => string, set: (word: string) => void}} */
export function keptInTab(name) {
  const session = kept(() => sessionStorage);
  return { get: () => session.get(`netbp-${name}`) ?? "", set: (word) => session.set(`netbp-${name}`, word) };
}
