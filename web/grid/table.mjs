// Edit Grid's table: a button for each cell, which shows its part of a sheet.
import { element } from "../lib/elements.mjs";
import { api } from "../lib/host.mjs";
import { makeCurrent, stride } from "../lib/keys.mjs";
import { say } from "../lib/words.mjs";
import { cellWords, positionOf } from "./cells.mjs";

/** @import { Cell } from "../types/messages" */
/** @import { Grid } from "./cells.mjs" */

/**
 * What the table tells: a cell is pointed at (null: no longer), clicked, or clicked twice; or its pictures are gone.
 * @typedef {object} Listener
 * @property {(cell: Cell | null) => void} point
 * @property {(cell: Cell) => void} choose
 * @property {(index: number) => void} open
 * @property {() => void} lose
 */

export class CellTable {
  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
    /** @type {Grid | null} */
    this.grid = null;
    this.address = ""; // of the sheet that is shown
    this.framed = -1; // the cell whose values are used
    const keydown = (/** @type {KeyboardEvent} */ event) => this.#walk(event);
    this.element = element("div", { class: "sis-table", role: "grid", "aria-label": say("gridLabel"), keydown });
  }

  /**
   * Shows a grid that has run, or one that is only planned, with empty places.
   * @param {Grid | null} grid
   * @param {boolean} hasRun
   */
  show(grid, hasRun) {
    const table = this.element;
    this.grid = grid;
    table.hidden = !grid;
    table.setAttribute("aria-hidden", String(!hasRun));
    if (!grid) return;
    this.framed = -1;
    table.replaceChildren(this.#head(grid), ...this.#rows(grid, hasRun));
    table.style.setProperty("--columns", String(grid.columns));
    table.style.setProperty("--rows", String(grid.rows));
    table.style.setProperty("--shape", String(grid.width / grid.height));
  }

  /** @param {number} picture of the batch */
  paint(picture) {
    const address = api.apiURL(`/view?${new URLSearchParams(this.grid?.sheets[picture])}`);
    this.address = address;
    this.element.style.setProperty("--sheet", `url("${address}")`);
    const probe = new Image();
    probe.onerror = () => this.listener.lose();
    probe.src = address;
  }

  /** @param {number | undefined} best the cell that is proposed */
  star(best) {
    this.#buttons.forEach((button, index) => {
      button.classList.toggle("sis-best", index === best);
      const words = this.grid ? cellWords(this.grid.cells[index]) : "";
      button.title = index === best ? `${words} ${say("bestMark")}` : words;
    });
  }

  /** The cell that was clicked, that arrows have come to, or whose values are used, whichever was last. */
  get current() {
    return Math.max(0, this.#buttons.findIndex((button) => button.tabIndex === 0));
  }

  /** @param {(cell: Cell) => boolean} isUsed whether a cell is marked */
  mark(isUsed) {
    this.#buttons.forEach((button, index) => {
      const cell = this.grid?.cells[index];
      button.setAttribute("aria-pressed", String(cell !== undefined && isUsed(cell)));
    });
    const framed = this.#buttons.findIndex((button) => button.getAttribute("aria-pressed") === "true");
    if (framed !== this.framed) makeCurrent(this.element, this.#buttons[framed]);
    this.framed = framed;
  }

  get #buttons() {
    return [...this.element.querySelectorAll("button")];
  }

  /** @param {Grid} grid */
  #head({ cells, columns }) {
    const corner = element("span", { role: "columnheader", "aria-label": say("ratioLabel") }, say("ratio"));
    const alphas = cells.slice(0, columns).map(({ alpha }) => element("span", { role: "columnheader" }, `α ${alpha}`));
    return element("div", { role: "row" }, corner, ...alphas);
  }

  /**
   * @param {Grid} grid
   * @param {boolean} hasRun
   */
  #rows(grid, hasRun) {
    return Array.from({ length: Math.ceil(grid.cells.length / grid.columns) }, (_, row) => {
      const first = row * grid.columns;
      const cells = grid.cells.slice(first, first + grid.columns);
      const head = element("span", { role: "rowheader" }, String(cells[0].source_ratio));
      const place = (/** @type {number} */ index) => (hasRun ? this.#button(grid, index) : element("i"));
      const places = cells.map((_, column) => element("span", { role: "gridcell" }, place(first + column)));
      return element("div", { role: "row" }, head, ...places);
    });
  }

  /**
   * @param {Grid} grid
   * @param {number} index
   */
  #button(grid, index) {
    const cell = grid.cells[index];
    const [point, leave] = [() => this.listener.point(cell), () => this.listener.point(null)];
    const button = element("button", {
      type: "button", tabindex: index ? -1 : 0, "aria-label": cellWords(cell), title: cellWords(cell),
      "aria-pressed": "false", click: () => this.#choose(index),
      dblclick: () => this.listener.open(index),
      mouseenter: point, focus: point, mouseleave: leave, blur: leave,
    });
    button.style.backgroundPosition = positionOf(grid, index);
    return button;
  }

  /** @param {number} index */
  #choose(index) {
    makeCurrent(this.element, this.#buttons[index]);
    if (this.grid) this.listener.choose(this.grid.cells[index]);
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const buttons = this.#buttons;
    const here = buttons.findIndex((button) => button === document.activeElement);
    const step = stride(event.key, here, buttons.length, this.grid?.columns ?? 1);
    if (here < 0 || step === undefined) return;
    event.preventDefault();
    const target = buttons[here + step];
    makeCurrent(this.element, target);
    target?.focus();
  }
}
