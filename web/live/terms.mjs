// How each term of a curve is drawn and called: as Python says, else as here.
import { language, say } from "../lib/words.mjs";

/** @import { History } from "../lib/histories.mjs" */
/** @import { Word } from "../lib/words.mjs" */
/** @import { Term } from "../types/messages" */

const INKS = ["text", "orange", "blue", "green"]; // style.css makes them legible on every palette

// Terms are told apart by dash as well as by colour.
const DASHES = ["", "7 2", "2 2", "9 2 2 2"];

/** @type {Record<string, { colour: string, dash: string }>} */
const OURS = {
  loss: { colour: "text", dash: "" },
  foreground: { colour: "orange", dash: "7 2" },
  background: { colour: "blue", dash: "2 2" },
  semantic: { colour: "green", dash: "9 2 2 2" },
  misfit: { colour: "orange", dash: "" },
  distance: { colour: "blue", dash: "" },
};

/** @typedef {{ name: string, label: string, colour: string, dash: string }} ShownTerm colour as CSS */

/**
 * The terms that a history has numbers for, in the table's order.
 * @param {History | null} history
 * @returns {ShownTerm[]}
 */
export function termsOf(history) {
  if (!history) return [];
  const order = Object.keys(history.terms ?? OURS);
  /** @param {string} name */
  const rank = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  const names = [...history.names].sort((a, b) => rank(a) - rank(b));
  return names.map((name) => shownTerm(name, rank(name), history.terms?.[name]));
}

/**
 * @param {string} name
 * @param {number} place in the table
 * @param {Term | undefined} sent
 * @returns {ShownTerm}
 */
function shownTerm(name, place, sent) {
  const own = OURS[name];
  const colour = sent?.colour ?? own?.colour ?? "text";
  return {
    name,
    label: wordsOf(sent) ?? (own ? say(/** @type {Word} */ (name)) : name),
    colour: INKS.includes(colour) ? `var(--sis-ink-${colour})` : colour,
    dash: sent?.dash ?? own?.dash ?? (sent ? DASHES[place % DASHES.length] : ""),
  };
}

/** @param {Term | undefined} sent */
function wordsOf(sent) {
  const words = sent?.words;
  return typeof words === "string" ? words : words?.[language()] ?? words?.en;
}
