// The page's own error dialog, where it shows one: it shows our sentence with its backticks, and a class for a title.

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
    else text.data = text.data.replace(sentence, () => sentence.replaceAll("`", ""));
  }
  return telling.length > 0;
}

/** @param {Element} parent */
function textsIn(parent) {
  const walker = document.createTreeWalker(parent, NodeFilter.SHOW_TEXT);
  /** @type {Text[]} */
  const texts = [];
  while (walker.nextNode()) texts.push(/** @type {Text} */ (walker.currentNode));
  return texts;
}
