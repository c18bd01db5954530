// What a node has saved, and how to call it.
import { copyLine } from "../lib/copy_line.mjs";
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
 * @param {SavedOutput} output
 */
export function showSaved(node, output) {
  const texts = KINDS[node.comfyClass ?? ""](output);
  if (!texts?.length) return;
  const lines = texts.map((text) => copyLine(`${say("saved")} `, text));
  showInPanel(node, "saved", element("div", {}, ...lines));
}
