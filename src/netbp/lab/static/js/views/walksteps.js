/** The forward and the backward pass as a list of steps, each with its equation and the actual numbers; no store. */

import { apply, column, diagonal, formula, half, matrix, raisedT, row, sigmaSlope, slope, squared, symbol } from "./mathml.js";

/** @import { Opened } from "../types.js" */
/** @import { Walk } from "./walkdata.js" */

/** @typedef {"forward" | "backward" | "update"} Way */

/** One step. make: its formulas; `pick` turns entries of derivatives into something to check.
 * @typedef {{way: Way, l: number, name: string, equation: string, words: string, make: (pick: Pick) => Element[]}} Step */

/** Called for an entry of a matrix of derivatives: layer, row and column from 1, column null for a bias.
 * @typedef {(l: number, j: number, k: number | null, cell: Element) => void} Pick */

/** @param {string} name @param {number} l */
const sym = (name, l) => symbol(name, l);

/** @param {string} name */
const any = (name) => symbol(name, "l");

/** The steps of a walk.
 * @param {Walk} walk
 * @param {Opened} opened
 * @returns {Step[]} */
export function stepsOf(walk, opened) {
  const L = walk.a.length;
  const quadratic = opened.experiment["cost"] !== "softmax_log_loss";
  const activation = (/** @type {number} */ l) => opened.layers[l - 2]?.activation ?? "sigmoid";
  const at = (/** @type {number[][]} */ list, /** @type {number} */ l) => list[l - 2] ?? [];
  /** @type {Step[]} */
  const steps = [];
  steps.push({
    way: "forward", l: 1, name: "the point", equation: "(7)", words: "The point goes in as the activations of layer 1.",
    make: () => [formula(sym("a", 1), "=", "x", "=", column(walk.a[0] ?? [])), formula("y", "=", column(walk.y))],
  });
  for (let l = 2; l <= L; l++) {
    const before = walk.a[l - 2] ?? [];
    steps.push({
      way: "forward", l, name: `z of layer ${l}`, equation: "(19)", words: `Weighted input of layer ${l}: weights times the activations of layer ${l - 1}, plus biases.`,
      make: () => [formula(sym("z", l), "=", sym("W", l), sym("a", l - 1), "+", sym("b", l)), formula(matrix(walk.W[l - 2] ?? []), column(before), "+", column(at(walk.b, l)), "=", column(at(walk.z, l)))],
    });
    steps.push({
      way: "forward", l, name: `a of layer ${l}`, equation: activation(l) === "sigmoid" ? "(20), (1)" : "(20)", words: `Activation of layer ${l}: σ, here ${name(activation(l))}, of each component${l === L ? ". This is the network's output F(x)" : ""}.`,
      make: () => [formula(sym("a", l), "=", apply(row("σ"), sym("z", l)), "=", apply(row("σ"), column(at(walk.z, l))), "=", column(walk.a[l - 1] ?? []))],
    });
  }
  const output = walk.a[L - 1] ?? [];
  steps.push({
    way: "forward", l: L, name: "the cost of this point", equation: quadratic ? "(13), (18)" : "(32)", words: quadratic ? "How far the output is from the target: half the square of the distance." : "The log loss of the softmax of the output.",
    make: () => quadratic
      ? [formula("C", "=", half(), squared(row("y", "−", sym("a", L)))), formula("C", "=", half(), squared(row(column(walk.y), "−", column(output))), "=", walk.cost)]
      : [formula("C", "=", walk.cost)],
  });
  steps.push({
    way: "backward", l: L, name: `δ of layer ${L}`, equation: "(22)", words: `The error of the output layer, δ = ∂C/∂z (21): slope of σ times the derivative of C by the output. D is the diagonal matrix of slopes σ′(z)${activation(L) === "sigmoid" ? " = σ(z)(1 − σ(z)) (2)" : ""}.`,
    make: () => quadratic
      ? [formula(sym("δ", L), "=", apply(sigmaSlope(), sym("z", L)), "∘", "(", sym("a", L), "−", "y", ")", "=", sym("D", L), "(", sym("a", L), "−", "y", ")"),
          formula(diagonal(at(walk.D, L)), row("(", column(output), "−", column(walk.y), ")"), "=", column(at(walk.delta, L)))]
      : [formula(sym("δ", L), "=", sym("D", L), slope(sym("a", L))), formula(diagonal(at(walk.D, L)), ...(walk["error"] ? [column(walk["error"])] : [slope(sym("a", L))]), "=", column(at(walk.delta, L)))],
  });
  for (let l = L - 1; l >= 2; l--) {
    steps.push({
      way: "backward", l, name: `δ of layer ${l}`, equation: "(23)", words: `The error of layer ${l} from that of layer ${l + 1}, back through the transposed weights: this is back propagation.`,
      make: () => [formula(sym("δ", l), "=", sym("D", l), raisedT(sym("W", l + 1)), sym("δ", l + 1)),
        formula(diagonal(at(walk.D, l)), matrix(turned(walk.W[l - 1] ?? [])), column(at(walk.delta, l + 1)), "=", column(at(walk.delta, l)))],
    });
  }
  for (let l = L; l >= 2; l--) {
    steps.push({
      way: "update", l, name: `gradient of layer ${l}`, equation: "(24), (25)", words: `The derivatives by biases and weights of layer ${l}. Choose an entry to check it with a difference quotient.`,
      make: (pick) => [
        formula(slope(sym("b", l)), "=", sym("δ", l), "=", column(at(walk.db, l), (_, j, __, cell) => pick(l, j + 1, null, cell))),
        formula(slope(sym("W", l)), "=", sym("δ", l), raisedT(sym("a", l - 1))),
        formula("=", column(at(walk.delta, l)), matrix([walk.a[l - 2] ?? []])), // three lines: numbers are long
        formula("=", matrix(walk.dW[l - 2] ?? [], (_, j, k, cell) => pick(l, j + 1, k + 1, cell))),
      ],
    });
  }
  steps.push({
    way: "update", l: 0, name: "the gradient step", equation: "(15)", words: "One step of the stochastic gradient with this point: against the gradient of its cost. The plane shows, dotted, where the boundary would go.",
    make: () => [formula("p", "→", "p", "−", "η", "∇", row("C"), "(", "p", ")"), formula(any("W"), "→", any("W"), "−", "η", any("δ"), raisedT(symbol("a", "l − 1")), ",", row(), any("b"), "→", any("b"), "−", "η", any("δ"))],
  });
  return steps;
}

/** @param {string} activation @returns {string} */
function name(activation) {
  return activation === "sigmoid" ? "the sigmoid" : activation;
}

/** @param {number[][]} W @returns {number[][]} */
export function turned(W) {
  return (W[0] ?? []).map((_, k) => W.map((line) => line[k] ?? 0));
}
