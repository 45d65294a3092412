/** Pictures as pixels: images as they come, filters and feature maps side by side. Pure. */

/** @import { Filters, Pixels } from "./types.js" */

/** RGBA pixels of a width and a height.
 * @typedef {{width: number, height: number, data: Uint8ClampedArray<ArrayBuffer>}} Picture */

/** One of several pictures of whole numbers 0 to 255.
 * @param {Pixels} pixels
 * @param {number} k
 * @returns {Picture} */
export function pictureOf({ values, H, W, C }, k) {
  const data = new Uint8ClampedArray(4 * H * W);
  const start = k * H * W * C;
  for (let i = 0; i < H * W; i++) {
    for (let c = 0; c < 3; c++) data[4 * i + c] = values[start + i * C + (C === 3 ? c : 0)];
    data[4 * i + 3] = 255;
  }
  return { width: W, height: H, data };
}

/** In how many columns n tiles of these proportions stand in a box of these.
 * @param {number} n
 * @param {number} aspect  width over height of a tile
 * @param {number} box  width over height of the box
 * @returns {number} */
export function columnsFor(n, aspect, box) {
  const least = Math.max(1, Math.min(n, Math.round(Math.sqrt((n * box) / aspect))));
  let best = least;
  for (let columns = least; columns <= Math.min(n, Math.ceil(1.4 * least)); columns++) {
    if ((columns - (n % columns)) % columns < (best - (n % best)) % best) best = columns; // fewer empty places in the last row
  }
  return best;
}

/** Tiles side by side with gaps of one pixel that let the page through.
 * @param {number} n
 * @param {number} H
 * @param {number} W
 * @param {number} columns
 * @param {(k: number, i: number, channel: number) => number} shade  0 to 255 of pixel i, row by row, of tile k
 * @returns {Picture} */
function tiles(n, H, W, columns, shade) {
  const rows = Math.ceil(n / columns);
  const [width, height] = [columns * (W + 1) - 1, rows * (H + 1) - 1];
  const data = new Uint8ClampedArray(4 * width * height);
  for (let k = 0; k < n; k++) {
    const [top, left] = [Math.floor(k / columns) * (H + 1), (k % columns) * (W + 1)];
    for (let i = 0; i < H * W; i++) {
      const at = 4 * ((top + Math.floor(i / W)) * width + left + (i % W));
      for (let c = 0; c < 3; c++) data[at + c] = shade(k, i, c);
      data[at + 3] = 255;
    }
  }
  return { width, height, data };
}

/** Filters, each scaled by its largest weight: mid-grey is 0, brighter is positive; in colour when there are three channels, else
 * channel by channel.
 * @param {Filters} filters
 * @param {number} [box]  width over height of the place for them
 * @returns {Picture} */
export function filterPicture({ values, n, C, H, W }, box = 1) {
  const [tilesOf, channels] = C === 3 ? [n, 3] : [n * C, 1];
  const size = channels * H * W;
  const largest = Array.from({ length: tilesOf }, (_, k) => {
    let most = 0;
    for (let i = 0; i < size; i++) most = Math.max(most, Math.abs(values[k * size + i]));
    return most || 1;
  });
  const columns = columnsFor(tilesOf, W / H, box);
  return tiles(tilesOf, H, W, columns, (k, i, c) => 127.5 + (127.5 * values[k * size + (channels === 3 ? c * H * W : 0) + i]) / largest[k]);
}

/** Feature maps on one scale: black is its first value, white its second.
 * @param {Pixels} maps
 * @param {[number, number]} scale
 * @param {number} [box]
 * @returns {Picture} */
export function mapsPicture({ values, n, H, W }, [low, high], box = 1) {
  const size = H * W;
  return tiles(n, H, W, columnsFor(n, W / H, box), (k, i) => (255 * (values[k * size + i] - low)) / (high - low || 1));
}

/** Put a picture on a canvas of just its pixels, which the page enlarges as squares.
 * @param {HTMLCanvasElement} canvas
 * @param {Picture} picture */
export function paint(canvas, { width, height, data }) {
  [canvas.width, canvas.height] = [width, height];
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(new ImageData(data, width, height), 0, 0);
}
