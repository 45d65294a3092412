/** Numbers as text for people. */

const WHOLE = new Intl.NumberFormat("en-GB");

/** 1,000,000.
 * @param {number} n */
export function whole(n) {
  return WHOLE.format(n);
}

/** Five figures: 0.26513, 7.3035e-4.
 * @param {number | null | undefined} x
 * @param {number} [figures] */
export function short(x, figures = 5) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return x.toExponential(figures - 1).replace("e+", "e");
  return Number(x.toPrecision(figures)).toString();
}

/** 34 %.
 * @param {number} share */
export function percent(share) {
  return `${Math.round(100 * share)} %`;
}
