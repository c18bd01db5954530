// How texts are compared.

/**
 * A text in one case and one spelling: files of some systems have accents apart from their letters, keyboards write
 * them together. Apart, a letter also finds itself with an accent.
 * @param {string} text
 */
export function spelled(text) {
  return text.normalize("NFD").toLowerCase();
}
