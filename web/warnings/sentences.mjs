// Warnings in the page's language. English comes with each (support/warnings.py).
import { filled, language } from "../lib/words.mjs";
import { ja } from "./ja.mjs";
import { zh } from "./zh.mjs";

/** @import { Warning } from "../types/messages" */

/** @type {Record<string, Record<string, string>>} */
const LANGUAGES = { ja, zh };

/** @param {Warning} warning */
export function sentence({ id, values, text }) {
  const translated = LANGUAGES[language()]?.[id];
  return translated === undefined ? text : filled(translated, values);
}
