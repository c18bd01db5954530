// How each term of a curve is drawn and called, as Python says (losses/terms.py has the table).
import { language } from "../lib/words.mjs";

/** @import { History } from "../lib/histories.mjs" */
/** @import { Term } from "../types/messages" */

const INKS = ["text", "orange", "blue", "green"]; // style.css makes them legible on every palette

/** @typedef {{ name: string, label: string, colour: string, dash: string }} ShownTerm colour as CSS */

/**
 * The terms that a history has numbers for, in the table's order.
 * @param {History | null} history
 * @returns {ShownTerm[]}
 */
export function termsOf(history) {
  if (!history) return [];
  const order = Object.keys(history.terms ?? {});
  /** @param {string} name */
  const rank = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  const names = [...history.names].sort((a, b) => rank(a) - rank(b));
  return names.map((name) => shownTerm(name, history.terms?.[name]));
}

/**
 * @param {string} name
 * @param {Term | undefined} sent
 * @returns {ShownTerm}
 */
function shownTerm(name, sent) {
  const colour = sent?.colour ?? "text";
  return {
    name,
    label: wordsOf(sent) ?? name,
    colour: INKS.includes(colour) ? `var(--sis-ink-${colour})` : colour,
    dash: sent?.dash ?? "",
  };
}

/** @param {Term | undefined} sent */
function wordsOf(sent) {
  const words = sent?.words;
  return typeof words === "string" ? words : words?.[language()] ?? words?.en;
}
