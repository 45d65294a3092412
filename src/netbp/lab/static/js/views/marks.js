/** The marks of the categories, as in figure 1: circles for A, crosses for B, then square, triangle, diamond, star, plus, hexagon. */

/** Trace the mark of category `c` around (x, y); `r` is its radius.
 * @param {CanvasRenderingContext2D} context
 * @param {number} c
 * @param {number} x
 * @param {number} y
 * @param {number} r */
export function mark(context, c, x, y, r) {
  context.beginPath();
  const corners = (/** @type {number} */ n, /** @type {number} */ turn, /** @type {number} */ size) => {
    for (let k = 0; k < n; k++) {
      const angle = turn + (2 * Math.PI * k) / n;
      context.lineTo(x + size * Math.cos(angle), y + size * Math.sin(angle));
    }
    context.closePath();
  };
  const half = 0.86 * r;
  if (c === 0) context.arc(x, y, r, 0, 2 * Math.PI);
  else if (c === 1) {
    context.moveTo(x - half, y - half);
    context.lineTo(x + half, y + half);
    context.moveTo(x - half, y + half);
    context.lineTo(x + half, y - half);
  } else if (c === 2) context.rect(x - half, y - half, 2 * half, 2 * half);
  else if (c === 3) corners(3, -Math.PI / 2, 1.15 * r);
  else if (c === 4) corners(4, 0, 1.15 * r);
  else if (c === 5) {
    for (let k = 0; k < 10; k++) {
      const [angle, size] = [(k * Math.PI) / 5 - Math.PI / 2, (k % 2 ? 0.55 : 1.25) * r];
      context.lineTo(x + size * Math.cos(angle), y + size * Math.sin(angle));
    }
    context.closePath();
  } else if (c === 6) {
    context.moveTo(x - r, y);
    context.lineTo(x + r, y);
    context.moveTo(x, y - r);
    context.lineTo(x, y + r);
  } else corners(6, -Math.PI / 2, 1.1 * r);
}

/** Whether the mark of category `c` has an inside: a cross and a plus have none.
 * @param {number} c
 * @returns {boolean} */
export function closed(c) {
  return c !== 1 && c !== 6;
}
