/** Where image files are dropped, chosen or pasted. */

import { html } from "../dom.js";

const MOST = 4 * 2 ** 20 - 1024;
const SIDE = 1024;

/** A file that the server takes: one that is larger is first made smaller here, to at most SIDE pixels a side.
 * @param {File | Blob} file
 * @returns {Promise<Blob>} */
export async function fitting(file) {
  if (file.size <= MOST) return file;
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Error(`the file has ${(file.size / 2 ** 20).toFixed(1)} MB and is not an image that can be made smaller`);
  }
  const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
  const canvas = html("canvas", { width: Math.max(1, Math.round(picture.width * scale)), height: Math.max(1, Math.round(picture.height * scale)) });
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("the image could not be made smaller");
  return blob;
}

/** Fill an element with the place for files; the whole of `page` takes them too.
 * @param {HTMLElement} element
 * @param {HTMLElement} page
 * @param {(file: File | Blob, name: string) => void} take
 * @returns {(hint: string) => void}  say something about the images that a network knows */
export function mountDrop(element, page, take) {
  const input = html("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/webp,image/bmp,image/tiff", class: "visually-hidden", tabindex: "-1", "aria-hidden": "true" });
  const button = html("button", { type: "button", class: "button", onclick: () => input.click() }, "Choose an image …");
  const hint = html("p", { class: "image-note" });
  element.append(html("p", {}, "Drop an image here, or paste one: the network says what it is."), button, hint, input);
  const first = (/** @type {FileList | null | undefined} */ files) => {
    const file = files?.[0];
    if (file) take(file, file.name || "the image");
  };
  input.addEventListener("change", () => {
    first(input.files);
    input.value = "";
  });
  let depth = 0;
  const over = (/** @type {number} */ by) => {
    depth = by ? Math.max(0, depth + by) : 0;
    page.classList.toggle("is-dropping", depth > 0);
  };
  page.addEventListener("dragenter", (event) => {
    event.preventDefault();
    over(1);
  });
  page.addEventListener("dragover", (event) => event.preventDefault());
  page.addEventListener("dragleave", () => over(-1));
  page.addEventListener("drop", (event) => {
    event.preventDefault();
    over(0);
    first(event.dataTransfer?.files);
  });
  addEventListener("paste", (event) => {
    if (page.hidden || page.closest("[hidden]") || !event.clipboardData?.files.length) return;
    event.preventDefault();
    first(event.clipboardData.files);
  });
  return (text) => {
    hint.textContent = text;
  };
}
