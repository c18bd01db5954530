// The live view's chart: its curves, a cursor that pointer and keys move, and a picture that may lie over them.
import { element, setAttributes, svgElement } from "../lib/elements.mjs";
import { decades, figure, logBottom, logPart, roundUp } from "../lib/numbers.mjs";
import { say } from "../lib/words.mjs";
import { pathThrough, smooth } from "./curves.mjs";
import { termsOf } from "./terms.mjs";

/** @import { History } from "../lib/histories.mjs" */
/** @import { ShownTerm } from "./terms.mjs" */

// The drawing's own units; it is stretched to the node's width.
const WIDTH = 1000;
const HEIGHT = 100;
const SMOOTHED = ["stage1", "stage2", "text"];
const JUMP = 10; // points that PageUp and PageDown pass

/** @typedef {{ term: ShownTerm, raw: (number | null)[], line: (number | null)[] }} Curve */
/** @typedef {{ bottom: number, top: number }} Axis logarithmic: else a small term would lie on the lower edge */

export class Chart {
  /** @param {() => void} onLook called when another point is looked at */
  constructor(onLook) {
    this.onLook = onLook;
    /** @type {History | null} */
    this.history = null;
    /** @type {number | null} the index of the point that is looked at */
    this.cursor = null;
    this.svg = svgElement("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true",
    });
    this.top = label("top");
    this.bottom = label("bottom");
    this.first = label("first");
    this.last = label("last");
    this.where = label("where");
    this.idle = element("div", { class: "sis-live-idle" });
    this.picture = element("img", { class: "sis-live-zoom", alt: "", hidden: true });
    this.element = this.#build();
  }

  #build() {
    return element(
      "div",
      {
        class: "sis-live-chart", role: "slider", tabindex: 0,
        "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0,
        pointermove: (/** @type {PointerEvent} */ event) => this.#lookUnder(event.clientX),
        pointerleave: () => this.#look(null),
        blur: () => this.#look(null),
        keydown: (/** @type {KeyboardEvent} */ event) => this.#onKey(event),
      },
      this.svg, this.top, this.bottom, this.first, this.last, this.where, this.idle, this.picture,
    );
  }

  get #points() {
    return this.history?.points ?? [];
  }

  /** The point under the cursor, else the newest. */
  get point() {
    return this.#points[this.cursor ?? this.#points.length - 1];
  }

  /** @param {History | null} history */
  update(history) {
    if (history !== this.history) this.cursor = null;
    this.history = history;
    this.#draw();
  }

  /** @param {string} text what stands in the chart's place; "" shows the chart */
  showIdle(text) {
    this.idle.hidden = !text;
    this.idle.textContent = text;
  }

  /** @param {string | null} source of a picture over the curves; null shows the curves */
  showPicture(source) {
    this.picture.hidden = !source;
    if (source && this.picture.src !== source) this.picture.src = source;
  }

  // Looking at a point

  /** @param {number | null} index */
  #look(index) {
    if (index === this.cursor) return;
    this.cursor = index;
    this.#draw();
    this.onLook();
  }

  /** @param {number} clientX */
  #lookUnder(clientX) {
    const area = this.element.getBoundingClientRect();
    this.#look(this.#nearest(((clientX - area.left) / area.width) * WIDTH));
  }

  /** @param {number} x in the drawing */
  #nearest(x) {
    const distances = this.#points.map((point) => Math.abs(this.#across(point.x) - x));
    return distances.length ? distances.indexOf(Math.min(...distances)) : null;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const last = this.#points.length - 1;
    const now = this.cursor ?? last;
    /** @type {Record<string, number | null>} */
    const targets = {
      ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1,
      PageDown: now - JUMP, PageUp: now + JUMP, Home: 0, End: last, Escape: null,
    };
    const target = targets[event.key];
    if (target === undefined || last < 0) return;
    event.preventDefault();
    this.#look(target === null ? null : Math.min(last, Math.max(0, target)));
  }

  // Drawing

  /** @param {number} x */
  #across(x) {
    return ((x - 1) / Math.max(1, (this.history?.steps ?? 1) - 1)) * WIDTH;
  }

  #draw() {
    this.#describe();
    const points = this.#points;
    for (const mark of [this.top, this.bottom, this.first, this.last]) mark.hidden = !points.length;
    const curves = this.#curves();
    const axis = axisOf(curves);
    this.svg.replaceChildren(...(points.length ? this.#lines(curves, axis) : []));
    this.top.textContent = figure(axis.top);
    this.bottom.textContent = figure(axis.bottom);
    this.first.textContent = "1";
    this.last.textContent = String(this.history?.steps ?? "");
  }

  /** @returns {Curve[]} */
  #curves() {
    const isSmoothed = SMOOTHED.includes(this.history?.facts.kind ?? "");
    return termsOf(this.history).map((term) => {
      const raw = this.#points.map((point) => point.values[term.name] ?? null);
      return { term, raw, line: isSmoothed ? smooth(raw) : raw };
    });
  }

  /**
   * @param {Curve[]} curves
   * @param {Axis} axis
   */
  #lines(curves, axis) {
    const xs = this.#points.map((point) => this.#across(point.x));
    const heights = [...decades(axis.bottom, axis.top), axis.top].map((value) => heightOf(value, axis));
    const grid = heights.map((y) => straight("sis-live-grid", [0, WIDTH], [y, y]));
    const paths = curves.flatMap((curve) => curvePaths(curve, xs, axis));
    const at = this.cursor === null ? null : xs[this.cursor];
    return [...grid, ...paths, ...(at === null ? [] : [straight("sis-live-cursor", [at, at], [0, HEIGHT])])];
  }

  /** Tells a screen reader what the chart shows, and writes the step under the cursor. */
  #describe() {
    const { history, point } = this;
    const step = point ? say("atStep", { step: point.x }) : "";
    this.where.textContent = this.cursor === null ? "" : step;
    const title = history ? say(history.facts.kind) : "";
    setAttributes(this.element, {
      "aria-label": say("chartLabel", { title }).replace(/^(: |：)/, ""),
      "aria-valuetext": point ? `${step}: ${valuesOf(history, point)}` : say("noNumbers"),
      "aria-valuemin": this.#points[0]?.x ?? 0,
      "aria-valuemax": this.#points.at(-1)?.x ?? 0,
      "aria-valuenow": point?.x ?? 0,
    });
  }
}

