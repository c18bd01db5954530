// What a node has saved, and how to call it.
import { copy } from "../lib/clipboard.mjs";
import { element } from "../lib/elements.mjs";
import { showInPanel } from "../lib/panel.mjs";
import { say } from "../lib/words.mjs";

/** @import { GraphNode } from "../types/host" */
/** @import { SavedOutput } from "../types/messages" */

/** @type {Record<string, (output: SavedOutput) => string[] | undefined>} what each node says for copying */
export const KINDS = {
  SIS_SaveConcept: ({ phrase }) => phrase,
  SIS_SaveInversion: ({ saved_inversion }) => saved_inversion,
};

/**
 * @param {GraphNode} node
 * @param {SavedOutput | null | undefined} output
 */
export function showSaved(node, output) {
  const texts = output ? KINDS[node.comfyClass ?? ""](output) : undefined;
  if (texts?.length) showInPanel(node, "saved", element("div", {}, ...texts.map(line)));
}

/** @param {string} text */
function line(text) {
  const said = element("span", { class: "sis-unseen", role: "status" });
  const name = { "aria-label": say("copyNow", { text }) };
  const button = element("button", { type: "button", class: "sis-copy", ...name, click: copyAndSay }, say("copy"));
  async function copyAndSay() {
    const word = (await copy(text)) ? say("copied") : say("copyFailed");
    said.textContent = button.textContent = word;
    button.removeAttribute("aria-label"); // what is read out is what is seen
  }
  const words = element("span", {}, `${say("saved")} `, element("code", {}, text));
  return element("div", { class: "sis-saved" }, words, button, said);
}
