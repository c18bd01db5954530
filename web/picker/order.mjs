// In which order the list shows concepts.
import { element } from "../lib/elements.mjs";
import { say } from "../lib/words.mjs";

/** @import { Concept } from "../types/messages" */

/** @type {Record<string, (a: Concept, b: Concept) => number>} */
const ORDERS = {
  newest: () => 0, // as the host sends them
  byName: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  byClassWord: (a, b) => (a.class_word ?? "").localeCompare(b.class_word ?? "") || ORDERS.byName(a, b),
};

let order = "newest"; // as long as the page is open

/** @param {() => void} onChange */
export function orderSelect(onChange) {
  const words = { newest: say("newest"), byName: say("byName"), byClassWord: say("byClassWord") };
  const options = Object.entries(words).map(([value, text]) => element("option", { value }, text));
  const select = element("select", { "aria-label": say("order") }, ...options);
  select.value = order;
  select.addEventListener("change", () => {
    order = select.value;
    onChange();
  });
  return select;
}

/**
 * What cannot be read stays last.
 * @param {Concept[]} concepts
 */
export function ordered(concepts) {
  return [...concepts].sort((a, b) => Number(!!a.error) - Number(!!b.error) || ORDERS[order](a, b));
}
