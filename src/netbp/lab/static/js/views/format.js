/** Numbers as people read them: a true minus sign, powers of ten raised, no more digits than asked for. */

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** 10⁻³ for -3.
 * @param {number} exponent
 * @returns {string} */
export function powerOfTen(exponent) {
  const digits = String(Math.abs(exponent)).replace(/\d/g, (d) => RAISED[Number(d)] ?? d);
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** A number to `digits` significant digits: 0.0732, 7.32×10⁻⁴, −1.5; "–" where there is none.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 * @returns {string} */
export function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (magnitude >= 1e-3 && magnitude < 10 ** Math.max(digits, 5)) {
    const plain = Number(magnitude.toPrecision(digits)).toString();
    return sign + (plain.includes("e") ? magnitude.toFixed(digits) : plain);
  }
  const [mantissa = "", exponent = "0"] = magnitude.toExponential(Math.max(0, digits - 1)).split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return `${sign}${short === "1" ? "" : `${short}×`}${powerOfTen(Number(exponent))}`;
}

/** A number of fixed width for tables: always the same count of digits.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 * @returns {string} */
export function even(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return number(value, digits);
  if (Number.isInteger(value) && Math.abs(value) < 1e5) return value < 0 ? `−${-value}` : String(value);
  const magnitude = Math.abs(value);
  if (magnitude < 0.01 && magnitude >= 1e-3) return `${value < 0 ? "−" : ""}${magnitude.toFixed(digits + 2)}`;
  if (magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e5)) return number(value, Math.max(2, digits - 1));
  const whole = magnitude < 1 ? 1 : Math.floor(Math.log10(magnitude)) + 1;
  return `${value < 0 ? "−" : ""}${magnitude.toFixed(Math.max(0, digits - whole + (magnitude < 0.1 ? 2 : magnitude < 1 ? 1 : 0)))}`;
}

/** A count with commas between the thousands: 1,000,000, or 1M on an axis with `short`.
 * @param {number} value
 * @param {boolean} [short]
 * @returns {string} */
export function count(value, short = false) {
  if (short && value !== 0) {
    for (const [size, letter] of /** @type {[number, string][]} */ ([[1e9, "G"], [1e6, "M"], [1e3, "k"]])) {
      if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(4))}${letter}`;
    }
  }
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** A share as per cent.
 * @param {number | null | undefined} value
 * @returns {string} */
export function percent(value) {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : `${Number((100 * value).toPrecision(3))} %`;
}

/** Round to a grid fine enough for the screen, so that addresses stay short: the width's thousandth.
 * @param {number} value
 * @param {number} width  of the interval that is shown
 * @returns {number} */
export function rounded(value, width) {
  const places = Math.max(0, Math.min(12, 3 - Math.floor(Math.log10(width || 1))));
  return Number(value.toFixed(places));
}
