// Says in one sentence what an artist did wrong, where the page does not by itself: newer frontends show only that "this node threw an error",
// and keep the reason in a report. The sentences are the pack's InputErrors.
import { app } from "../../scripts/app.js";
import { nodeAt } from "./page.mjs";

const ENOUGH_FOR_A_DIALOG = 500; // ms; older frontends show theirs in less
const LOOK = 50; // ms; a dialog may be closed again at once
const LIFE = 20_000; // ms

function isSaid(sentence) {
  return [...document.querySelectorAll("[role=dialog]")].some((dialog) => dialog.textContent.includes(sentence));
}

app.registerExtension({
  name: "SingleImageStudio.ErrorSentences",
  setup() {
    app.api.addEventListener("execution_error", ({ detail }) => {
      if (!detail?.node_type?.startsWith("SIS_") || !detail.exception_type?.endsWith("InputError")) return;
      const sentence = String(detail.exception_message).trim().replace(/^InputError: /, "");
      const { title = detail.node_type } = nodeAt(detail.node_id) ?? {};
      let looks = ENOUGH_FOR_A_DIALOG / LOOK;
      const timer = setInterval(() => {
        const said = isSaid(sentence);
        if (!said && --looks) return;
        clearInterval(timer);
        if (!said) app.extensionManager?.toast?.add({ severity: "error", summary: title, detail: sentence, life: LIFE });
      }, LOOK);
    });
  },
});
