// The list of concepts under a prompt box, while a name is begun there.
import { element } from "../lib/elements.mjs";
import { say } from "../lib/words.mjs";
import { allConcepts, onConcepts, refresh } from "../picker/concepts.mjs";
import { begunName, phrasesFor } from "./match.mjs";

const PROMPTS = ".comfy-multiline-input, [data-node-id] textarea"; // in the classic and in the Vue renderer
const FRESH = 5000; // ms

export class Completion {
  constructor() {
    /** @type {HTMLTextAreaElement | null} the box that the list belongs to; null while there is none */
    this.box = null;
    /** @type {HTMLTextAreaElement | null} the box in which a name is begun, until its list is dismissed */
    this.begun = null;
    this.start = 0; // of what is completed
    this.asked = -FRESH;
    this.list = element("div", {
      id: "sis-completion", class: "sis-completion", role: "listbox", "aria-label": say("completionLabel"),
      mousedown: (/** @type {MouseEvent} */ event) => this.#pick(event),
    });
  }

  /** @param {Document} page */
  listen(page) {
    page.addEventListener("input", ({ target }) => this.#onInput(target));
    page.addEventListener("keydown", (event) => this.#onKey(event), true); // before the box and the graph
    page.addEventListener("focusout", () => this.#dismiss());
    page.addEventListener("wheel", ({ target }) => this.#onWheel(/** @type {Node} */ (target)), { passive: true });
    onConcepts(() => this.#renew());
  }

  /** @param {EventTarget | null} target */
  #onInput(target) {
    if (!(target instanceof HTMLTextAreaElement) || !target.matches(PROMPTS)) return;
    this.begun = begunName(target.value, target.selectionStart) && target;
    this.#show(target);
    if (performance.now() - this.asked < FRESH || !this.begun) return;
    this.asked = performance.now();
    refresh().catch(() => {}); // the old list stays
  }

  /** The host has told its concepts anew, and may have read further ones: what was selected stays so. */
  #renew() {
    if (!this.begun || document.activeElement !== this.begun) return;
    const selected = this.box && this.#options[this.#selected]?.textContent;
    this.#show(this.begun);
    if (this.box && selected) this.#select(Math.max(0, this.#options.findIndex((o) => o.textContent === selected)));
  }

  /** @param {Node} target where it is not the list itself, the wheel moves the box away */
  #onWheel(target) {
    if (!this.list.contains(target)) this.#dismiss();
  }

  /** @param {HTMLTextAreaElement} box */
  #show(box) {
    const begun = begunName(box.value, box.selectionStart);
    const phrases = begun ? phrasesFor(allConcepts(), begun.letters) : [];
    if (!begun || !phrases.length) return this.#close();
    this.box = box;
    this.start = begun.start;
    this.list.replaceChildren(...phrases.map(option));
    document.body.append(this.list);
    place(this.list, box.getBoundingClientRect());
    box.setAttribute("aria-controls", this.list.id);
    this.#select(0);
  }

  #dismiss() {
    this.begun = null;
    this.#close();
  }

  #close() {
    this.list.remove();
    for (const name of ["aria-controls", "aria-activedescendant"]) this.box?.removeAttribute(name);
    this.box = null;
  }

  /** @returns {HTMLElement[]} */
  get #options() {
    return [.../** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll("[role=option]"))];
  }

  get #selected() {
    return this.#options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  }

  /** @param {number} index beyond an end is the other end */
  #select(index) {
    const options = this.#options;
    const chosen = options[(index + options.length) % options.length];
    for (const option of options) option.setAttribute("aria-selected", String(option === chosen));
    chosen.scrollIntoView({ block: "nearest" });
    this.box?.setAttribute("aria-activedescendant", chosen.id);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!this.box || event.target !== this.box || event.isComposing) return;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowDown: () => this.#select(this.#selected + 1), ArrowUp: () => this.#select(this.#selected - 1),
      Enter: () => this.#insert(this.#selected), Tab: () => this.#insert(this.#selected), Escape: () => this.#dismiss(),
    };
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (!isPlain || !actions[event.key]) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    actions[event.key]();
  }

  /** @param {MouseEvent} event */
  #pick(event) {
    event.preventDefault(); // the box keeps the focus; the host would take it from what is not clicked
    event.stopPropagation();
    this.#insert(this.#options.findIndex((option) => option.contains(/** @type {Node} */ (event.target))));
  }

  /** @param {number} index */
  #insert(index) {
    const { box, start } = this;
    const phrase = this.#options[index]?.textContent;
    if (!box || !phrase) return;
    this.#close();
    box.focus();
    box.setRangeText(phrase, start, box.selectionStart, "end");
    box.dispatchEvent(new Event("input", { bubbles: true })); // the host takes it as if it were written
  }
}

/**
 * @param {string} phrase
 * @param {number} index
 */
function option(phrase, index) {
  return element("div", { id: `sis-completion-${index}`, role: "option", "aria-selected": "false" }, phrase);
}

/**
 * Below a box, or above where there is no room.
 * @param {HTMLElement} list
 * @param {DOMRect} box
 */
function place(list, { left, top, bottom }) {
  const { offsetHeight, offsetWidth } = list;
  const y = bottom + offsetHeight + 4 < innerHeight ? bottom + 2 : Math.max(0, top - offsetHeight - 2);
  list.style.left = `${Math.max(0, Math.min(left, innerWidth - offsetWidth - 4))}px`;
  list.style.top = `${y}px`;
}
