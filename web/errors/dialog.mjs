// The page's own error dialog, where it shows one: it shows our sentence with its backticks and without links, and a
// class for a title.
import { rich } from "../lib/rich.mjs";

/**
 * Makes a sentence readable in the dialogs that show it. Returns whether any does.
 * @param {string} sentence as Python wrote it
 * @param {string} type the failed node's class
 * @param {string} title the failed node's
 */
export function tidyDialogs(sentence, type, title) {
  const dialogs = [...document.querySelectorAll("[role=dialog]")];
  const telling = dialogs.filter((dialog) => dialog.textContent?.includes(sentence));
  for (const text of telling.flatMap(textsIn)) {
    if (text.data.trim() === type) text.data = title;
    else if (text.data.includes(sentence)) tidy(text, sentence);
  }
  return telling.length > 0;
}

/**
 * Takes the backticks away, and makes addresses links. The text stays, with what is before them: the page's own.
 * @param {Text} text
 * @param {string} sentence
 */
function tidy(text, sentence) {
  const [before, ...after] = text.data.split(sentence);
  const [first, ...others] = rich(sentence.replaceAll("`", ""));
  text.data = before + first;
  text.after(...others, after.join(sentence));
  if (sentence.includes("\n") && text.parentElement) text.parentElement.style.whiteSpace = "pre-line";
}

/** @param {Element} parent */
function textsIn(parent) {
  const walker = document.createTreeWalker(parent, NodeFilter.SHOW_TEXT);
  /** @type {Text[]} */
  const texts = [];
  while (walker.nextNode()) texts.push(/** @type {Text} */ (walker.currentNode));
  return texts;
}
