/** Frames about images as the views want them; pure. */

/** @import { Frame } from "../../types.js" */
/** @import { Apart, Filters, Gallery, Pixels } from "./types.js" */

/** Pictures (n, H, W, C) of a section.
 * @param {Frame} frame
 * @param {string} name
 * @returns {Pixels} */
function pixelsOf({ sections }, name) {
  const { shape, values } = sections[name];
  const [n, H, W, C] = shape;
  return { values, n, H, W, C };
}

/** @param {Frame} frame
 * @returns {Gallery} */
export function galleryOf(frame) {
  const { of, first, classes, probabilities, image, predicted } = frame.header;
  return { of, first, classes, probabilities, image, predicted, true: frame.header.true, pixels: pixelsOf(frame, "pixels"), outputs: frame.sections.outputs.values };
}

/** @param {Frame} frame
 * @returns {Apart} */
export function apartOf(frame) {
  const { image, of, predicted, classes, probabilities, epochs, stages } = frame.header;
  return {
    image, of: of ?? null, true: frame.header.true ?? null, predicted, classes, probabilities, epochs,
    pixels: pixelsOf(frame, "pixels"),
    outputs: frame.sections.outputs.values,
    stages: stages.map((/** @type {{title: string, bars: boolean, scale: [number, number]}} */ stage, /** @type {number} */ k) => {
      const { shape, values } = frame.sections[`stage${k}`];
      const [n, H, W] = shape;
      return { ...stage, values, maps: stage.bars ? null : { values, n, H, W, C: 1 } };
    }),
  };
}

/** @param {Frame} frame
 * @returns {Filters} */
export function filtersOf(frame) {
  const { of, dense, whitened } = frame.header;
  const { shape, values } = frame.sections.filters;
  const [n, C, H, W] = shape;
  return { of, dense, whitened, n, C, H, W, values };
}

/** The classes of one image, the likeliest first.
 * @param {ArrayLike<number>} outputs  (n, K), row by row
 * @param {number} row
 * @param {number} K
 * @returns {{k: number, value: number}[]} */
export function ranked(outputs, row, K) {
  const out = Array.from({ length: K }, (_, k) => ({ k, value: outputs[row * K + k] }));
  return out.sort((a, b) => b.value - a.value || a.k - b.k);
}

/** How a run is called under its name: what it is and how far.
 * @param {import("./types.js").RunInfo} run
 * @returns {string} */
export function described(run) {
  const kind = run.experiment === "mnist" ? `mnist ${run.layers}` : run.dropout ? `${run.experiment} with dropout` : run.experiment;
  const far = run.of === null || run.epochs === run.of ? `${run.epochs} epochs` : `${run.epochs} of ${run.of} epochs`;
  return `${kind}, ${far}`;
}
