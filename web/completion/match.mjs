// Which concepts complete a prompt at the caret. Pure.

import { spelled } from "../lib/spelling.mjs";

/** @import { Concept } from "../types/messages" */

const BEGUN = /<([\p{L}\p{M}\p{N}_.-]*)$/u; // what support/names.py allows in a name
const MOST = 50;

/**
 * What is written of a name before the caret: where its "<" stands, and its letters; null where none is begun.
 * @param {string} text
 * @param {number} caret
 */
export function begunName(text, caret) {
  const found = BEGUN.exec(text.slice(0, caret));
  return found && { start: found.index, letters: found[1] };
}

/**
 * The phrases that fit, those that begin with the letters first.
 * @param {Concept[]} concepts
 * @param {string} letters
 */
export function phrasesFor(concepts, letters) {
  const wanted = spelled(letters);
  /** @param {string} phrase */
  const place = (phrase) => spelled(phrase.slice(1, phrase.indexOf(">"))).indexOf(wanted);
  const phrases = [...new Set(concepts.flatMap(({ phrase }) => phrase ?? []))]; // what is unread has none
  const fitting = phrases.filter((phrase) => place(phrase) >= 0);
  const rank = (/** @type {string} */ phrase) => (place(phrase) === 0 ? 0 : 1);
  return fitting.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)).slice(0, MOST);
}
