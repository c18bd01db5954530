// One node's live view: status, curves, newest values, previews. Plain HTML and SVG, of a fixed height.
import { clock, figure } from "./words.mjs";

export const HEIGHT = 220;
const MARGIN = 10; // what the classic renderer leaves free above and below
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000, TALL = 100; // the drawing's own units; it is stretched to the node's width
const KEEP = 0.9; // of the running mean; losses at random timesteps are too noisy to read raw
const SMOOTHED = new Set(["stage1", "stage2", "text"]);

// Told apart by dash as well as by colour; 4.5 to 1 or more on the host's widget colour: lightness comes from the palette's own text,
// since frontends do not agree on what marks a dark palette. The two fixed sets are for browsers without relative colours.
const STYLE = `
.sis-live { box-sizing: border-box; width: 100%; height: 100%; min-height: ${HEIGHT - 2 * MARGIN}px; padding: 6px 8px; display: flex; flex-direction: column; gap: 4px; overflow: hidden;
  border-radius: 6px; background: var(--comfy-input-bg); color: var(--input-text); font: 12px/1.3 system-ui, sans-serif; user-select: none; text-align: start; }
.sis-live * { box-sizing: border-box; }
.sis-live [hidden] { display: none; }
.sis-live { --sis-loss: #111111; --sis-one: #7d3900; --sis-two: #0b519b; --sis-three: #0a6238; }
.dark-theme .sis-live { --sis-loss: #ffffff; --sis-one: #ffb757; --sis-two: #79bfff; --sis-three: #7be3a5; }
@supports (color: oklch(from red l c h)) {
  .sis-live.sis-live { --sis-loss: var(--input-text); --sis-tone: from var(--input-text) clamp(0.4, l, 0.82);
    --sis-one: oklch(var(--sis-tone) 0.13 60); --sis-two: oklch(var(--sis-tone) 0.12 250); --sis-three: oklch(var(--sis-tone) 0.13 160); }
}
.sis-live-status { display: flex; justify-content: space-between; gap: 8px; white-space: nowrap; font-variant-numeric: tabular-nums; }
.sis-live-status span { overflow: hidden; text-overflow: ellipsis; }
.sis-live-time { flex: none; }
.sis-live-bar { height: 3px; flex: none; border-radius: 2px; background: color-mix(in srgb, var(--input-text) 25%, transparent); }
.sis-live-bar div { height: 100%; border-radius: 2px; background: var(--input-text); width: 0; }
.sis-live-chart { position: relative; flex: 1; min-height: 0; outline-offset: 2px; border-radius: 3px; }
.sis-live-chart:focus-visible { outline: 2px solid var(--input-text); }
.sis-live-chart svg { position: absolute; inset: 2px 0 auto; width: 100%; height: calc(100% - 16px); overflow: visible; }
.sis-live-chart path, .sis-live-chart line { fill: none; vector-effect: non-scaling-stroke; }
.sis-live-grid { stroke: color-mix(in srgb, var(--input-text) 22%, transparent); }
.sis-live-cursor { stroke: var(--input-text); }
.sis-live-raw { stroke-width: 1; opacity: 0.4; }
.sis-live-line { stroke-width: 2; stroke-linejoin: round; }
.sis-live-label { position: absolute; font-size: 10px; padding: 0 2px; border-radius: 2px; background: var(--comfy-input-bg); pointer-events: none; }
.sis-live-idle { position: absolute; inset: 0; display: grid; place-items: center; text-align: center; }
.sis-live-legend { display: grid; grid-template-columns: repeat(2, minmax(0, auto)); justify-content: space-between; gap: 0 8px; font-size: 11px;
  font-variant-numeric: tabular-nums; }
.sis-live-legend > span { display: flex; align-items: center; gap: 3px; white-space: nowrap; min-width: 0; }
.sis-live-legend > span:only-child { grid-column: 1 / -1; }
.sis-live-legend i { font-style: normal; overflow: hidden; text-overflow: ellipsis; }
.sis-live-legend svg { width: 14px; height: 8px; flex: none; }
.sis-live-previews { display: flex; gap: 4px; flex: none; }
.sis-live-previews:empty { display: none; }
.sis-live-previews button { all: unset; flex: 0 1 38px; min-width: 0; height: 38px; cursor: zoom-in; border-radius: 3px; }
.sis-live-previews button:focus-visible { outline: 2px solid var(--input-text); }
.sis-live-previews img { width: 100%; height: 100%; object-fit: cover; border-radius: 3px; display: block; }
.sis-live-zoom { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; background: var(--comfy-input-bg); }
.sis-live-spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
`;

const INKS = {
  loss: ["--sis-loss", ""], foreground: ["--sis-one", "7 2"], background: ["--sis-two", "2 2"], semantic: ["--sis-three", "9 2 2 2"],
  misfit: ["--sis-one", ""], distance: ["--sis-two", ""],
};

function make(tag, className = "", attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** The smallest of 1, 2, 5 × 10ⁿ that is not below a value. */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * unit).find((mark) => mark >= value * 0.9999);
}

