/** Places and labels of a logarithmic axis: as many as there is room for, also where it spans much less than a decade. */

import { number, powerOfTen } from "./format.js";

/** Shorter axes than this, in decades, have evenly spaced places, longer ones 1 to 9 times the powers of ten. */
const SHORT = 0.55;

/** Every so many powers of ten get a label. */
const EVERY = [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 300];

/** The places between two ends. uPlot's own go on for ever for some ends, such as 0.0951, whose first steps it rounds past the next
 * power of ten.
 * @param {number} least
 * @param {number} most
 * @returns {number[]} */
export function logPlaces(least, most) {
  const [low, high] = [Math.floor(Math.log10(least)), Math.floor(Math.log10(most))];
  if (!Number.isFinite(low) || !Number.isFinite(high) || high - low > 700) return [];
  const places = Math.log10(most / least) < SHORT ? evenPlaces(least, most) : digitPlaces(least, most, low, high);
  return places.length ? places : [least, most];
}

/** @param {number} least @param {number} most @param {number} low @param {number} high @returns {number[]} */
function digitPlaces(least, most, low, high) {
  const out = [];
  for (let exponent = low; exponent <= high; exponent++) {
    for (let digit = 1; digit < 10; digit++) {
      const place = Number(`${digit}e${exponent}`);
      if (place >= least * (1 - 1e-9) && place <= most * (1 + 1e-9)) out.push(place);
    }
  }
  return out;
}

/** Four or five places, at multiples of 1, 2 or 5 times a power of ten.
 * @param {number} least @param {number} most @returns {number[]} */
function evenPlaces(least, most) {
  const raw = (most - least) / 5;
  const power = Math.floor(Math.log10(raw));
  const mantissa = [1, 2, 5, 10].find((m) => m >= raw / 10 ** power - 1e-9) ?? 10;
  const [digit, exponent] = mantissa === 10 ? [1, power + 1] : [mantissa, power];
  const step = Number(`${digit}e${exponent}`);
  const out = [];
  for (let k = Math.ceil(least / step - 1e-9); k <= most / step + 1e-9; k++) out.push(Number(`${k * digit}e${exponent}`));
  return out;
}

/** How much a place is worth a label: powers of ten most, then 2 and 5 times these, then 3, then the others.
 * @param {number} value
 * @returns {number} */
function rank(value) {
  const mantissa = Number(value.toExponential(6).split("e")[0]);
  return [[1], [2, 5], [3], [4, 6, 8], [7, 9]].findIndex((ones) => ones.includes(mantissa));
}

/** The text of a place.
 * @param {number} value
 * @param {number} digits
 * @param {boolean} counts  whether the axis counts steps
 * @returns {string} */
function label(value, digits, counts) {
  const exponent = Math.round(Math.log10(value));
  if (digits === 0 && Math.abs(value / 10 ** exponent - 1) < 1e-6) return counts && exponent >= 0 && exponent < 3 ? String(10 ** exponent) : powerOfTen(exponent);
  return number(value, Math.max(1, digits));
}

/** Labels of places, or null where there is no room for one.
 * @param {number[]} places
 * @param {(value: number) => number} at  where a place lies, in pixels
 * @param {number} gap  pixels between two labels, at least
 * @param {boolean} counts  whether the axis counts steps
 * @returns {(string | null)[]} */
export function logLabels(places, at, gap, counts) {
  const positive = places.filter((v) => v > 0);
  const [least, most] = [positive[0] ?? 1, positive[positive.length - 1] ?? 1];
  /** @type {number[]} */
  const taken = [];
  const fits = (/** @type {number} */ x, /** @type {number[]} */ others) => others.every((y) => Math.abs(x - y) >= gap);
  /** Take all that have a rank, or those of every second, third, ... decade; a finer rank all or none of it. @param {number[]} values */
  const take = (values) => {
    for (const every of EVERY) {
      const some = values.filter((v) => every === 1 || Math.round(Math.log10(v)) % every === 0);
      const spots = some.map(at);
      if (spots.some((x, k) => !fits(x, taken) || !fits(x, spots.slice(0, k)))) continue;
      taken.push(...spots);
      return some;
    }
    return [];
  };
  const short = Math.log10(most / least) < SHORT;
  /** @type {Set<number>} */
  const chosen = new Set();
  if (short) {
    for (let every = 1; every <= positive.length && !chosen.size; every++) {
      const some = positive.filter((_, k) => k % every === 0);
      if (some.every((v, k) => k === 0 || Math.abs(at(v) - at(some[k - 1] ?? v)) >= gap)) for (const v of some) chosen.add(v);
    }
  } else {
    const ranks = new Map(positive.map((v) => [v, rank(v)]));
    for (const v of take(positive.filter((v) => ranks.get(v) === 0))) chosen.add(v);
    for (let r = 1; r < 5 && chosen.size < 4; r++) {
      const finer = positive.filter((v) => ranks.get(v) === r);
      const spots = finer.map(at);
      const all = spots.every((x, k) => fits(x, taken) && fits(x, spots.slice(0, k)));
      if (!all && chosen.size >= 2) break;
      finer.forEach((v, k) => {
        if (!fits(spots[k] ?? 0, taken)) return;
        taken.push(spots[k] ?? 0);
        chosen.add(v);
      });
    }
  }
  const plain = short || [...chosen].some((v) => rank(v) !== 0); // 0.5, 1, 2 rather than 0.5, 10⁰, 2
  const digits = plain ? digitsOf([...chosen]) : 0;
  return places.map((v) => (chosen.has(v) ? label(v, digits, counts) : null));
}

/** How many digits tell these numbers from one another.
 * @param {number[]} values
 * @returns {number} */
function digitsOf(values) {
  for (let digits = 1; digits < 12; digits++) {
    if (values.every((v) => Math.abs(Number(v.toPrecision(digits)) - v) <= 1e-9 * v)) return digits;
  }
  return 12;
}
