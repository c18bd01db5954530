// One node's live view: status, curves, newest values, previews. Plain HTML and SVG, of a fixed height.
import { element, svgElement } from "../lib/elements.mjs";
import { figure } from "../lib/numbers.mjs";
import { say } from "../lib/words.mjs";
import { Chart } from "./chart.mjs";
import { Previews } from "./previews.mjs";
import { idleText, statusText, timeText } from "./status.mjs";
import { termsOf } from "./terms.mjs";

/** @import { History } from "../lib/histories.mjs" */
/** @import { ShownTerm } from "./terms.mjs" */

export class View {
  constructor() {
    /** @type {History | null} */
    this.history = null;
    /** @type {string | undefined} what a screen reader was told last */
    this.toldState = undefined;
    /** @type {string | null} the picture that is pointed at */
    this.pointed = null;
    this.isQueued = false; // a run goes on that will come to this node
    this.status = element("span");
    this.time = element("span", { class: "sis-live-time" });
    this.progress = element("div");
    this.bar = element("div", { class: "sis-live-bar", "aria-hidden": "true" }, this.progress);
    this.chart = new Chart(() => this.#showValues());
    this.legend = element("div", { class: "sis-live-legend" });
    this.previews = new Previews((source) => this.#point(source));
    this.spoken = element("div", { class: "sis-unseen", role: "status", "aria-live": "polite" });
    this.element = this.#build();
    this.update(null);
  }

  #build() {
    const head = element("div", { class: "sis-live-status" }, this.status, this.time);
    const parts = [head, this.bar, this.chart.element, this.legend, this.previews.element, this.spoken];
    return element("div", { class: "sis-live" }, ...parts);
  }

  /**
   * Shows a history; null when nothing has run yet.
   * @param {History | null} history
   */
  update(history) {
    const isSame = history === this.history;
    this.isQueued = false;
    this.history = history;
    this.tick();
    this.chart.update(history);
    this.#showValues();
    this.previews.update(history);
    this.#point(this.pointed);
    this.#tell(isSame);
  }

  /** Shows that the node will run: nothing of an earlier run. */
  queue() {
    this.update(null);
    this.isQueued = true;
    this.tick();
  }

  /** Shows the time that has passed. */
  tick() {
    const { history } = this;
    this.chart.showIdle(this.isQueued ? say("queued") : idleText(history));
    this.status.textContent = history ? statusText(history) : "";
    this.time.textContent = history ? timeText(history) : "";
    this.bar.style.visibility = history && !history.isPassed ? "visible" : "hidden";
    this.progress.style.width = history?.facts.total ? `${(100 * history.facts.done) / history.facts.total}%` : "0";
  }

  #showValues() {
    const { values } = this.chart.point ?? { values: {} };
    this.legend.replaceChildren(...termsOf(this.history).map((term) => legendEntry(term, values[term.name])));
  }

  /**
   * Shows a picture over the curves; null goes back to the curves or, before there are any, to what is learned.
   * @param {string | null} source
   */
  #point(source) {
    this.pointed = source;
    const { points = [], subject = null } = this.history ?? {};
    this.chart.showPicture(source ?? (points.length ? null : subject));
  }

  /**
   * Tells a screen reader of beginnings and ends alone; the values are there when they are asked for.
   * @param {boolean} isSame whether this history was shown before
   */
  #tell(isSame) {
    const { history } = this;
    const before = isSame ? this.toldState : undefined;
    this.toldState = history?.facts.state;
    if (before === this.toldState) return;
    this.spoken.textContent = history ? `${say(history.facts.kind)}: ${this.status.textContent}` : "";
  }
}

/**
 * @param {ShownTerm} term
 * @param {number | null | undefined} value
 */
function legendEntry({ label, colour, dash }, value) {
  const stroke = { "stroke-width": 2, "stroke-dasharray": dash, style: `stroke: ${colour}` };
  const line = svgElement("line", { x1: 0, x2: 14, y1: 4, y2: 4, ...stroke });
  const swatch = svgElement("svg", { viewBox: "0 0 14 8", "aria-hidden": "true" }, line);
  return element("span", {}, swatch, element("i", {}, label), ` ${figure(value)}`);
}
