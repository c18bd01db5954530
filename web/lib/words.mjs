// What we say on the page, in the languages that the pack has.
import { locale } from "./host.mjs";
import { en } from "./words/en.mjs";
import { ja } from "./words/ja.mjs";
import { zh } from "./words/zh.mjs";

/** @typedef {keyof typeof en} Word */
/** @typedef {Record<Word, string>} Words */

/** @type {Record<string, Words>} */
const LANGUAGES = { en, ja, zh };

/** The key of the page's language: "zh" for "zh-TW". */
export function language() {
  return locale().split("-")[0];
}

/**
 * Our words for a key in the page's language, else in English.
 * @param {Word} key
 * @param {object} [values] for the names in braces
 */
export function say(key, values = {}) {
  return filled((LANGUAGES[language()] ?? en)[key], values);
}

/**
 * A sentence with values in the place of its names in braces.
 * @param {string} sentence
 * @param {object} values
 */
export function filled(sentence, values) {
  const texts = new Map(Object.entries(values));
  return sentence.replace(/\{(\w+)\}/g, (_, name) => String(texts.get(name)));
}
