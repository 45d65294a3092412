/** Lines of equal value on a grid: marching squares, joined into chains so that dashes run through. */

/** Polylines in grid coordinates (column, row), each x0, y0, x1, y1, ...
 * @typedef {Float64Array[]} Chains */

/** Where two neighbouring grid points lie on different sides, and how far along the edge between them the line passes.
 * @typedef {{side: (k: number) => number, part: (k: number, m: number) => number}} Sides */

/** The sides of a single level: values above it and the others.
 * @param {ArrayLike<number>} values
 * @param {number} level
 * @returns {Sides} */
export function levelSides(values, level) {
  const at = (/** @type {number} */ k) => (values[k] ?? 0) - level;
  return { side: (k) => (at(k) > 0 ? 1 : 0), part: (k, m) => at(k) / (at(k) - at(m)) };
}

/** The sides of categories, whose margins say how near the boundary lies; without margins it passes half way.
 * @param {ArrayLike<number>} category
 * @param {ArrayLike<number> | null} margins
 * @returns {Sides} */
export function categorySides(category, margins) {
  return {
    side: (k) => category[k] ?? 0,
    part: (k, m) => {
      if (!margins) return 0.5;
      const [a, b] = [Math.abs(margins[k] ?? 0), Math.abs(margins[m] ?? 0)];
      return a + b > 0 ? a / (a + b) : 0.5;
    },
  };
}

/** The boundary between the sides on a grid of `rows` times `columns`, row after row.
 *
 * Edges are numbered: 2k from point k to its right, 2k + 1 from point k upwards; a cell in which three sides or more meet gets a
 * node of its own in its middle.
 * @param {number} rows
 * @param {number} columns
 * @param {Sides} sides
 * @returns {Chains} */
export function boundary(rows, columns, { side, part }) {
  /** @type {Map<number, [number, number]>} */
  const nodes = new Map();
  /** @type {Map<number, number[]>} */
  const links = new Map();
  const edge = (/** @type {number} */ number, /** @type {number} */ k, /** @type {number} */ m) => {
    if (!nodes.has(number)) {
      const t = Math.min(1, Math.max(0, part(k, m)));
      const [x, y] = [k % columns, Math.floor(k / columns)];
      nodes.set(number, m === k + 1 ? [x + t, y] : [x, y + t]);
    }
    return number;
  };
  const join = (/** @type {number} */ a, /** @type {number} */ b) => {
    for (const [from, to] of /** @type {[number, number][]} */ ([[a, b], [b, a]])) {
      const known = links.get(from);
      if (known) known.push(to);
      else links.set(from, [to]);
    }
  };
  for (let i = 0; i < rows - 1; i++) {
    let left = side(i * columns);
    let leftAbove = side((i + 1) * columns);
    for (let j = 0; j < columns - 1; j++) {
      const k = i * columns + j;
      const right = side(k + 1);
      const rightAbove = side(k + columns + 1);
      if (left !== right || left !== leftAbove || right !== rightAbove) {
        const crossed = [];
        if (left !== right) crossed.push(edge(2 * k, k, k + 1));
        if (right !== rightAbove) crossed.push(edge(2 * (k + 1) + 1, k + 1, k + 1 + columns));
        if (leftAbove !== rightAbove) crossed.push(edge(2 * (k + columns), k + columns, k + columns + 1));
        if (left !== leftAbove) crossed.push(edge(2 * k + 1, k, k + columns));
        const [a = 0, b = 0, c = 0, d = 0] = crossed;
        if (crossed.length === 2) join(a, b);
        else if (crossed.length === 4 && left === rightAbove && right === leftAbove) {
          // A saddle: two lines. Points nearer their edges' ends decide which pair of corners is connected.
          const inner = part(k, k + 1) + part(k, k + columns);
          if (inner > 1) {
            join(a, b);
            join(c, d);
          } else {
            join(a, d);
            join(b, c);
          }
        } else {
          const middle = -k - 1;
          nodes.set(middle, [j + 0.5, i + 0.5]);
          for (const number of crossed) join(middle, number);
        }
      }
      left = right;
      leftAbove = rightAbove;
    }
  }
  return chains(nodes, links);
}

/** Walk along the links: first from ends and meeting points, then round what closes on itself.
 * @param {Map<number, [number, number]>} nodes
 * @param {Map<number, number[]>} links
 * @returns {Chains} */
function chains(nodes, links) {
  /** @type {Chains} */
  const found = [];
  const take = (/** @type {number} */ from, /** @type {number} */ to) => {
    const back = links.get(to);
    links.get(from)?.splice(links.get(from)?.indexOf(to) ?? 0, 1);
    back?.splice(back.indexOf(from), 1);
  };
  const walk = (/** @type {number} */ start) => {
    const points = [...(nodes.get(start) ?? [0, 0])];
    let here = start;
    for (let next = links.get(here)?.[0]; next !== undefined; next = links.get(here)?.[0]) {
      take(here, next);
      here = next;
      points.push(...(nodes.get(here) ?? [0, 0]));
      if ((links.get(here)?.length ?? 0) > 1) break; // a meeting point: others go on from here
    }
    found.push(Float64Array.from(points));
  };
  for (const [number, to] of links) if (to.length !== 2) while (to.length > 0) walk(number);
  for (const [number, to] of links) while (to.length > 0) walk(number);
  return found;
}

/** The chains with their steps evened out, ends kept: for boundaries of which only the side of each grid point is known.
 * @param {Chains} lines
 * @param {number} [passes]
 * @returns {Chains} */
export function smoothed(lines, passes = 4) {
  return lines.map((line) => {
    let now = line;
    for (let pass = 0; pass < passes; pass++) {
      const next = now.slice();
      for (let k = 2; k < now.length - 2; k++) next[k] = ((now[k - 2] ?? 0) + 2 * (now[k] ?? 0) + (now[k + 2] ?? 0)) / 4;
      now = next;
    }
    return now;
  });
}

/** The chains as a path on the canvas.
 * @param {Chains} lines
 * @param {(column: number) => number} x
 * @param {(row: number) => number} y
 * @returns {Path2D} */
export function pathOf(lines, x, y) {
  const path = new Path2D();
  for (const line of lines) {
    path.moveTo(x(line[0] ?? 0), y(line[1] ?? 0));
    for (let k = 2; k < line.length; k += 2) path.lineTo(x(line[k] ?? 0), y(line[k + 1] ?? 0));
  }
  return path;
}
