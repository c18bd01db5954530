// The list of all concepts, with search: a dialog over the page.
import { element } from "../lib/elements.mjs";
import { keepKeys, makeCurrent, stride } from "../lib/keys.mjs";
import { say } from "../lib/words.mjs";
import { allConcepts, creationDate, onConcepts, refreshOrTell, summary, thumbnail } from "./concepts.mjs";
import { Manager } from "./manager.mjs";
import { found, orderButton, ordered } from "./order.mjs";

/** @import { Concept } from "../types/messages" */

const MOST_DRAWN = 400; // of thousands, the browser would be seconds at each letter of the search

export class Picker {
  /**
   * @param {string | undefined} chosen the name that is chosen now
   * @param {(concept: Concept) => void} onChoose
   * @param {import("./manager.mjs").Changed} onChange a concept was renamed or deleted
   */
  constructor(chosen, onChoose, onChange) {
    this.chosen = chosen;
    this.onChoose = onChoose;
    this.manager = new Manager((name, newName) => {
      if (name === this.chosen) this.chosen = newName ?? undefined;
      onChange(name, newName);
      this.#draw();
    }, () => this.#mark());
    this.count = element("output", { class: "sis-count" });
    this.list = element("div", {
      class: "sis-list", role: "listbox", "aria-label": say("concepts"),
      keydown: (/** @type {KeyboardEvent} */ event) => this.#walk(event),
    });
    this.search = element("input", {
      type: "search", placeholder: say("searchHint"), "aria-label": say("searchLabel"), autocomplete: "off",
      input: () => this.#draw(),
      keydown: (/** @type {KeyboardEvent} */ event) => this.#onSearchKey(event),
    });
    this.heading = element("h2", { id: "sis-picker-heading" });
    this.leave = element("button", { type: "button", class: "sis-close", click: () => this.dialog.close() });
    this.dialog = this.#build();
  }

  #build() {
    return element(
      "dialog",
      { class: "sis-picker", "aria-labelledby": this.heading.id },
      element("header", {}, this.heading, this.search, orderButton(() => this.#draw())),
      this.list,
      this.manager.panel,
      element("footer", {}, this.count, this.manager.toggle, this.leave),
    );
  }

  /** Shows the dialog until something is chosen or it is closed, and asks the host for what is new. */
  open() {
    const { dialog } = this;
    keepKeys(dialog);
    this.#closeOnEscape();
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
    const stop = onConcepts(() => this.#draw()); // the host may need several answers to read all of them
    dialog.addEventListener("close", () => {
      stop();
      dialog.remove();
    });
    document.body.append(dialog);
    this.#draw();
    dialog.showModal();
    this.search.focus();
    refreshOrTell();
  }

  /** Wherever the focus is, and whoever else listens. */
  #closeOnEscape() {
    /** @param {KeyboardEvent} event */
    const escape = (event) => event.key === "Escape" && this.dialog.close();
    window.addEventListener("keydown", escape, true);
    this.dialog.addEventListener("close", () => window.removeEventListener("keydown", escape, true));
  }

  /** @param {Concept} concept */
  #choose(concept) {
    if (this.manager.isOn) return this.manager.mark(concept);
    if (concept.error) return;
    this.dialog.close();
    this.onChoose(concept);
  }

  // The options

  /** @returns {HTMLElement[]} */
  get #options() {
    return [...this.list.querySelectorAll(/** @type {"div"} */ ("[role=option]"))];
  }

  get #firstReadable() {
    return this.#options.find((option) => !option.hasAttribute("aria-disabled"));
  }

  /** Those that have every word of the search in their name or class word. */
  #matching() {
    return found(ordered(allConcepts()), this.search.value);
  }

  #draw() {
    const shown = this.#matching();
    const focused = this.#options.find((option) => option === document.activeElement)?.dataset.name;
    const drawn = shown.slice(0, MOST_DRAWN);
    this.list.replaceChildren(...drawn.map((concept) => this.#option(concept)));
    if (!shown.length) this.list.append(element("p", {}, this.#whyEmpty()));
    else if (drawn.length < shown.length) {
      this.list.append(element("p", {}, say("searchForMore", { count: drawn.length })));
    }
    this.#moveFocusBack(focused);
    this.count.value = countText(shown.length);
    this.#mark();
  }

  /** Says what a click does, and frames what renaming and deleting mean; then the chosen one keeps its tick alone. */
  #mark() {
    const { isOn } = this.manager;
    this.heading.textContent = say(isOn ? "manageTitle" : "choose");
    this.leave.textContent = say(isOn ? "close" : "cancel"); // what was renamed or deleted stays so
    this.list.classList.toggle("sis-managed", isOn);
    for (const option of this.#options) {
      if (option.dataset.name === this.manager.marked?.name) option.setAttribute("aria-current", "true");
      else option.removeAttribute("aria-current");
    }
  }

  #whyEmpty() {
    return allConcepts().length ? say("notFound", { name: this.search.value.trim() }) : say("noConcepts");
  }

  /**
   * The list may come from the host while one walks in it.
   * @param {string | undefined} focused the name of the option that had the focus
   */
  #moveFocusBack(focused) {
    const options = this.#options;
    const same = options.find((option) => focused !== undefined && option.dataset.name === focused);
    const selected = options.find((option) => option.getAttribute("aria-selected") === "true");
    makeCurrent(this.list, same ?? selected ?? options[0]);
    if (focused !== undefined) (same ?? this.search).focus();
  }

  /** @param {Concept} concept */
  #option(concept) {
    const { name, error } = concept;
    const option = element(
      "div",
      {
        class: "sis-option", role: "option", tabindex: -1, title: titleOf(concept), "data-name": name,
        "aria-selected": String(name === this.chosen), "aria-disabled": error ? "true" : null,
        click: () => this.#choose(concept),
      },
      thumbnail(concept),
      element("b", {}, name),
      element("span", {}, error ? say("unreadable") : summary(concept)),
      element("small", {}, creationDate(concept, { dateStyle: "medium" })),
    );
    if (error) option.append(element("span", { class: "sis-unseen" }, error));
    return option;
  }

  // Keys

  /** @param {KeyboardEvent} event */
  #onSearchKey(event) {
    if (event.key === "ArrowDown") this.#options.find((option) => option.tabIndex === 0)?.focus();
    else if (event.key === "Enter" && this.search.value.trim()) this.#firstReadable?.click();
    else return;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const options = this.#options;
    const here = options.findIndex((option) => option === document.activeElement);
    if (here < 0) return;
    const columns = options.filter((option) => option.offsetTop === options[0].offsetTop).length;
    const step = stride(event.key, here, options.length, columns);
    if (event.key === "Enter" || event.key === " ") options[here].click();
    else if (event.key === "ArrowUp" && here < columns) this.search.focus();
    else if (step === undefined) return;
    else this.#focus(options[here + step] ?? options[here]);
    event.preventDefault();
  }

  /** @param {HTMLElement} option */
  #focus(option) {
    makeCurrent(this.list, option);
    option.focus();
  }
}

/** @param {Concept} concept */
function titleOf(concept) {
  const date = creationDate(concept, { dateStyle: "medium", timeStyle: "short" });
  return concept.error ?? (concept.pending ? concept.name : `${concept.phrase}\n${date}`);
}

/** @param {number} shown how many concepts match the search */
function countText(shown) {
  const count = allConcepts().length;
  if (shown < count) return say("countSome", { shown, count });
  return count === 1 ? say("countOne") : say("countAll", { count });
}
