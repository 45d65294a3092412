/** The curves of a run, grown frame by frame and thinned: bins of costs with their extremes lose no peak. */

/** @import { Curves, Frame } from "./types.js" */

export const BINS = 8192;

/** Curves without a point.
 * @returns {Curves} */
export function emptyCurves() {
  const none = () => new Float64Array(0);
  return {
    length: 0,
    first: none(),
    last: none(),
    min: none(),
    max: none(),
    held: { length: 0, step: none(), value: none() },
    norms: { length: 0, step: none(), value: none() },
    version: 0,
  };
}
