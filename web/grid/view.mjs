// Edit Grid on its node: the table, a line of words, and what can be chosen.
import { element } from "../lib/elements.mjs";
import { after, widgetOf } from "../lib/page.mjs";
import { onResult } from "../lib/results.mjs";
import { onTurn } from "../lib/turns.mjs";
import { addView } from "../lib/views.mjs";
import { say } from "../lib/words.mjs";
import { cellWords, gridOf, heightOf, plannedGrid } from "./cells.mjs";
import { earlierOutput } from "./earlier.mjs";
import { openLarge } from "./large.mjs";
import { ReceiverSelect } from "./receiver_select.mjs";
import { allHave, sendTo } from "./receivers.mjs";
import { CellTable } from "./table.mjs";

/** @import { Turn } from "../lib/turns.mjs" */
/** @import { GraphNode } from "../types/host" */
/** @import { Cell, GridOutput } from "../types/messages" */
/** @import { Grid } from "./cells.mjs" */

const LINE_HEIGHT = 72; // the line of words, with what is around it
const TOOLS_HEIGHT = 32;

export class GridView {
  /** @param {GraphNode} node */
  constructor(node) {
    this.node = node;
    /** @type {Grid | null} what has run */
    this.grid = null;
    this.lasting = say("gridEmpty"); // what the line says while no cell is pointed at, and no run goes on
    this.going = ""; // what the run does now
    /** @type {Cell | null} */
    this.pointed = null;
    this.line = element("output", { class: "sis-say" }, this.lasting);
    this.table = new CellTable({
      point: (cell) => this.#point(cell),
      choose: (cell) => this.#choose(cell),
      open: (index) => this.#open(index),
      lose: () => this.#say(say("picturesGone")),
    });
    this.picture = element("select", { "aria-label": say("batchLabel"), change: () => this.#turn() });
    this.receivers = new ReceiverSelect(node);
    const open = { type: "button", class: "sis-copy", hidden: true, click: () => this.#open(this.table.current) };
    this.larger = element("button", open, say("openLarge"));
    this.tools = element("div", { class: "sis-tools" }, this.picture, this.receivers.element, this.larger);
    addView(node, "sis_edit_grid", this.#build(), () => this.#height());
    this.#follow();
    this.#draw();
  }

  #build() {
    const stage = element("div", { class: "sis-stage" }, this.table.element);
    const mark = () => this.#mark();
    this.receivers.element.addEventListener("change", mark);
    return element("div", { class: "sis-grid", mouseenter: mark, focusin: mark }, stage, this.line, this.tools);
  }

  /** Draws anew whenever the node has other widgets, another result, or is loaded. */
  #follow() {
    const { node } = this;
    for (const name of ["alphas", "source_ratios"])
      after(widgetOf(node, name), "callback", () => this.grid || this.#draw());
    after(node, "onConfigure", () => {
      this.#draw();
      setTimeout(() => this.#restore());
    });
    onResult(node, (output) => this.#take(/** @type {GridOutput} */ (output)));
    onTurn(node, (turn) => this.#wait(turn));
  }

  async #restore() {
    if (this.grid) return;
    this.#take(await earlierOutput(this.node));
  }

  /** @param {GridOutput | null | undefined} output */
  #take(output) {
    const grid = gridOf(output);
    if (!grid) return;
    this.grid = grid;
    this.pointed = null;
    this.#draw();
    this.#say(this.#hint());
  }

  #height() {
    const { grid, node } = this;
    const table = heightOf(grid ?? plannedGrid(node), node.size[0]);
    return table + LINE_HEIGHT + TOOLS_HEIGHT; // before a run, too: the node keeps its size
  }

  // Drawing

  #draw() {
    this.table.show(this.grid ?? plannedGrid(this.node), this.grid !== null);
    this.#listPictures();
    this.#listReceivers();
    if (this.grid) this.#paint();
    this.#mark();
    this.node.setDirtyCanvas?.(true, true);
  }

  #listPictures() {
    const { sheets = [] } = this.grid ?? {};
    const label = (/** @type {number} */ index) => say("batchPicture", { number: index + 1, count: sheets.length });
    this.picture.replaceChildren(...sheets.map((_, index) => element("option", { value: index }, label(index))));
    this.picture.hidden = sheets.length < 2;
  }

  #listReceivers() {
    const { receivers, picture, tools } = this;
    const nodes = receivers.update();
    receivers.element.hidden = !this.grid || !receivers.isUseful;
    this.larger.hidden = !this.grid;
    tools.hidden = picture.hidden && receivers.element.hidden && this.larger.hidden;
    return nodes;
  }

  #paint() {
    this.table.paint(this.#shown);
    this.table.star(this.grid?.best[this.#shown]);
  }

  /** Shows another picture of the batch. */
  #turn() {
    this.#paint();
    this.#say(this.#hint());
  }

  /** Which picture of the batch is shown. */
  get #shown() {
    return Number(this.picture.value) || 0;
  }

  /** The proposed cell in words, if there is one, and what can be done. */
  #hint() {
    const best = this.grid?.cells[this.grid.best[this.#shown]];
    if (!best) return say("gridHint");
    return say("bestHint", { cell: cellWords(best) });
  }

  /** Marks the cells whose values the receivers have now. */
  #mark() {
    if (!this.grid) return;
    const nodes = this.#listReceivers();
    this.table.mark((cell) => allHave(cell, nodes));
  }

  // Words and clicks

  /** @param {string} text that stays */
  #say(text) {
    this.lasting = text;
    this.line.value = text;
  }

  /** @param {Turn} turn in the run that goes on */
  #wait(turn) {
    this.going = wordsOf(turn);
    this.line.setAttribute("aria-live", this.going ? "off" : "polite"); // a screen reader would read every step
    if (!this.pointed) this.line.value = this.going || this.lasting;
  }

  /** @param {Cell | null} cell */
  #point(cell) {
    this.pointed = cell;
    this.line.value = cell ? cellWords(cell) : this.going || this.lasting;
  }

  /** @param {number} index of a cell */
  #open(index) {
    if (!this.grid) return;
    const sheet = { address: this.table.address, best: this.grid.best[this.#shown] };
    openLarge(this.grid, sheet, index, (cell) => this.#choose(cell));
  }

  /** @param {Cell} cell */
  #choose(cell) {
    const nodes = this.#listReceivers();
    if (nodes.length) this.#say(sendTo(cell, nodes));
    else this.#say(say(this.receivers.hasAny ? "severalReceivers" : "noReceiver"));
    this.#mark();
  }
}

/**
 * What the line says of a turn; "" when there is nothing to wait for.
 * @param {Turn} turn
 */
function wordsOf(turn) {
  if (turn.state === "queued") return say("queued");
  if (turn.state !== "running") return "";
  return turn.max > 1 ? say("sampling", { step: Math.round(turn.value), steps: turn.max }) : say("preparing");
}
