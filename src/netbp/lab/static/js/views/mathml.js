/** The paper's symbols, vectors and matrices in MathML, with the actual numbers. */

import { fill, math } from "./dom.js";
import { even } from "./format.js";

/** More rows or columns than these are cut: the first ones, dots, and the last. */
const MOST = 8;

/** @typedef {Element | string | number} Part */

/** @param {Part} part @returns {Element} */
function node(part) {
  if (part instanceof Element) return part;
  if (typeof part === "number") return math("mn", {}, even(part));
  if (/^[\d.]+$/.test(part)) return math("mn", {}, part);
  if (/^[^\p{L}]+$/u.test(part)) return math("mo", {}, part);
  return math(part.length > 1 ? "mtext" : "mi", {}, part);
}

/** Parts in a row: letters become identifiers, signs operators, numbers numbers.
 * @param {...Part} parts
 * @returns {Element} */
export function row(...parts) {
  return math("mrow", {}, ...parts.map(node));
}

/** The layer's mark [l].
 * @param {Part} l
 * @returns {Element} */
function bracket(l) {
  return math("mrow", {}, math("mo", { stretchy: "false" }, "["), node(typeof l === "number" ? String(l) : l), math("mo", { stretchy: "false" }, "]"));
}

/** a^[l], with subscripts a_j^[l] where indices are given.
 * @param {string} letter
 * @param {number | string} l
 * @param {...number} indices
 * @returns {Element} */
export function symbol(letter, l, ...indices) {
  if (!indices.length) return math("msup", {}, math("mi", {}, letter), bracket(l));
  const text = indices.some((n) => n > 9) ? indices.join(",") : indices.join("");
  return math("msubsup", {}, math("mi", {}, letter), math("mn", {}, text), bracket(l));
}

/** A symbol with subscripts in letters: w_j1^[l].
 * @param {string} letter
 * @param {string} indices
 * @param {number} l
 * @returns {Element} */
export function indexed(letter, indices, l) {
  return math("msubsup", {}, math("mi", {}, letter), math("mrow", {}, ...[...indices].map((index) => node(index))), bracket(l));
}

/** (inner)^T.
 * @param {Element} inner
 * @returns {Element} */
export function raisedT(inner) {
  return math("msup", {}, row("(", inner, ")"), math("mi", {}, "T"));
}

/** One half.
 * @returns {Element} */
export function half() {
  return math("mfrac", {}, math("mn", {}, "1"), math("mn", {}, "2"));
}

/** The square of the 2-norm of inner.
 * @param {Element} inner
 * @returns {Element} */
export function squared(inner) {
  return math("msubsup", {}, row("‖", inner, "‖"), math("mn", {}, "2"), math("mn", {}, "2"));
}

/** ∂C/∂(inner).
 * @param {Element} inner
 * @returns {Element} */
export function slope(inner) {
  return math("mfrac", {}, row("∂", "C"), row("∂", inner));
}

/** f(inner).
 * @param {Element} f
 * @param {...Part} inner
 * @returns {Element} */
export function apply(f, ...inner) {
  return row(f, "(", row(...inner), ")");
}

/** σ′.
 * @returns {Element} */
export function sigmaSlope() {
  return math("msup", {}, math("mi", {}, "σ"), math("mo", {}, "′"));
}

/** The numbers to show of n: all, or the first ones, -1 for dots, and the last.
 * @param {number} n
 * @returns {number[]} */
function cut(n) {
  return n <= MOST ? Array.from({ length: n }, (_, k) => k) : [...Array.from({ length: MOST - 2 }, (_, k) => k), -1, n - 1];
}

/** A matrix of numbers in brackets, cut where it is large. `entry` may make an entry of its own, such as one to click.
 * @param {ArrayLike<ArrayLike<number>>} rows
 * @param {(value: number, row: number, column: number, cell: Element) => void} [entry]
 * @returns {Element} */
export function matrix(rows, entry) {
  const columns = cut(rows[0]?.length ?? 0);
  const lines = cut(rows.length).map((i) =>
    math(
      "mtr",
      {},
      ...columns.map((j) => {
        if (i < 0 || j < 0) return math("mtd", {}, math("mo", {}, i < 0 ? (j < 0 ? "⋱" : "⋮") : "⋯"));
        const value = rows[i]?.[j] ?? 0;
        const cell = math("mtd", {}, math("mn", {}, even(value)));
        entry?.(value, i, j, cell);
        return cell;
      }),
    ),
  );
  return math("mtable", { class: "matrix" }, ...lines);
}

/** A column of numbers.
 * @param {ArrayLike<number>} values
 * @param {(value: number, row: number, column: number, cell: Element) => void} [entry]
 * @returns {Element} */
export function column(values, entry) {
  return matrix(Array.from(values, (v) => [v]), entry);
}

/** A diagonal matrix, its other entries empty.
 * @param {ArrayLike<number>} values
 * @returns {Element} */
export function diagonal(values) {
  const n = values.length;
  const table = matrix(Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? (values[i] ?? 0) : 0))), (_, i, j, cell) => {
    if (i !== j) fill(cell, math("mn", { class: "nought" }, "0"));
  });
  return table;
}

/** A formula as a block.
 * @param {...Part} parts
 * @returns {Element} */
export function formula(...parts) {
  return math("math", { display: "block" }, row(...parts));
}

/** A formula within a line.
 * @param {...Part} parts
 * @returns {Element} */
export function inline(...parts) {
  return math("math", {}, row(...parts));
}
