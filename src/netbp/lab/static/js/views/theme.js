/** What the style sheets say about colours and letters, for drawings on canvas. */

import { parse } from "./colours.js";

/** @import { Rgb } from "./colours.js" */

/** Colours as text for strokes and fills, and as numbers for pixels; `size` is the letters' in CSS pixels.
 * @typedef {{ink: string, paper: string, boundary: string, accent: string, muted: string, faint: string, line: string, positive: string,
 *   negative: string, good: string, bad: string, categories: string[], rgb: {ink: Rgb, paper: Rgb, categories: Rgb[]}, dark: boolean,
 *   font: string, size: number}} Theme */

const OKABE_ITO = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#000000"];

/** Read the custom properties where `element` stands.
 * @param {Element} element
 * @returns {Theme} */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const probe = document.createElement("span"); // a property's text may be light-dark(...): a colour of it is what holds here
  probe.hidden = true;
  element.append(probe);
  const colour = getComputedStyle(probe);
  const read = (/** @type {string[]} */ names, /** @type {string} */ otherwise) => {
    for (const name of names) {
      if (!style.getPropertyValue(name).trim()) continue;
      probe.style.color = `var(${name})`;
      return colour.color;
    }
    return otherwise;
  };
  const paper = read(["--plane-base", "--card"], "#ffffff");
  const ink = read(["--ink"], "#1a1a1a");
  const categories = OKABE_ITO.map((colour, k) => read([`--category-${k}`], colour));
  const rgb = { ink: parse(ink), paper: parse(paper), categories: categories.map(parse) };
  /** @type {Theme} */
  const theme = {
    ink,
    paper,
    categories,
    rgb,
    boundary: read(["--boundary"], ink),
    accent: read(["--accent"], "#0b5c8f"),
    muted: read(["--soft"], "#5c5c5c"),
    faint: read(["--faint"], "#8a867c"),
    line: read(["--line"], "#d0d0d0"),
    positive: read(["--positive"], "#0072b2"),
    negative: read(["--negative"], "#d55e00"),
    good: read(["--good"], "#1c6b43"),
    bad: read(["--bad"], "#a3200d"),
    dark: rgb.paper[0] + rgb.paper[1] + rgb.paper[2] < rgb.ink[0] + rgb.ink[1] + rgb.ink[2],
    font: style.fontFamily || "sans-serif",
    size: Number.parseFloat(style.fontSize) || 13,
  };
  probe.remove();
  return theme;
}

/** Call `then` with the theme now and after every change of it: the reader's choice, the system's, the projector's large letters.
 * @param {Element} element
 * @param {(theme: Theme) => void} then */
export function watchTheme(element, then) {
  let last = "";
  const look = () => {
    const theme = readTheme(element);
    const text = JSON.stringify(theme);
    if (text !== last) {
      last = text;
      then(theme);
    }
  };
  new MutationObserver(look).observe(document.documentElement, { attributes: true });
  if (document.body) new MutationObserver(look).observe(document.body, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look);
  look();
}