/**
 * From the smallest value of the lines, which single raw numbers may be far below, to above the largest of all.
 * @param {Curve[]} curves
 * @returns {Axis}
 */
function axisOf(curves) {
  /** @param {(number | null)[]} values */
  const known = (values) => values.filter((value) => value !== null);
  const top = roundUp(Math.max(...curves.flatMap(({ raw }) => known(raw))));
  const least = Math.min(top, ...curves.flatMap(({ line }) => known(line).filter((value) => value > 0)));
  return { bottom: logBottom(least, top), top };
}

/**
 * @param {number} value
 * @param {Axis} axis
 */
function heightOf(value, { bottom, top }) {
  return HEIGHT * (1 - logPart(value, bottom, top));
}

/** @param {string} place */
function label(place) {
  return element("div", { class: `sis-live-label sis-live-${place}`, "aria-hidden": "true" });
}

/**
 * @param {string} className
 * @param {[number, number]} xs
 * @param {[number, number]} ys
 */
function straight(className, [x1, x2], [y1, y2]) {
  return svgElement("line", { class: className, x1, x2, y1, y2 });
}

/**
 * A term's line and, where that is a mean, its raw numbers below.
 * @param {Curve} curve
 * @param {number[]} xs
 * @param {Axis} axis
 */
function curvePaths({ term, raw, line }, xs, axis) {
  const style = `stroke: ${term.colour}`;
  /** @param {(number | null)[]} values */
  const path = (values) => pathThrough(xs, values.map((value) => (value === null ? null : heightOf(value, axis))));
  const main = { class: "sis-live-line", "data-term": term.name, style, "stroke-dasharray": term.dash, d: path(line) };
  const below = raw === line ? [] : [svgElement("path", { class: "sis-live-raw", style, d: path(raw) })];
  return [...below, svgElement("path", main)];
}

/**
 * @param {History | null} history
 * @param {import("../lib/histories.mjs").Point} point
 */
function valuesOf(history, point) {
  return termsOf(history).map(({ name, label }) => `${label} ${figure(point.values[name])}`).join(", ");
}
