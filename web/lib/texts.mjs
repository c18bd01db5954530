// The packs' texts from their folders `locales`, as the host serves them.
import { api } from "./host.mjs";

/** @typedef {Record<string, any>} PackTexts by file: `nodeDefs`, and what main.json holds */

/** @type {Promise<Record<string, PackTexts>> | null} */
let asked = null;

/** All of them, by language; none where the host does not answer. */
export function allTexts() {
  asked ??= api.fetchApi("/i18n").then((answer) => (answer.ok ? answer.json() : {})).catch(() => ({}));
  return asked;
}
