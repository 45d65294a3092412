/** The elements of a drawn network, and their colours: lines by weights, tiles and circles by what a neuron does. */

import { cividis, css, mix } from "./colours.js";
import { fill, svg } from "./dom.js";
import { number } from "./format.js";
import { largest, weight } from "./networkmodel.js";

/** @import { Layer } from "../types.js" */
/** @import { Circle, Edge, Layout } from "./networkmodel.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Walk } from "./walkdata.js" */

/** shades: of circles too small for a picture, a neuron's mean over the plane from 0 to 1, by the layer and the place in it.
 * @typedef {{layout: Layout, p: Float64Array, layers: Layer[], walk: Walk | null, theme: Theme, shades?: ((l: number, j: number) => number | null) | null}} NetworkModel */

/** The SVG elements of a drawn network, to be coloured again with every frame. tiles: squares that show what lies below them.
 * @typedef {{tiles: boolean, edges: {edge: Edge, line: SVGLineElement, hit: SVGLineElement}[], circles: {circle: Circle, disc: SVGElement, text: SVGTextElement}[], dots: SVGCircleElement[]}} Drawn */

/** Make the circles, or tiles, and the lines of a layout in `picture`.
 * @param {SVGSVGElement} picture
 * @param {Layout} shape
 * @param {(circle: Circle, group: SVGGElement) => void} onCircle
 * @param {(edge: Edge, line: SVGLineElement) => void} onEdge
 * @param {boolean} [tiles]
 * @returns {Drawn} */
export function buildNetwork(picture, shape, onCircle, onEdge, tiles = false) {
  const lines = svg("g", { class: "edges" });
  const hits = svg("g", { class: "edge-hits" });
  const nodes = svg("g", { class: "nodes" });
  /** @type {Drawn} */
  const drawn = { tiles, edges: [], circles: [], dots: shape.dots.map(() => svg("circle", { class: "dot" })) };
  for (const edge of shape.edges) {
    const line = svg("line", { class: "edge" });
    const hit = svg("line", { class: "edge-hit" });
    onEdge(edge, hit);
    lines.append(line);
    hits.append(hit);
    drawn.edges.push({ edge, line, hit });
  }
  for (const circle of shape.circles.flat()) {
    const disc = tiles ? svg("rect", { class: "disc tile" }) : svg("circle", { class: "disc" });
    const text = svg("text", { "text-anchor": "middle", "dominant-baseline": "central" });
    const group = svg("g", { class: "node", tabindex: -1, role: "button" }, disc, text);
    onCircle(circle, group);
    nodes.append(group);
    drawn.circles.push({ circle, disc, text });
  }
  nodes.append(...drawn.dots);
  placeNetwork(drawn, shape);
  fill(picture, lines, hits, nodes);
  return drawn;
}

/** Move what is drawn to the places of a layout of the same circles, which keeps the focus of who is at one.
 * @param {Drawn} drawn
 * @param {Layout} shape */
export function placeNetwork(drawn, { circles, edges, radius, gap, dots }) {
  const { tiles } = drawn;
  drawn.edges.forEach(({ line, hit }, i) => {
    const { from, to } = /** @type {Edge} */ (edges[i]);
    const d = Math.hypot(to.x - from.x, to.y - from.y) || 1;
    const [ux, uy] = [(to.x - from.x) / d, (to.y - from.y) / d];
    const reach = tiles ? Math.min(1.28 * radius, radius / Math.max(Math.abs(ux), Math.abs(uy))) + 2.5 : radius; // to the rim
    const ends = { x1: from.x + reach * ux, y1: from.y + reach * uy, x2: to.x - reach * ux, y2: to.y - reach * uy };
    for (const element of [line, hit]) set(element, ends);
  });
  const all = circles.flat();
  const size = tiles ? Math.min(15, 0.5 * radius) : Math.min(14, 0.62 * radius);
  const below = radius + (gap > 1.7 * size ? 0.85 : -0.62) * size; // or, where there is no room, on the tile's lower rim
  drawn.circles.forEach(({ disc, text }, i) => {
    const { x, y } = /** @type {Circle} */ (all[i]);
    set(disc, tiles ? { x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius, rx: corner(radius) } : { cx: x, cy: y, r: radius });
    set(text, { x, y: tiles ? y + below : y, "font-size": size });
  });
  drawn.dots.forEach((dot, i) => set(dot, { cx: dots[i]?.x ?? 0, cy: dots[i]?.y ?? 0, r: Math.max(1.2, 0.12 * radius) }));
}

/** @param {Element} element @param {Record<string, number>} attributes */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

/** How round the corners of a tile are.
 * @param {number} radius
 * @returns {number} */
export function corner(radius) {
  return Math.min(6, 0.22 * radius);
}

/** Colour the lines by sign and size, and the neurons: tiles say the activation at the chosen point below their picture, circles show it
 * or, without a point, the mean over the plane.
 * @param {Drawn} drawn
 * @param {NetworkModel} model */
export function drawNetwork({ edges, circles, tiles }, { p, layers, walk, theme, layout: { radius }, shades = null }) {
  const most = largest(p, layers);
  for (const { edge, line } of edges) {
    const w = weight(p, layers, edge.l, edge.j, edge.k);
    const share = Math.min(1, Math.abs(w) / most);
    line.setAttribute("stroke-width", (0.5 + 0.28 * Math.min(24, radius) * share).toFixed(2));
    line.setAttribute("class", w < 0 ? "edge edge-negative" : "edge edge-positive");
    line.setAttribute("stroke-opacity", (0.3 + 0.65 * share).toFixed(2));
  }
  for (const { circle, disc, text } of circles) {
    const a = walk?.a[circle.l - 1]?.[circle.j - 1];
    text.textContent = a === undefined || radius < 15 ? "" : shortNumber(a);
    if (tiles) continue;
    const shade = a === undefined ? (shades?.(circle.l, circle.j) ?? null) : null;
    const part = Math.min(1, Math.abs(a ?? 0));
    disc.setAttribute("fill", shade === null ? css(mix(theme.rgb.paper, theme.rgb.ink, 0.85 * part)) : css(cividis(shade)));
    text.setAttribute("fill", part > 0.5 ? theme.paper : theme.ink);
  }
}

/** Two digits at most behind the point, for a circle.
 * @param {number} a
 * @returns {string} */
function shortNumber(a) {
  return Math.abs(a) >= 100 ? number(a, 1) : `${a < 0 ? "−" : ""}${Math.abs(a).toFixed(Math.abs(a) < 10 ? 2 : 1)}`;
}
