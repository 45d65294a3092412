/** Where the network's circles lie and what its numbers are: figure 3's layout, without the page. */

/** @import { Layer, Opened } from "../types.js" */

/** Circle `j` (from 1) of layer `l` (from 1) at (x, y).
 * @typedef {{l: number, j: number, x: number, y: number}} Circle */

/** A weight w_jk^[l] between the circles `from` and `to`.
 * @typedef {{l: number, j: number, k: number, from: Circle, to: Circle}} Edge */

/** gap: between a circle and the next below it, at least.
 * @typedef {{circles: Circle[][], edges: Edge[], radius: number, gap: number, dots: {x: number, y: number}[]}} Layout */

/** The most neurons of a layer that are drawn; of a wider one the first and the last, with dots between. */
export const MOST = 10;

/** The widths of all layers, the input's first.
 * @param {Opened} opened
 * @returns {number[]} */
export function sizesOf(opened) {
  return [opened.layers[0]?.W[2] ?? 2, ...opened.layers.map(({ width }) => width)];
}

/** The numbers of the neurons that are drawn in a layer of n.
 * @param {number} n
 * @param {number | null} keep  one that has to be among them
 * @returns {number[]} */
export function shown(n, keep) {
  const all = Array.from({ length: n }, (_, k) => k + 1);
  return n <= MOST ? all : all.filter((j) => j <= 4 || j > n - 4 || j === keep);
}

/** Place the circles: layer 1 on the left, each layer centred, all equally far apart.
 * @param {number[]} sizes
 * @param {number} width
 * @param {number} height
 * @param {number} margin  at the left and the right
 * @param {[number, number] | null} keep  a neuron that has to be drawn
 * @param {number} [largest]  radius
 * @returns {Layout} */
export function layout(sizes, width, height, margin, keep, largest = 26) {
  const rows = sizes.map((n, index) => {
    const numbers = shown(n, keep && keep[0] === index + 1 ? keep[1] : null);
    let at = 0;
    const places = numbers.map((j, k) => (k === 0 ? 0 : (at += j - (numbers[k - 1] ?? 0) > 1 ? 1.7 : 1)));
    return { numbers, places };
  });
  const most = Math.max(1, ...rows.map(({ places }) => places[places.length - 1] ?? 0));
  const dx = (width - 2 * margin) / Math.max(1, sizes.length - 1);
  const radius = Math.max(3, Math.min(0.055 * width, 0.37 * (height / (most + 0.8)), 0.24 * dx, largest));
  const dy = Math.min((height - 3 * radius) / most, 4.2 * radius);
  const circles = rows.map(({ numbers, places }, index) => {
    const last = places[places.length - 1] ?? 0;
    return numbers.map((j, k) => ({ l: index + 1, j, x: margin + index * dx, y: height / 2 + dy * ((places[k] ?? 0) - last / 2) }));
  });
  /** @type {Edge[]} */
  const edges = [];
  /** @type {{x: number, y: number}[]} */
  const dots = [];
  circles.forEach((layer, index) => {
    for (let k = 1; k < layer.length; k++) {
      const [above, below] = [/** @type {Circle} */ (layer[k - 1]), /** @type {Circle} */ (layer[k])];
      if (below.j > above.j + 1) for (const t of [0.4, 0.5, 0.6]) dots.push({ x: above.x, y: above.y + t * (below.y - above.y) });
    }
    for (const to of index ? layer : []) for (const from of circles[index - 1] ?? []) edges.push({ l: index + 1, j: to.j, k: from.j, from, to });
  });
  return { circles, edges, radius, gap: dy - 2 * radius, dots };
}

/** w_jk^[l] in p.
 * @param {Float64Array} p
 * @param {Layer[]} layers
 * @param {number} l
 * @param {number} j
 * @param {number} k
 * @returns {number} */
export function weight(p, layers, l, j, k) {
  const layer = layers[l - 2];
  return layer ? (p[layer.W[0] + (k - 1) * layer.W[1] + j - 1] ?? 0) : 0;
}

/** b_j^[l] in p.
 * @param {Float64Array} p
 * @param {Layer[]} layers
 * @param {number} l
 * @param {number} j
 * @returns {number} */
export function bias(p, layers, l, j) {
  const layer = layers[l - 2];
  return layer ? (p[layer.b[0] + j - 1] ?? 0) : 0;
}

/** The largest of the weights' absolute values, without biases.
 * @param {Float64Array} p
 * @param {Layer[]} layers
 * @returns {number} */
export function largest(p, layers) {
  let most = 0;
  for (const { W: [offset, rows, columns] } of layers) {
    for (let k = offset; k < offset + rows * columns; k++) most = Math.max(most, Math.abs(p[k] ?? 0));
  }
  return most || 1;
}
