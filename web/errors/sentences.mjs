// Our error sentences in the page's language. They come in English, with their values in them.
import { filled, language } from "../lib/words.mjs";
import { en } from "./en.mjs";
import { ja } from "./ja.mjs";
import { zh } from "./zh.mjs";

/** @type {Record<string, Record<string, string>>} */
const LANGUAGES = { ja, zh };

/** @type {[string, RegExp][]} each sentence's key, and what it looks like with values in it */
const PATTERNS = Object.entries(en).map(([key, text]) => [key, patternOf(text)]);

/**
 * A sentence in the page's language; as it came where that has none for it.
 * @param {string} sentence
 */
export function translated(sentence) {
  const words = LANGUAGES[language()];
  const [key, pattern] = (words && PATTERNS.find(([, pattern]) => pattern.test(sentence))) ?? [];
  if (!words || !key || !pattern) return sentence;
  return filled(words[key], pattern.exec(sentence)?.groups ?? {});
}

/** @param {string} text with names in braces; one that stands twice is the same both times */
function patternOf(text) {
  const seen = new Set();
  const parts = text.split(/\{(\w+)\}/).map((part, i) => {
    if (i % 2 === 0) return part.replace(/[\\^$.*+?()[\]|]/g, "\\$&");
    const again = seen.has(part);
    seen.add(part);
    return again ? `\\k<${part}>` : `(?<${part}>.*?)`;
  });
  return new RegExp(`^${parts.join("")}$`, "s");
}
