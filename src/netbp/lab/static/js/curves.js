/** The curves of a run, grown frame by frame and thinned: bins of costs keep their extremes, so that no peak is lost. */

/** @import { Curves, Frame } from "./types.js" */

export const BINS = 8192;

/** @typedef {Curves["held"]} Pairs */

/** Curves without a point.
 * @returns {Curves} */
export function emptyCurves() {
  const none = () => new Float64Array(0);
  const pairs = () => ({ length: 0, step: none(), value: none() });
  return { length: 0, first: none(), last: none(), min: none(), max: none(), held: pairs(), norms: pairs(), version: 0 };
}

/** An array with room for `size` numbers and the same content.
 * @param {Float64Array} array
 * @param {number} size */
function roomFor(array, size) {
  if (array.length >= size) return array;
  const larger = new Float64Array(Math.max(size, 2 * array.length, 256));
  larger.set(array);
  return larger;
}

/** Neighbouring bins are made one where the result is no wider than `stride`, nor than a 256th of its step: the beginning stays fine, for
 * two logarithmic axes.
 * @param {Curves} curves
 * @param {number} stride */
function merge(curves, stride) {
  const { first, last, min, max, length } = curves;
  let k = -1;
  for (let i = 0; i < length; i++) {
    if (k >= 0 && last[i] - first[k] + 1 <= Math.min(stride, Math.max(1, first[k] / 256))) {
      last[k] = last[i];
      min[k] = Math.min(min[k], min[i]);
      max[k] = Math.max(max[k], max[i]);
    } else {
      k++;
      [first[k], last[k], min[k], max[k]] = [first[i], last[i], min[i], max[i]];
    }
  }
  curves.length = k + 1;
}

/** Thin the bins so that few enough remain, all of about one width but for the beginning.
 * @param {Curves} curves */
function thin(curves) {
  const span = curves.last[curves.length - 1] - curves.first[0] + 1;
  for (let stride = span / 4096; curves.length > 0.75 * BINS; stride *= 1.5) merge(curves, stride);
}

/** Rows (step, value) are appended; every second one goes when there are too many.
 * @param {Pairs} pairs
 * @param {Float64Array | null} rows */
function appendPairs(pairs, rows) {
  if (!rows || rows.length === 0) return false;
  const n = rows.length / 2;
  pairs.step = roomFor(pairs.step, pairs.length + n);
  pairs.value = roomFor(pairs.value, pairs.length + n);
  for (let i = 0; i < n; i++) {
    pairs.step[pairs.length] = rows[2 * i];
    pairs.value[pairs.length++] = rows[2 * i + 1];
  }
  while (pairs.length > BINS) {
    const half = Math.ceil(pairs.length / 2);
    for (let i = 0; i < half; i++) {
      const from = Math.min(2 * i + 1, pairs.length - 1); // the last one stays
      pairs.step[i] = pairs.step[from];
      pairs.value[i] = pairs.value[from];
    }
    pairs.length = half;
  }
  return true;
}

/** A frame's costs, held-out costs and norms are appended to the same arrays. Returns the same object if nothing came, else a new one.
 * @param {Curves} curves
 * @param {Pick<Frame, "costs" | "held" | "norms">} frame */
export function appendCurves(curves, frame) {
  let changed = appendPairs(curves.held, frame.held);
  changed = appendPairs(curves.norms, frame.norms) || changed;
  const rows = frame.costs;
  if (rows && rows.length > 0) {
    const n = rows.length / 4;
    for (const name of /** @type {const} */ (["first", "last", "min", "max"])) curves[name] = roomFor(curves[name], curves.length + n);
    for (let i = 0; i < n; i++) {
      const k = curves.length++;
      curves.first[k] = rows[4 * i];
      curves.last[k] = rows[4 * i + 1];
      curves.min[k] = rows[4 * i + 2];
      curves.max[k] = rows[4 * i + 3];
    }
    if (curves.length > BINS) thin(curves);
    changed = true;
  }
  return changed ? { ...curves, version: curves.version + 1 } : curves;
}

/** A copy that later frames do not change.
 * @param {Curves} curves
 * @returns {Curves} */
export function copyCurves(curves) {
  const { length, held, norms, version } = curves;
  const pairs = (/** @type {Pairs} */ q) => ({ length: q.length, step: q.step.slice(0, q.length), value: q.value.slice(0, q.length) });
  return {
    length,
    first: curves.first.slice(0, length),
    last: curves.last.slice(0, length),
    min: curves.min.slice(0, length),
    max: curves.max.slice(0, length),
    held: pairs(held),
    norms: pairs(norms),
    version,
  };
}
