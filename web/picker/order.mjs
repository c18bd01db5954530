// Which concepts the list shows, and in which order.
import { element } from "../lib/elements.mjs";
import { spelled } from "../lib/spelling.mjs";
import { say } from "../lib/words.mjs";

/** @import { Concept } from "../types/messages" */

/** @typedef {"newest" | "byName" | "byClassWord"} Order */

/** @type {Record<Order, (a: Concept, b: Concept) => number>} */
const ORDERS = {
  newest: () => 0, // as the host sends them
  byName: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  byClassWord: (a, b) => (a.class_word ?? "").localeCompare(b.class_word ?? "") || ORDERS.byName(a, b),
};
const NAMES = /** @type {Order[]} */ (Object.keys(ORDERS));

/** @type {Order} */
let order = "newest"; // as long as the page is open

/**
 * A button that says the order, and goes to the next.
 * @param {() => void} onChange
 */
export function orderButton(onChange) {
  const button = element("button", { type: "button", class: "sis-close", title: say("order"), click }, say(order));
  function click() {
    order = NAMES[(NAMES.indexOf(order) + 1) % NAMES.length];
    button.textContent = say(order);
    onChange();
  }
  return button;
}

/**
 * What cannot be read stays last.
 * @param {Concept[]} concepts
 */
export function ordered(concepts) {
  return [...concepts].sort((a, b) => Number(!!a.error) - Number(!!b.error) || ORDERS[order](a, b));
}

/**
 * Those that have every word of a search in their name or class word.
 * @param {Concept[]} concepts
 * @param {string} search
 */
export function found(concepts, search) {
  const words = spelled(search.trim()).split(/\s+/);
  return concepts.filter(({ name, class_word }) => {
    const text = spelled(`${name} ${class_word ?? ""}`);
    return words.every((word) => text.includes(word));
  });
}
