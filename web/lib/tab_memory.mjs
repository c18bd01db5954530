// What this tab remembers over a reload of the page.

/**
 * What was kept under a key; null for nothing.
 * @param {string} key
 */
export function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null");
  } catch {
    return null; // kept by another version, or the browser keeps nothing
  }
}

/**
 * @param {string} key
 * @param {unknown} value
 */
export function keep(key, value) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // full, or forbidden: then a reload forgets
  }
}
