/** Lists of points as the experiment's text has them: "0.1,0.1,A;0.3,0.4,A*;...", the star on those that are held out. */

/** @import { Experiment, Point } from "./types.js" */

export const LETTERS = "ABCDEFGH";
export const MOST_IN_A_LINK = 500;

/** The text of a list of points.
 * @param {readonly (readonly number[])[]} points  x1, x2, category, held out or not
 * @returns {string} */
export function pointsText(points) {
  return points.map(([x1, x2, category, held]) => `${x1 + 0},${x2 + 0},${LETTERS[category]}${held ? "*" : ""}`).join(";");
}

/** How many categories these points need: at least two.
 * @param {readonly (readonly number[])[]} points */
export function categoriesOf(points) {
  return points.reduce((most, point) => Math.max(most, point[2] + 1), 2);
}

/** The widths of a network, "2-2-3-2", with another last one.
 * @param {string} layers
 * @param {number} width */
export function withOutputs(layers, width) {
  return [...layers.split("-").slice(0, -1), String(width)].join("-");
}

/** A coordinate as a reader would write it: no more digits than the plane's pixels tell apart.
 * @param {number} x
 * @param {number} span  the width of what is shown */
export function tidy(x, span = 1) {
  const digits = Math.max(0, Math.min(12, 3 - Math.floor(Math.log10(span))));
  return Number(x.toFixed(digits));
}

/** Two lists with the same points in the same order.
 * @param {readonly (readonly number[])[]} a
 * @param {readonly (readonly number[])[]} b */
export function samePoints(a, b) {
  return a.length === b.length && a.every((p, i) => p[0] === b[i][0] && p[1] === b[i][1] && p[2] === b[i][2]);
}

/** The points as their text has them: with a star where they are held out, but not where a share of all points is.
 * @param {readonly Point[]} points
 * @param {Experiment} experiment
 * @returns {Point[]} */
export function listed(points, experiment) {
  const share = Number(experiment.held_out) > 0;
  return points.map(([x1, x2, category, held]) => [x1, x2, category, share ? 0 : held]);
}
