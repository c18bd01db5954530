// What `picked` says: numbers of finds for each picture, as masking/picks.py reads it.

/**
 * The finds that are picked in one picture, or null where nobody picked any.
 * @param {string} text
 * @param {number} picture from 0
 * @returns {number[] | null}
 */
export function picksOf(text, picture) {
  const numbers = (text.split("/")[picture] ?? "").match(/\d+/g);
  return numbers && numbers.map(Number).filter((number) => number > 0);
}

/**
 * The text with other picks for one picture; null takes them back.
 * @param {string} text
 * @param {number} picture
 * @param {number[] | null} picks
 */
export function withPicks(text, picture, picks) {
  const parts = text.split("/").map((part) => part.trim());
  while (parts.length <= picture) parts.push("");
  parts[picture] = picks ? picks.join(", ") || "0" : "";
  while (parts.length && !parts[parts.length - 1]) parts.pop();
  return parts.join(" / ").trim();
}
