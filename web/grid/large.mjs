// One cell of a grid, as large as the page: arrows go to the others, and its values can be used from there.
import { element } from "../lib/elements.mjs";
import { keepKeys, stride } from "../lib/keys.mjs";
import { say } from "../lib/words.mjs";
import { cellWords, positionOf } from "./cells.mjs";

/** @import { Cell } from "../types/messages" */
/** @import { Grid } from "./cells.mjs" */

/**
 * Opens a cell in a dialog.
 * @param {Grid} grid
 * @param {{ address: string, best: number | undefined }} sheet that is shown, and its proposed cell
 * @param {number} first the cell
 * @param {(cell: Cell) => void} use called when its values are wanted
 */
export function openLarge(grid, { address, best }, first, use) {
  let index = first;
  const picture = element("div", { class: "sis-large-picture", role: "img" });
  const words = element("output", { class: "sis-count" });
  const useIt = element("button", { type: "button", class: "sis-close", click: choose }, say("useValues"));
  const close = element("button", { type: "button", class: "sis-close", click: () => dialog.close() }, say("close"));
  const arrows = [button("‹", "previousCell", -1), button("›", "nextCell", 1)];
  const footer = element("footer", {}, ...arrows, words, useIt, close);
  const dialog = element("dialog", { class: "sis-large", "aria-label": say("largeLabel"), keydown }, picture, footer);
  Object.assign(picture.style, {
    backgroundImage: `url("${address}")`, backgroundSize: `${grid.columns * 100}% ${grid.rows * 100}%`,
    aspectRatio: `${grid.width} / ${grid.height}`, width: `min(86vw, 76vh * ${grid.width / grid.height})`,
  });

  /**
   * @param {string} sign
   * @param {"previousCell" | "nextCell"} word
   * @param {number} step
   */
  function button(sign, word, step) {
    const click = () => go(step);
    return element("button", { type: "button", class: "sis-close", "aria-label": say(word), click }, sign);
  }

  /** @param {number} step */
  function go(step) {
    if (grid.cells[index + step]) index += step;
    picture.style.backgroundPosition = positionOf(grid, index);
    const values = cellWords(grid.cells[index]);
    words.value = index === best ? `${values} ${say("bestMark")}` : values;
    picture.setAttribute("aria-label", values);
  }

  function choose() {
    dialog.close();
    use(grid.cells[index]);
  }

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    const step = stride(event.key, index, grid.cells.length, grid.columns);
    if (step === undefined) return;
    event.preventDefault();
    go(step);
  }

  keepKeys(dialog);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  go(0);
  dialog.showModal();
  useIt.focus();
}
