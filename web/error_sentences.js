// Says in one sentence what an artist did wrong, where the page does not by itself: newer frontends show only that
// "this node threw an error", and keep the reason in a report; none has it in the artist's language. The sentences are
// the pack's InputErrors.
import { tidyDialogs } from "./errors/dialog.mjs";
import { clearNotices, showNotice } from "./errors/notice.mjs";
import { translated } from "./errors/sentences.mjs";
import { titleOf } from "./errors/title.mjs";
import { api, app } from "./lib/host.mjs";

/** @import { Failure } from "./types/messages" */

const ENOUGH_FOR_A_DIALOG = 500; // ms; older frontends show theirs in less
const LOOK = 50; // ms; a dialog may be closed again at once

/**
 * Waits for the page's own dialog, and says the sentence when none comes, or none in the page's language.
 * @param {string} type the failed node's class
 * @param {string} title the failed node's
 * @param {string} sentence
 */
function showUnlessShown(type, title, sentence) {
  const said = translated(sentence);
  let looks = ENOUGH_FOR_A_DIALOG / LOOK;
  const timer = setInterval(() => {
    const shown = tidyDialogs(sentence, type, title);
    if (!shown && --looks) return;
    clearInterval(timer);
    if (!shown || said !== sentence) showNotice(title, said);
  }, LOOK);
}

/** @param {CustomEvent<Failure>} event */
async function onError({ detail }) {
  if (!detail?.node_type?.startsWith("SIS_") || !detail.exception_type?.endsWith("InputError")) return;
  const sentence = String(detail.exception_message).trim().replace(/^InputError: /, "");
  showUnlessShown(detail.node_type, await titleOf(detail), sentence);
}

app.registerExtension({
  name: "SingleImageStudio.ErrorSentences",
  setup() {
    api.addEventListener("execution_error", onError);
    api.addEventListener("execution_start", clearNotices);
  },
});
