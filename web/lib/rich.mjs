// Sentences of ours on the page: `names` as code, addresses as links.
import { element } from "./elements.mjs";

/**
 * @param {string} sentence
 * @returns {(Node | string)[]} what an element is filled with
 */
export function rich(sentence) {
  return sentence.split(/(`[^`]+`|https?:\/\/[^\s,]+[^\s,.:])/).map(partOf);
}

/** @param {string} part */
function partOf(part) {
  if (part.startsWith("`")) return element("code", {}, part.slice(1, -1));
  if (!/^https?:/.test(part)) return part;
  return element("a", { href: part, target: "_blank", rel: "noopener noreferrer" }, part);
}
