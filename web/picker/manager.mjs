// Renaming and deleting concepts in the list: on while its button is pressed, for the concept that is marked then.
import { translated } from "../errors/sentences.mjs";
import { element } from "../lib/elements.mjs";
import { say } from "../lib/words.mjs";
import { allConcepts, change } from "./concepts.mjs";

/** @import { Concept } from "../types/messages" */

/** @typedef {(name: string, newName: string | null) => void} Changed newName is null for a concept that is gone */

export class Manager {
  /**
   * @param {Changed} onChange
   * @param {() => void} onMark another concept is marked, or none
   */
  constructor(onChange, onMark) {
    this.onChange = onChange;
    this.onMark = onMark;
    /** @type {Concept | null} */
    this.marked = null;
    this.toggle = button("manage", () => this.#turn(!this.isOn));
    this.toggle.setAttribute("aria-pressed", "false");
    this.panel = element("div", { class: "sis-manage", role: "group", "aria-label": say("manage"), hidden: true });
  }

  get isOn() {
    return !this.panel.hidden;
  }

  /** @param {Concept} concept that rename and delete mean from now on */
  mark(concept) {
    this.marked = concept;
    this.onMark();
    this.#offer();
  }

  /** @param {boolean} isOn */
  #turn(isOn) {
    this.panel.hidden = !isOn;
    this.toggle.setAttribute("aria-pressed", String(isOn));
    this.marked = null;
    this.onMark();
    this.#offer();
  }

  /** What can be done with the marked concept. */
  #offer() {
    const { marked } = this;
    if (!marked) return this.#show(element("span", {}, say("manageHint")));
    const words = element("b", {}, marked.name);
    this.#show(words, button("rename", () => this.#askName(marked)), button("delete", () => this.#askDeletion(marked)));
  }

  /** @param {Concept} concept */
  #askName({ name }) {
    const last = name.split(/[\\/]/).pop() ?? name;
    const field = element("input", { value: last, "aria-label": say("newName", { name }), autocomplete: "off" });
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#do("rename", { name, new_name: field.value }, field);
    };
    const save = element("button", { type: "submit", class: "sis-close" }, say("rename"));
    this.#show(element("form", { submit }, field, save, button("back", () => this.#offer())));
    field.select();
  }

  /** @param {Concept} concept */
  #askDeletion({ name }) {
    const keep = button("keep", () => this.#offer());
    const question = element("span", { id: "sis-question", class: "sis-alarm" }, say("deleteQuestion", { name }));
    const confirm = button("delete", () => this.#do("delete", { name }, keep));
    for (const choice of [confirm, keep]) choice.setAttribute("aria-describedby", question.id);
    this.#show(question, confirm, keep);
    keep.focus(); // Enter alone deletes nothing
  }

  /**
   * @param {"rename" | "delete"} action
   * @param {{ name: string, new_name?: string }} request
   * @param {HTMLElement} focus what gets the focus after a refusal
   */
  async #do(action, request, focus) {
    try {
      const newName = await change(action, request);
      this.marked = null;
      this.onChange(request.name, newName);
      this.#offer();
      if (newName) this.#tellRenamed(newName);
      this.toggle.focus();
    } catch (error) {
      this.panel.querySelector("[role=alert]")?.remove();
      const sentence = translated(/** @type {Error} */ (error).message).replaceAll("`", "");
      this.panel.append(element("span", { role: "alert", class: "sis-alarm" }, sentence));
      focus.focus();
    }
  }

  /** @param {string} name the new one, which no prompt has yet */
  #tellRenamed(name) {
    const phrase = allConcepts().find((concept) => concept.name === name)?.phrase ?? `<${name}>`;
    this.#show(element("span", { role: "status" }, say("renamed", { phrase })));
  }

  /** @param {HTMLElement[]} parts */
  #show(...parts) {
    this.panel.replaceChildren(...parts);
  }
}

/**
 * @param {"manage" | "rename" | "delete" | "back" | "keep"} word
 * @param {() => void} click
 */
function button(word, click) {
  return element("button", { type: "button", class: "sis-close", click }, say(word));
}
