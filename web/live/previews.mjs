// The row of small pictures under a live view's curves.
import { element } from "../lib/elements.mjs";
import { say } from "../lib/words.mjs";

/** @import { History } from "../lib/histories.mjs" */

/** @typedef {{ src: string, text: string }} Picture */

export class Previews {
  /** @param {(source: string | null) => void} onPoint called with the picture that is pointed at, or null for none */
  constructor(onPoint) {
    this.onPoint = onPoint;
    this.shown = "";
    this.element = element("div", { class: "sis-live-previews", role: "group", "aria-label": say("previewsLabel") });
  }

  /** @param {History | null} history */
  update(history) {
    const { facts, subject, previews = [] } = history ?? {};
    const key = `${facts?.prompt_id} ${!!subject} ${previews.map(({ done }) => done)}`;
    if (key === this.shown) return; // else a picture would change under the pointer
    this.shown = key;
    this.onPoint(null);
    this.element.replaceChildren(...picturesOf(history).map((picture) => this.#button(picture)));
  }

  /** @param {Picture} picture */
  #button({ src, text }) {
    const [enlarge, reduce] = [() => this.onPoint(src), () => this.onPoint(null)];
    return element(
      "button",
      { type: "button", title: text, pointerenter: enlarge, focus: enlarge, pointerleave: reduce, blur: reduce },
      element("img", { src, alt: text, draggable: "false" }),
    );
  }
}

/**
 * What is learned, then the newest previews.
 * @param {History | null} history
 * @returns {Picture[]}
 */
function picturesOf(history) {
  const previews = (history?.previews ?? []).map((preview) => ({ src: preview.src, text: say("previewAt", preview) }));
  return history?.subject ? [{ src: history.subject, text: say("subjectPicture") }, ...previews] : previews;
}
