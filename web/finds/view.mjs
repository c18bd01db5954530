// The picture of a mask's run with a button on each find.
import { element } from "../lib/elements.mjs";
import { api } from "../lib/host.mjs";
import { showInPanel } from "../lib/panel.mjs";
import { after, isLinked, setWidget, widgetOf } from "../lib/page.mjs";
import { say } from "../lib/words.mjs";
import { picksOf, withPicks } from "./picks.mjs";

/** @import { GraphNode } from "../types/host" */
/** @import { Finds, MaskOutput } from "../types/messages" */

const NAME = "finds";
const WIDGET = "picked";

export class FindsView {
  /** @param {GraphNode} node */
  constructor(node) {
    this.node = node;
    /** @type {Finds[]} */
    this.pictures = [];
    this.shown = 0;
    this.message = element("output", { class: "sis-finds-message" });
    const reset = { type: "button", class: "sis-close", click: () => this.#write(null) };
    this.reset = element("button", reset, say("findsReset"));
    after(widgetOf(node, WIDGET), "callback", () => this.#mark()); // typed by hand
  }

  /** @param {MaskOutput} output */
  take({ finds }) {
    this.pictures = (finds ?? []).map((text) => JSON.parse(text));
    this.shown = Math.min(this.shown, Math.max(0, this.pictures.length - 1));
    this.#draw();
  }

  #draw() {
    const choice = this.pictures.some(({ finds }) => finds.length > 1) || this.#text;
    if (!choice || !this.pictures.length) return showInPanel(this.node, NAME, null);
    const { finds, picture, width, height } = this.pictures[this.shown];
    const src = api.apiURL(`/view?${new URLSearchParams(picture)}`);
    const image = element("img", { src, alt: "", error: () => showInPanel(this.node, NAME, null) });
    this.buttons = finds.map((_, index) => this.#button(index));
    const sheet = element("div", { class: "sis-finds-picture" }, image, ...this.buttons);
    const widest = `min(100%, ${(280 * width) / height}px)`;
    Object.assign(sheet.style, { aspectRatio: `${width} / ${height}`, width: widest });
    const content = element("div", { class: "sis-finds", role: "group", "aria-label": say("findsLabel") }, sheet);
    content.dataset.most = "360";
    content.append(element("footer", {}, ...this.#arrows(), this.message, this.reset));
    this.#mark();
    showInPanel(this.node, NAME, content);
  }

  /** @param {number} index */
  #button(index) {
    const { finds, width, height } = this.pictures[this.shown];
    const { box: [x0, y0, x1, y1], label, phrase, score } = finds[index];
    const words = say("find", { number: index + 1, label: label || phrase, score: score.toFixed(2) });
    const click = () => this.#toggle(index + 1);
    const button = element("button", { type: "button", class: "sis-find", title: words, "aria-label": words, click });
    button.append(element("span", {}, String(index + 1)));
    const share = (/** @type {number} */ part, /** @type {number} */ whole) => `${(100 * part) / whole}%`;
    Object.assign(button.style, {
      left: share(x0, width), top: share(y0, height), width: share(x1 - x0, width), height: share(y1 - y0, height),
      zIndex: String(Math.round(1e6 - (1e6 * (x1 - x0) * (y1 - y0)) / (width * height))), // the smallest on top
    });
    return button;
  }

  /** To the other pictures of a batch. */
  #arrows() {
    if (this.pictures.length < 2) return [];
    const words = say("batchPicture", { number: this.shown + 1, count: this.pictures.length });
    const to = (/** @type {number} */ step) => () => {
      this.shown = (this.shown + step + this.pictures.length) % this.pictures.length;
      this.#draw();
    };
    return [
      element("button", { type: "button", class: "sis-close", "aria-label": say("previousCell"), click: to(-1) }, "‹"),
      element("span", {}, words),
      element("button", { type: "button", class: "sis-close", "aria-label": say("nextCell"), click: to(1) }, "›"),
    ];
  }

  get #text() {
    return String(widgetOf(this.node, WIDGET)?.value ?? "");
  }

  /** The numbers that are in the mask, or will be. */
  #numbers() {
    return picksOf(this.#text, this.shown) ?? this.#run();
  }

  /** The numbers that were in the mask when it ran. */
  #run() {
    return this.pictures[this.shown].finds.flatMap(({ selected }, index) => (selected ? [index + 1] : []));
  }

  /** @param {number} number */
  #toggle(number) {
    const before = this.#numbers();
    const numbers = before.includes(number) ? before.filter((other) => other !== number) : [...before, number];
    this.#write(numbers.sort((one, other) => one - other));
  }

  /** @param {number[] | null} numbers */
  #write(numbers) {
    if (!isLinked(this.node, WIDGET)) setWidget(this.node, WIDGET, withPicks(this.#text, this.shown, numbers));
    this.#mark();
  }

  #mark() {
    if (!this.buttons) return;
    const wired = isLinked(this.node, WIDGET);
    const numbers = this.#numbers();
    const picked = picksOf(this.#text, this.shown);
    this.buttons.forEach((button, index) => {
      button.setAttribute("aria-pressed", String(numbers.includes(index + 1)));
      button.disabled = wired;
    });
    this.reset.hidden = wired || !picked;
    const told = String(numbers) === String(this.#run()) ? "findsTaken" : "findsPicked";
    const words = picked ? say(told, { numbers: numbers.join(", ") || "0" }) : say("findsHint");
    this.message.value = wired ? say("findsWired") : words;
  }
}
