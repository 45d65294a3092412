/** The paper's equations in MathML, by number, to stand beside the controls that they explain. */

const i = (/** @type {string} */ x) => `<mi>${x}</mi>`;
const n = (/** @type {string | number} */ x) => `<mn>${x}</mn>`;
const o = (/** @type {string} */ x) => `<mo>${x}</mo>`;
const row = (/** @type {string[]} */ ...x) => `<mrow>${x.join("")}</mrow>`;
const sub = (/** @type {string} */ x, /** @type {string} */ y) => `<msub>${x}${y}</msub>`;
const sup = (/** @type {string} */ x, /** @type {string} */ y) => `<msup>${x}${y}</msup>`;
const both = (/** @type {string} */ x, /** @type {string} */ y, /** @type {string} */ z) => `<msubsup>${x}${y}${z}</msubsup>`;
const frac = (/** @type {string} */ x, /** @type {string} */ y) => `<mfrac>${x}${y}</mfrac>`;
const fence = (/** @type {string} */ x) => `<mo stretchy="false" lspace="0em" rspace="0em">${x}</mo>`;
const within = (/** @type {string} */ left, /** @type {string} */ right, /** @type {string[]} */ ...x) => row(fence(left), ...x, fence(right));
const paren = (/** @type {string[]} */ ...x) => within("(", ")", ...x);
const layer = (/** @type {string} */ x, /** @type {string} */ l) => sup(i(x), within("[", "]", l));
const sum = (/** @type {string} */ k, /** @type {string} */ top) => `<munderover>${o("∑")}${row(i(k), o("="), n(1))}${top}</munderover>`;
const L = i("L");
const l = i("l");
const cost = `<mtext>Cost</mtext>`;
const previous = row(l, o("−"), n(1));
const next = row(l, o("+"), n(1));
const point = (/** @type {string} */ x, /** @type {string} */ k) => sup(i(x), within("{", "}", k));
const norm2 = (/** @type {string[]} */ ...x) => both(within("‖", "‖", ...x), n(2), n(2));
const quadratic = row(frac(n(1), i("N")), sum("i", i("N")), frac(n(1), n(2)), norm2(i("y"), paren(point("x", i("i"))), o("−"), layer("a", L), paren(point("x", i("i")))));
const gradient = (/** @type {string} */ k) => row(o("∇"), sub(i("C"), point("x", k)), paren(i("p")));

/** @type {Record<number, {name: string, math: string}>} */
const EQUATIONS = {
  1: { name: "the sigmoid", math: row(i("σ"), paren(i("x")), o("="), frac(n(1), row(n(1), o("+"), sup(i("e"), row(o("−"), i("x")))))) },
  2: { name: "its slope", math: row(sup(i("σ"), o("′")), paren(i("x")), o("="), i("σ"), paren(i("x")), paren(n(1), o("−"), i("σ"), paren(i("x")))) },
  3: { name: "one layer", math: row(i("σ"), paren(i("W"), i("a"), o("+"), i("b"))) },
  5: { name: "the targets", math: row(i("y"), o("="), sup(within("[", "]", n(1), o(","), n(0)), i("T")), `<mtext> in A,  </mtext>`, sup(within("[", "]", n(0), o(","), n(1)), i("T")), `<mtext> in B</mtext>`) },
  6: { name: "the cost of the ten points", math: row(cost, o("="), frac(n(1), n(10)), sum("i", n(10)), frac(n(1), n(2)), norm2(i("y"), paren(point("x", i("i"))), o("−"), i("F"), paren(point("x", i("i"))))) },
  7: { name: "the input layer", math: row(layer("a", n(1)), o("="), i("x")) },
  8: { name: "layer by layer", math: row(layer("a", l), o("="), i("σ"), paren(layer("W", l), layer("a", previous), o("+"), layer("b", l))) },
  9: { name: "the quadratic cost", math: row(cost, o("="), quadratic) },
  12: { name: "steepest descent", math: row(i("p"), o("→"), i("p"), o("−"), i("η"), o("∇"), cost, paren(i("p"))) },
  13: { name: "the cost of one point", math: row(sub(i("C"), point("x", i("i"))), o("="), frac(n(1), n(2)), norm2(i("y"), paren(point("x", i("i"))), o("−"), layer("a", L), paren(point("x", i("i"))))) },
  14: { name: "the gradient is a mean", math: row(o("∇"), cost, paren(i("p")), o("="), frac(n(1), i("N")), sum("i", i("N")), gradient(i("i"))) },
  15: { name: "stochastic gradient", math: row(i("p"), o("→"), i("p"), o("−"), i("η"), gradient(i("i"))) },
  16: { name: "without replacement", math: row(i("p"), o("→"), i("p"), o("−"), i("η"), gradient(sub(i("k"), i("i")))) },
  17: { name: "a mini-batch", math: row(i("p"), o("→"), i("p"), o("−"), i("η"), frac(n(1), i("m")), sum("i", i("m")), gradient(sub(i("k"), i("i")))) },
  22: { name: "the error at the output", math: row(layer("δ", L), o("="), sup(i("σ"), o("′")), paren(layer("z", L)), o("∘"), paren(layer("a", L), o("−"), i("y"))) },
  23: { name: "back propagation", math: row(layer("δ", l), o("="), sup(i("σ"), o("′")), paren(layer("z", l)), o("∘"), sup(paren(layer("W", next)), i("T")), layer("δ", next)) },
  24: { name: "the slope in a bias", math: row(frac(row(o("∂"), i("C")), row(o("∂"), both(i("b"), i("j"), within("[", "]", l)))), o("="), both(i("δ"), i("j"), within("[", "]", l))) },
  25: { name: "the slope in a weight", math: row(frac(row(o("∂"), i("C")), row(o("∂"), both(i("w"), row(i("j"), i("k")), within("[", "]", l)))), o("="), both(i("δ"), i("j"), within("[", "]", l)), both(i("a"), i("k"), within("[", "]", previous))) },
  31: { name: "the rectified linear unit", math: row(i("σ"), paren(i("x")), o("="), i("max"), paren(n(0), o(","), i("x"))) },
  32: { name: "softmax log loss", math: row(o("−"), sum("i", i("N")), i("log"), frac(sup(i("e"), both(i("v"), sub(i("l"), i("i")), within("{", "}", i("i")))), row(sum("j", i("K")), sup(i("e"), both(i("v"), i("j"), within("{", "}", i("i")))))) ) },
  33: { name: "with a penalty", math: row(cost, o("="), `<mtext>(9)</mtext>`, o("+"), frac(i("λ"), i("N")), `<munderover>${o("∑")}${row(l, o("="), n(2))}${L}</munderover>`, norm2(layer("W", l))) },
};

/** The numbers of equations in a text such as "(12), (15)".
 * @param {string | number | null | undefined} text
 * @returns {number[]} */
export function numbersIn(text) {
  return [...String(text ?? "").matchAll(/\((\d+)\)/g)].map(([, digits]) => Number(digits)).filter((number) => number in EQUATIONS);
}

/** An equation with its number and its name, or null if there is none of that number here.
 * @param {number} number
 * @returns {HTMLElement | null} */
export function equation(number) {
  const known = EQUATIONS[number];
  if (!known) return null;
  const element = document.createElement("figure");
  element.className = "equation";
  const template = document.createElement("template");
  template.innerHTML = `<math display="block">${known.math}</math>`; // constant text of this file
  const caption = document.createElement("figcaption");
  caption.textContent = `(${number})`;
  caption.title = known.name;
  element.append(template.content, caption);
  return element;
}
