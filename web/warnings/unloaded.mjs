// Prompts that name a saved concept while their CLIP comes straight from a checkpoint. There nothing of ours runs, so
// that only the page can tell.
import { BYPASSED, MUTED, isLinked } from "../lib/page.mjs";
import { showInPanel } from "../lib/panel.mjs";
import { spelled } from "../lib/spelling.mjs";
import { say } from "../lib/words.mjs";
import { allConcepts } from "../picker/concepts.mjs";
import { list } from "./feed.mjs";

/** @import { Graph, GraphNode } from "../types/host" */

const APPLYING = ["SIS_LoadConcept", "SIS_ApplyConcept"];
// Where a CLIP begins. What other packs' nodes bring, nobody knows: nothing is said of it.
const LOADERS = ["CheckpointLoaderSimple", "CheckpointLoader", "CLIPLoader", "unCLIPCheckpointLoader"];
const MENTION = /[<＜]\s*([^<>＜＞:：]+?)\s*(?:[:：][^<>＜＞]*)?[>＞]/g;

/** @type {WeakMap<GraphNode, string>} what is said of each node */
const said = new WeakMap();

/**
 * Looks at every prompt of a graph and of the subgraphs in it.
 * @param {Graph | undefined} graph
 */
export function lookAtPrompts(graph) {
  for (const node of graph?.nodes ?? []) {
    if (node.subgraph) lookAtPrompts(node.subgraph);
    const names = unloadedNames(node);
    if (names.join() === (said.get(node) ?? "")) continue;
    said.set(node, names.join());
    const sentences = names.map((name) => say("notLoaded", { name }));
    showInPanel(node, "unloaded", names.length ? list(sentences) : null);
  }
}

/** @param {GraphNode} node */
function unloadedNames(node) {
  if (node.mode === MUTED || node.mode === BYPASSED) return [];
  const texts = (node.widgets ?? [])
    .filter(({ name, value }) => typeof value === "string" && /[<＜]/.test(value) && !isLinked(node, name))
    .map(({ value }) => String(value));
  if (!texts.length || !comesFromALoader(node)) return [];
  const written = texts.flatMap((text) => [...text.matchAll(MENTION)].map(([, name]) => name));
  return [...new Set(written.filter(isSaved))];
}

/**
 * Whether a concept may be meant by what is written in brackets.
 * @param {string} written
 */
export function isSaved(written) {
  const [wanted, ...names] = [written, ...allConcepts().map(({ name }) => name)].map(spelled);
  return names.some((name) => name === wanted || name.endsWith(`/${wanted}`));
}

/**
 * Whether a node's CLIP comes from a loader, past no node that puts a concept on it.
 * @param {GraphNode} start
 */
function comesFromALoader(start) {
  /** @type {GraphNode | undefined} */
  let node = start;
  for (const seen = new Set(); node && !seen.has(node); node = clipOf(node)) {
    seen.add(node);
    if (node !== start && LOADERS.includes(node.type)) return true;
    if (node !== start && APPLYING.includes(node.type) && node.mode !== BYPASSED) return false;
  }
  return false;
}

/**
 * The node that a node has its CLIP from; unknown for one that is a subgraph, or whose CLIP comes from around its own.
 * @param {GraphNode} node
 * @returns {GraphNode | undefined}
 */
function clipOf(node) {
  if (node.subgraph) return undefined;
  const slot = node.inputs?.findIndex(({ type, link }) => type === "CLIP" && link != null) ?? -1;
  const link = slot < 0 ? null : node.getInputLink?.(slot);
  return (link && node.graph?.getNodeById(link.origin_id)) ?? undefined;
}
