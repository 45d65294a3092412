/**
 * Addresses: the fields of an experiment that differ from the defaults, sorted, as `name=value&...`, percent-encoded. The server
 * writes the same text; the page keeps it in the fragment of its URL. The token is never part of it.
 */

/** @import { Experiment, Field, Value } from "./types.js" */

/** A field's value from text. Throws an Error that names the field when the text is no number where one is needed.
 * @param {string} text
 * @param {Field} field
 * @returns {Value} */
export function valueOf(text, field) {
  if (field.type === "text" || field.type === "choice") return text;
  const trimmed = text.trim().replace(/_/g, "");
  const number = Number(trimmed);
  if (trimmed === "" || !Number.isFinite(number)) throw new Error(`${field.name} is a number, but "${text}" was given`);
  if (field.type === "int" && !Number.isInteger(number)) throw new Error(`${field.name} is a whole number, but "${text}" was given`);
  return number;
}

/** The address of an experiment.
 * @param {Experiment} experiment
 * @param {Field[]} fields
 * @returns {string} */
export function addressOf(experiment, fields) {
  const parameters = new URLSearchParams();
  for (const field of [...fields].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const value = experiment[field.name];
    if (value !== undefined && value !== field.default) parameters.append(field.name, String(value));
  }
  return parameters.toString();
}

/** The experiment of an address: the defaults with what the address changes. Throws an Error for a name that is no field, or is there twice.
 * @param {string} address
 * @param {Field[]} fields
 * @returns {Experiment} */
export function experimentOf(address, fields) {
  /** @type {Experiment} */
  const experiment = defaultsOf(fields);
  const byName = new Map(fields.map((field) => [field.name, field]));
  const given = [...new URLSearchParams(address)];
  if (new Set(given.map(([name]) => name)).size < given.length) throw new Error("an address names each field once");
  for (const [name, text] of given) {
    const field = byName.get(name);
    if (!field) throw new Error(`the address has "${name}", which is no field of an experiment`);
    experiment[name] = valueOf(text, field);
  }
  return experiment;
}

/** The experiment in which every field has its default: Listing 6.1.
 * @param {Field[]} fields
 * @returns {Experiment} */
export function defaultsOf(fields) {
  return Object.fromEntries(fields.map((field) => [field.name, field.default]));
}

/** Only the fields that differ from the defaults.
 * @param {Experiment} experiment
 * @param {Field[]} fields
 * @returns {Experiment} */
export function differencesOf(experiment, fields) {
  return Object.fromEntries(fields.filter((f) => f.name in experiment && experiment[f.name] !== f.default).map((f) => [f.name, experiment[f.name]]));
}

/** A URL's fragment without what gets a page in: what is left, the token or null, and the code that is exchanged for it or null.
 * @param {string} hash
 * @returns {{address: string, token: string | null, code: string | null}} */
export function splitFragment(hash) {
  const parts = hash.replace(/^#/, "").split("&").filter(Boolean);
  /** @param {string} name */
  const taken = (name) => {
    const at = parts.findIndex((part) => part.startsWith(`${name}=`));
    return at < 0 ? null : parts.splice(at, 1)[0].slice(name.length + 1);
  };
  const [token, code] = [taken("token"), taken("code")];
  return { address: parts.join("&"), token, code };
}
