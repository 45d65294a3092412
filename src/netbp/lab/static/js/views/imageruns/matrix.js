/** The confusion matrix in the paper's layout: rows predicted, columns true, the last ones what is right and wrong; cells are buttons. */

import { fill, html } from "../dom.js";

/** @import { MatrixAnswer } from "./types.js" */

/** How dark a wrong cell is: the root of its share of the most frequent mistake, so that rare ones are still seen.
 * @param {number[][]} counts
 * @returns {number[][]} */
export function shades(counts) {
  const most = Math.max(1, ...counts.flatMap((row, i) => row.filter((_, j) => i !== j)));
  const best = Math.max(1, ...counts.map((row, i) => row[i]));
  return counts.map((row, i) => row.map((count, j) => Math.sqrt(count / (i === j ? best : most))));
}

/** The neighbour of a cell that an arrow key leads to, within K by K.
 * @param {string} key
 * @param {[number, number]} at
 * @param {number} K
 * @returns {[number, number] | null} */
export function neighbour(key, [i, j], K) {
  /** @type {Record<string, [number, number]>} */
  const to = { ArrowUp: [i - 1, j], ArrowDown: [i + 1, j], ArrowLeft: [i, j - 1], ArrowRight: [i, j + 1], Home: [i, 0], End: [i, K - 1] };
  const next = to[key];
  return next ? [Math.max(0, Math.min(K - 1, next[0])), Math.max(0, Math.min(K - 1, next[1]))] : null;
}

/** The table of a matrix.
 * @param {HTMLElement} element
 * @param {(row: number, column: number) => void} choose
 * @returns {{show: (answer: MatrixAnswer | null) => void, mark: (cell: [number, number] | null) => void}} */
export function mountMatrix(element, choose) {
  /** @type {HTMLButtonElement[][]} */
  let buttons = [];
  let place = /** @type {[number, number]} */ ([0, 0]);

  /** @param {[number, number]} to
   * @param {boolean} [focus] */
  function go(to, focus = true) {
    buttons[place[0]]?.[place[1]]?.setAttribute("tabindex", "-1");
    place = to;
    const button = buttons[to[0]]?.[to[1]];
    button?.setAttribute("tabindex", "0");
    if (focus) button?.focus();
  }

  element.addEventListener("keydown", (event) => {
    const next = event.ctrlKey || event.altKey || event.metaKey ? null : neighbour(event.key, place, buttons.length);
    if (!next || !(event.target instanceof HTMLButtonElement)) return;
    event.preventDefault();
    event.stopPropagation();
    go(next);
  });

  return {
    show(answer) {
      buttons = [];
      if (!answer) return fill(element);
      const { classes, counts, cells } = answer;
      const K = classes.length;
      const shade = shades(counts);
      const margin = (/** @type {number} */ i, /** @type {number} */ j) => {
        const [right, wrong] = cells[i][j];
        const kind = i === K && j === K ? "cell-overall" : "cell-margin";
        return html("td", { class: kind }, html("span", { class: "cell-right" }, right), html("span", { class: "cell-wrong" }, wrong));
      };
      const body = classes.map((name, i) => {
        const row = classes.map((other, j) => {
          const [above, below] = cells[i][j];
          const label = `${above} images of ${other} taken for ${name}, ${below}`;
          const button = html("button", { type: "button", class: `cell ${i === j ? "is-right" : "is-wrong"}${counts[i][j] ? "" : " is-none"}`, tabindex: "-1", "aria-label": label, "aria-pressed": "false", title: label, onclick: () => {
            go([i, j]);
            choose(i, j);
          } }, html("span", { class: "cell-count" }, above), html("span", { class: "cell-share" }, below));
          button.style.setProperty("--shade", String(shade[i][j]));
          return button;
        });
        buttons.push(row);
        return html("tr", {}, i === 0 && html("th", { scope: "rowgroup", rowspan: K, class: "matrix-side" }, html("span", {}, "Output Class")), html("th", { scope: "row" }, name), ...row.map((button) => html("td", {}, button)), margin(i, K));
      });
      fill(
        element,
        html("table", { class: "confusion" },
          html("caption", { class: "visually-hidden" }, "Confusion matrix: rows are the output class, columns the target class; the last row and column say what is right, and wrong, in per cent"),
          html("thead", {},
            html("tr", {}, html("td", { colspan: 2, rowspan: 2 }), html("th", { scope: "colgroup", colspan: K, class: "matrix-top" }, "Target Class"), html("td", {})),
            html("tr", {}, ...[...classes, "all"].map((name) => html("th", { scope: "col", class: "matrix-column" }, html("span", {}, name))))),
          html("tbody", {}, ...body, html("tr", {}, html("td", {}), html("th", { scope: "row" }, "all"), ...classes.map((_, j) => margin(K, j)), margin(K, K)))),
      );
      go([Math.min(place[0], K - 1), Math.min(place[1], K - 1)], false);
    },
    mark(cell) {
      buttons.forEach((row, i) => row.forEach((button, j) => button.setAttribute("aria-pressed", String(cell !== null && cell[0] === i && cell[1] === j))));
    },
  };
}
