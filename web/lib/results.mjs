// A node's results, each given to the node of the workflow that it was made in, and given again when that workflow
// comes back: after a change of tab, a reload or an undo.
import { begins, isNamed, isOpen, runOf } from "./origin.mjs";
import { nodeAt, rootGraph } from "./page.mjs";
import { ResultStore } from "./result_store.mjs";
import { keep, recall } from "./tab_memory.mjs";

/** @import { GraphNode } from "../types/host" */
/** @import { NodeResult } from "../types/messages" */
/** @import { Output } from "./result_store.mjs" */

/**
 * What a node does with a result. workflow: the one that it belongs to; isNew: whether it comes from a run just now.
 * @typedef {(output: Output, from: { workflow: string | undefined, isNew: boolean }) => void} Take
 */

const MEMORY = "single_image_studio.results";
// what our nodes' outputs are read for: nodes get nothing else, so that nothing they show is lost when it is kept
const READ = [
  "phrase", "saved_inversion", "loaded_concept", // Save Concept, Save Inversion, Load Concept
  "cells", "sheets", "layout", "best", // Edit Grid
  "sis_live", // training and inversion
  "finds", // Mask from Prompt
];

const store = new ResultStore(recall(MEMORY) ?? []);
/** @type {WeakMap<GraphNode, Take>} */
const takers = new WeakMap();

/**
 * Calls a function with each of a node's results, in place of the host's `onExecuted`.
 * @param {GraphNode} node
 * @param {Take} take
 */
export function onResult(node, take) {
  takers.set(node, take);
}

/** @param {{ prompt_id: string }} start */
export function begin({ prompt_id }) {
  begins(prompt_id);
  runOf(prompt_id);
}

/** @param {NodeResult} result as the host's event tells it */
export async function arrive({ node, display_node, output, prompt_id }) {
  if (!output) return;
  const id = String(display_node ?? node);
  const { workflow } = await runOf(prompt_id);
  const read = Object.fromEntries(Object.entries(output).filter(([key]) => READ.includes(key)));
  if (isNamed(workflow) && Object.keys(read).length) {
    store.put(workflow, id, read);
    keep(MEMORY, store.entries);
  }
  if (isOpen(prompt_id, workflow, id)) give(id, read, true);
}

/** Gives the open workflow's nodes what is remembered of them. */
export function restore() {
  const workflow = rootGraph()?.id ?? null;
  if (isNamed(workflow)) for (const [id, output] of store.of(workflow)) give(id, output, false);
}

/**
 * @param {string} id
 * @param {Output} output
 * @param {boolean} isNew
 */
function give(id, output, isNew) {
  const node = nodeAt(id);
  if (node) takers.get(node)?.(output, { workflow: rootGraph()?.id, isNew });
}
