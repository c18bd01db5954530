// Nodes that are dangerous to bypass. The host then passes an input on for each output: the first of the same type,
// whatever it means. What our other nodes pass on is what one expects, or nothing, which the host refuses.
import { BYPASSED } from "../lib/page.mjs";
import { showInPanel } from "../lib/panel.mjs";
import { say } from "../lib/words.mjs";
import { list } from "./feed.mjs";

/** @import { GraphNode } from "../types/host" */
/** @import { Word } from "../lib/words.mjs" */

/** @type {Record<string, Record<string, Word>>} what to say of an output that is connected, by its name */
const WRONG_WIRES = {
  SIS_NullTextInvert: { uncond: "bypassUncond", noise_latent: "bypassNoise" },
  SIS_ImagicTextOptimize: { optimized: "bypassOptimized" },
  SIS_TimestepAwareConditioning: { positive: "bypassPositive" },
};

/** @type {Map<GraphNode, string>} each such node, and what is said of it */
const watched = new Map();

/** @param {GraphNode} node */
export function watch(node) {
  if (node.comfyClass && node.comfyClass in WRONG_WIRES) watched.set(node, "");
}

/** Looks at all of them: no version of the page tells of every change of a mode. */
export function look() {
  for (const [node, said] of watched) {
    if (!node.graph) watched.delete(node); // it was removed; undoing that makes another
    const sentences = wrongWires(node);
    if (sentences.join() === said) continue;
    watched.set(node, sentences.join());
    showInPanel(node, "bypass", sentences.length ? list(sentences, "sis-bypass") : null);
  }
}

/** @param {GraphNode} node */
function wrongWires({ comfyClass, mode, outputs }) {
  if (mode !== BYPASSED) return [];
  const connected = (outputs ?? []).filter(({ links }) => links?.length);
  return connected.flatMap(({ name }) => WRONG_WIRES[comfyClass ?? ""][name] ?? []).map((word) => say(word));
}
