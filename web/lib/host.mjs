// The host's page. Every other module gets it from here, so that its address stands once.
//
// An .mjs, as everything below this folder: the host loads every .js under web/ as an extension of its own.
import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

export { api, app };

/** The events that end a run, each in its own way. */
export const RUN_ENDS = ["execution_success", "execution_error", "execution_interrupted"];

/** The page's language, as in "en" or "zh-TW"; the browser's own where the page has no such setting. */
export function locale() {
  return String(app.extensionManager?.setting?.get("Comfy.Locale") ?? navigator.language ?? "en");
}

/**
 * Shows an error in a corner of the page.
 * @param {string} summary
 * @param {string} detail
 * @param {number} life how long it stays, in milliseconds
 */
export function showError(summary, detail, life) {
  app.extensionManager?.toast?.add({ severity: "error", summary, detail, life });
}