/** A running mean that weighs its first values rightly; gaps stay gaps. */
export function smooth(values) {
  let total = 0, weight = 0;
  return values.map((value) => {
    if (value === null || value === undefined) return null;
    total = KEEP * total + (1 - KEEP) * value;
    weight = KEEP * weight + 1 - KEEP;
    return total / weight;
  });
}

/** An SVG path through points; null begins a new piece. */
function pathThrough(xs, ys) {
  let pen = "M";
  return xs.map((x, i) => {
    if (ys[i] === null) {
      pen = "M";
      return "";
    }
    const piece = `${pen}${x.toFixed(1)} ${ys[i].toFixed(2)}`;
    pen = "L";
    return piece;
  }).join("");
}

export class View {
  /** say: from words.mjs. */
  constructor(say) {
    this.say = say;
    this.history = null;
    this.cursor = null; // the index of the point that is looked at
    this.#build();
    this.#listen();
    this.update(null);
  }

  /** Shows a history (null: nothing has run yet). */
  update(history) {
    if (history !== this.history) this.cursor = null;
    const before = this.history === history ? this.shownState : undefined;
    this.history = history;
    this.shownState = history?.state;
    this.tick();
    this.#legend();
    this.#draw();
    this.#previews();
    this.#enlarge(this.pointed ?? null);
    // a screen reader is told of beginnings and ends alone; the values are there when they are asked for
    if (before !== this.shownState) this.spoken.textContent = history ? `${this.say(history.kind)}: ${this.status.textContent}` : "";
  }

  /** Shows the time that has passed. */
  tick() {
    const { history, say } = this;
    this.idle.hidden = !!history?.points.length || !!history?.subject;
    this.idle.textContent = history ? history.state === "running" ? "…" : history.state === "done" ? say("noCurve") : "" : say("idle");
    this.status.textContent = history ? this.#statusText() : "";
    const left = history?.remainingNow ?? null;
    this.time.textContent = history ? [clock(history.elapsedNow), left === null ? "" : say("left", { time: clock(left) })].filter(Boolean).join(" · ") : "";
    this.bar.style.visibility = history ? "visible" : "hidden";
    this.bar.firstChild.style.width = history?.total ? `${(100 * history.done) / history.total}%` : "0";
  }

