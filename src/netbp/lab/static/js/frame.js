/** Frames: the server's binary answers. A frame is "NBF1", the header's length, a JSON header, and numbers that are used where they lie. */

/** @import { Frame, Header, Numbers } from "./types.js" */

const MAGIC = "NBF1";

/** @type {Record<string, {new (buffer: ArrayBuffer, offset: number, length: number): Numbers, BYTES_PER_ELEMENT: number}>} */
const ARRAYS = { float64: Float64Array, float32: Float32Array, uint8: Uint8Array, int32: Int32Array };

/** Typed arrays on the buffer of an answer, without copies. Throws an Error for bytes that are not a frame.
 * @param {ArrayBuffer} buffer
 * @returns {Frame} */
export function decodeFrame(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < 8 || String.fromCharCode(...bytes.subarray(0, 4)) !== MAGIC) {
    throw new Error(`a frame begins with ${MAGIC}, but ${bytes.length} other bytes arrived`);
  }
  const length = new DataView(buffer).getUint32(4, true);
  const short = new Error(`a frame stops before its end, after ${bytes.length} bytes`);
  if (8 + length > bytes.length) throw short;
  /** @type {Header} */
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  /** @type {Frame["sections"]} */
  const sections = {};
  let offset = 8 + length;
  for (const { name, dtype, shape } of header.sections) {
    const count = shape.reduce((product, n) => product * n, 1);
    if (offset + count * ARRAYS[dtype].BYTES_PER_ELEMENT > bytes.length) throw short;
    const values = new ARRAYS[dtype](buffer, offset, count);
    sections[name] = { shape, values };
    offset += Math.ceil(values.byteLength / 8) * 8;
  }
  const grid = sections.grid;
  const float64 = (/** @type {string} */ name) => /** @type {Float64Array | null} */ (sections[name]?.values ?? null);
  return {
    header,
    p: float64("p") ?? new Float64Array(0),
    grid: grid ? { n: grid.shape[0], values: /** @type {Float32Array} */ (grid.values) } : null,
    category: /** @type {Uint8Array | null} */ (sections.category?.values ?? null),
    costs: float64("costs"),
    held: float64("held"),
    norms: float64("norms"),
    sections,
  };
}
