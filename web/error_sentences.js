// Says in one sentence what an artist did wrong, where the page does not by itself: newer frontends show only that
// "this node threw an error", and keep the reason in a report; none has it in the artist's language. The sentences are
// the pack's InputErrors.
import { api, app } from "./lib/host.mjs";
import { nodeAt } from "./lib/page.mjs";
import { clearNotices, showNotice } from "./errors/notice.mjs";
import { translated } from "./errors/sentences.mjs";

const ENOUGH_FOR_A_DIALOG = 500; // ms; older frontends show theirs in less
const LOOK = 50; // ms; a dialog may be closed again at once

/** @typedef {{ node_id: string, node_type?: string, exception_type?: string, exception_message: string }} Failure */

/** @param {string} sentence */
function isShown(sentence) {
  return [...document.querySelectorAll("[role=dialog]")].some((dialog) => dialog.textContent?.includes(sentence));
}

/**
 * Waits for the page's own dialog, and says the sentence when none comes.
 * @param {string} title
 * @param {string} sentence
 */
function showUnlessShown(title, sentence) {
  let looks = ENOUGH_FOR_A_DIALOG / LOOK;
  const timer = setInterval(() => {
    const shown = isShown(sentence);
    if (!shown && --looks) return;
    clearInterval(timer);
    if (!shown) showNotice(title, sentence);
  }, LOOK);
}

/** @param {CustomEvent<Failure>} event */
function onError({ detail }) {
  if (!detail?.node_type?.startsWith("SIS_") || !detail.exception_type?.endsWith("InputError")) return;
  const sentence = String(detail.exception_message).trim().replace(/^InputError: /, "");
  showUnlessShown(nodeAt(detail.node_id)?.title ?? detail.node_type, translated(sentence));
}

app.registerExtension({
  name: "SingleImageStudio.ErrorSentences",
  setup() {
    api.addEventListener("execution_error", onError);
    api.addEventListener("execution_start", clearNotices);
  },
});