  #build() {
    if (!document.getElementById("sis-live-style")) {
      const style = make("style", "", { id: "sis-live-style" });
      style.textContent = STYLE;
      document.head.append(style);
    }
    this.element = make("div", "sis-live");
    const head = make("div", "sis-live-status");
    this.status = make("span");
    this.time = make("span", "sis-live-time");
    head.append(this.status, this.time);
    this.bar = make("div", "sis-live-bar", { "aria-hidden": "true" });
    this.bar.append(make("div"));
    this.chart = make("div", "sis-live-chart", { role: "slider", tabindex: "0", "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0" });
    this.svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${TALL}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    this.top = make("div", "sis-live-label", { style: "left:0;top:0", "aria-hidden": "true" });
    this.first = make("div", "sis-live-label", { style: "left:0;bottom:0", "aria-hidden": "true" });
    this.last = make("div", "sis-live-label", { style: "right:0;bottom:0", "aria-hidden": "true" });
    this.where = make("div", "sis-live-label", { style: "left:50%;bottom:0;translate:-50%", "aria-hidden": "true" });
    this.idle = make("div", "sis-live-idle");
    this.zoom = make("img", "sis-live-zoom", { alt: "", hidden: "" });
    this.chart.append(this.svg, this.top, this.first, this.last, this.where, this.idle, this.zoom);
    this.legend = make("div", "sis-live-legend");
    this.previews = make("div", "sis-live-previews", { role: "group", "aria-label": this.say("previews") });
    this.spoken = make("div", "sis-live-spoken", { role: "status", "aria-live": "polite" });
    this.element.append(head, this.bar, this.chart, this.legend, this.previews, this.spoken);
  }

  #listen() {
    const { chart } = this;
    chart.addEventListener("pointermove", (event) => {
      const area = chart.getBoundingClientRect();
      this.#look(this.#nearest(((event.clientX - area.left) / area.width) * WIDTH));
    });
    chart.addEventListener("pointerleave", () => this.#look(null));
    chart.addEventListener("blur", () => this.#look(null));
    chart.addEventListener("keydown", (event) => {
      const count = this.history?.points.length ?? 0;
      const now = this.cursor ?? count - 1;
      const wanted = {
        ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, PageDown: now - 10, PageUp: now + 10, Home: 0, End: count - 1, Escape: null,
      }[event.key];
      if (wanted === undefined || !count) return;
      event.preventDefault();
      event.stopPropagation(); // else the host moves its nodes
      this.#look(wanted === null ? null : Math.min(count - 1, Math.max(0, wanted)));
    });
  }

  #nearest(x) {
    const points = this.history?.points ?? [];
    if (!points.length) return null;
    return points.reduce((best, point, i) => (Math.abs(this.#across(point.x) - x) < Math.abs(this.#across(points[best].x) - x) ? i : best), 0);
  }

  #look(index) {
    if (index === this.cursor) return;
    this.cursor = index;
    this.#legend();
    this.#draw();
  }

  #across(x) {
    return ((x - 1) / Math.max(1, this.history.steps - 1)) * WIDTH;
  }

  #statusText() {
    const { history, say } = this;
    if (history.state !== "running") {
      const { moment } = history;
      return moment && history.state !== "done" ? `${say(history.state)}, ${say("at", moment)}` : say(history.state);
    }
    if (!history.moment) return say("preparing");
    const phase = say(history.moment.phase, history.moment);
    return history.moment.pictures > 1 ? `${phase}, ${say("picture", history.moment)}` : phase;
  }

  /** The values under the cursor, else the newest. */
  #legend() {
    const { history, say } = this;
    const point = history?.points[this.cursor ?? history.points.length - 1];
    this.legend.replaceChildren(...(history?.names ?? []).map((name) => {
      const [color, dash] = INKS[name] ?? ["--sis-loss", ""];
      const entry = make("span");
      const swatch = draw("svg", { viewBox: "0 0 14 8", "aria-hidden": "true" });
      swatch.append(draw("line", { x1: 0, x2: 14, y1: 4, y2: 4, "stroke-width": 2, "stroke-dasharray": dash, style: `stroke: var(${color})` }));
      const term = make("i");
      term.textContent = say(name);
      entry.append(swatch, term, ` ${figure(point?.values[name])}`);
      return entry;
    }));
    this.where.textContent = this.cursor !== null && point ? say("at", { step: point.x }) : "";
    const told = point ? `${say("at", { step: point.x })}: ${history.names.map((name) => `${say(name)} ${figure(point.values[name])}`).join(", ")}` : say("none");
    const facts = {
      "aria-label": say("chart", { title: history ? say(history.kind) : "" }).replace(/^: |^：/, ""), "aria-valuetext": told,
      "aria-valuemin": history?.points[0]?.x ?? 0, "aria-valuemax": history?.points.at(-1)?.x ?? 0, "aria-valuenow": point?.x ?? 0,
    };
    for (const [name, value] of Object.entries(facts)) this.chart.setAttribute(name, value);
  }

  #draw() {
    const { history, svg } = this;
    const points = history?.points ?? [];
    svg.replaceChildren();
    for (const label of [this.top, this.first, this.last]) label.hidden = !points.length;
    if (!points.length) return;
    const xs = points.map((point) => this.#across(point.x));
    const curves = history.names.map((name) => {
      const raw = points.map((point) => point.values[name] ?? null);
      return { name, raw, line: SMOOTHED.has(history.kind) ? smooth(raw) : raw };
    });
    const top = roundUp(Math.max(...curves.flatMap(({ raw }) => raw.filter((v) => v !== null))));
    const height = (values) => values.map((v) => (v === null ? null : TALL * (1 - v / top)));
    for (const part of [0, 0.5, 1]) svg.append(draw("line", { class: "sis-live-grid", x1: 0, x2: WIDTH, y1: part * TALL, y2: part * TALL }));
    for (const { name, raw, line } of curves) {
      const [color, dash] = INKS[name] ?? ["--sis-loss", ""];
      const style = `stroke: var(${color})`;
      if (raw !== line) svg.append(draw("path", { class: "sis-live-raw", style, d: pathThrough(xs, height(raw)) }));
      svg.append(draw("path", { class: "sis-live-line", "data-term": name, style, "stroke-dasharray": dash, d: pathThrough(xs, height(line)) }));
    }
    if (this.cursor !== null) svg.append(draw("line", { class: "sis-live-cursor", x1: xs[this.cursor], x2: xs[this.cursor], y1: 0, y2: TALL }));
    this.top.textContent = figure(top);
    this.first.textContent = "1";
    this.last.textContent = String(history.steps);
  }

  #previews() {
    const { subject, previews = [], prompt_id } = this.history ?? {};
    const key = `${prompt_id} ${!!subject} ${previews.map((preview) => preview.done)}`;
    if (key === this.shownPreviews) return;
    this.shownPreviews = key;
    this.pointed = null;
    const shown = previews.map((preview) => ({ src: preview.src, text: this.say("preview", preview) }));
    if (subject) shown.unshift({ src: subject, text: this.say("subject") });
    this.previews.replaceChildren(...shown.map((preview) => {
      const { text } = preview;
      const button = make("button", "", { type: "button", title: text });
      button.append(make("img", "", { src: preview.src, alt: text, draggable: "false" }));
      for (const event of ["pointerenter", "focus"]) button.addEventListener(event, () => this.#enlarge(preview.src));
      for (const event of ["pointerleave", "blur"]) button.addEventListener(event, () => this.#enlarge(null));
      return button;
    }));
  }

  /** Shows a picture over the curves; null goes back to the curves or, before there are any, to the picture that is learned. */
  #enlarge(source) {
    this.pointed = source;
    const shown = source ?? (this.history?.points.length ? null : this.history?.subject);
    this.zoom.hidden = !shown;
    if (shown && this.zoom.src !== shown) this.zoom.src = shown;
  }
}
