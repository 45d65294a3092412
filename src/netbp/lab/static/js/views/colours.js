/** Colours as numbers: mixing, tables of colours, safe for the colour-blind. */

/** Red, green, blue from 0 to 255.
 * @typedef {[number, number, number]} Rgb */

/** A colour written as #rgb, #rrggbb, rgb(...) or color(srgb ...).
 * @param {string} text
 * @returns {Rgb} */
export function parse(text) {
  const hex = /^#([0-9a-f]{3,8})$/i.exec(text.trim());
  if (hex && hex[1]) {
    const digits = hex[1].length < 6 ? [...hex[1]].map((d) => d + d).join("") : hex[1];
    return /** @type {Rgb} */ ([0, 2, 4].map((k) => Number.parseInt(digits.slice(k, k + 2), 16) || 0));
  }
  const parts = (text.match(/-?\d*\.?\d+(?:e-?\d+)?/gi) ?? []).map(Number);
  const scale = text.startsWith("color(") ? 255 : 1;
  return [(parts[0] ?? 0) * scale, (parts[1] ?? 0) * scale, (parts[2] ?? 0) * scale];
}

/** Part way from one colour to another.
 * @param {Rgb} from
 * @param {Rgb} to
 * @param {number} part
 * @returns {Rgb} */
export function mix(from, to, part) {
  return [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1]), from[2] + part * (to[2] - from[2])];
}

/** @param {Rgb} colour @param {number} [alpha] @returns {string} */
export function css([r, g, b], alpha = 1) {
  return `rgba(${Math.round(r)}, ${Math.round(g)}, ${Math.round(b)}, ${alpha})`;
}

/** A pixel of an ImageData seen as 32-bit numbers on a little-endian machine.
 * @param {Rgb} colour
 * @returns {number} */
export function pixel([r, g, b]) {
  return ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;
}

/** Cividis (Nunez, Anderton & Renslow 2018), dark blue to yellow, in steps of 1/8: even in lightness, also for the colour-blind. */
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];

/** The colour of a value between 0 and 1.
 * @param {number} value
 * @returns {Rgb} */
export function cividis(value) {
  const place = Math.min(1, Math.max(0, value)) * (CIVIDIS.length - 1);
  const k = Math.min(CIVIDIS.length - 2, Math.floor(place));
  return mix(parse(CIVIDIS[k] ?? ""), parse(CIVIDIS[k + 1] ?? ""), place - k);
}

/** A table of `n` pixels of a colour map.
 * @param {(value: number) => Rgb} map  of a value between 0 and 1
 * @param {number} [n]
 * @returns {Uint32Array} */
export function table(map, n = 256) {
  return Uint32Array.from({ length: n }, (_, k) => pixel(map(k / (n - 1))));
}
