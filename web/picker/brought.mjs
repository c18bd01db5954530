// The name that a wire brought to Load Concept. A run tells it, but not where it reuses an earlier result, and nothing
// tells it after a reload of the page: then it is read in the runs that the host remembers.
import { rootGraph } from "../lib/page.mjs";
import { idAmong, isOfOpenWorkflow, recentRuns } from "../lib/runs.mjs";

/** @import { GraphNode } from "../types/host" */
/** @import { Run } from "../lib/runs.mjs" */

const LOADED = "loaded_concept"; // in a run's output

/**
 * @param {Record<string, any> | null | undefined} output of a node's run
 * @returns {string | undefined}
 */
export function nameIn(output) {
  return output?.[LOADED]?.[0];
}

/**
 * The name of a node's last run in the open workflow.
 * @param {GraphNode} node
 */
export async function earlierName(node) {
  const runs = await recentRuns();
  return nameOf(node, runs, runs.find((run) => isOfOpenWorkflow(run) && idAmong(node, Object.keys(run.nodes))));
}

/**
 * The names in a run that reuses these nodes' results; undefined in a run of another workflow, and where
 * the host has forgotten the run that made it.
 * @param {GraphNode[]} nodes
 * @param {string} prompt_id
 * @returns {Promise<[GraphNode, string | undefined][]>}
 */
export async function reusedNames(nodes, prompt_id) {
  const runs = await recentRuns(true);
  const reusing = runs.find((run) => run.prompt_id === prompt_id);
  const last = reusing?.workflow === rootGraph()?.id ? reusing : undefined;
  return nodes.map((node) => [node, nameOf(node, runs, last)]);
}

/**
 * As told by the newest run in which the node had the same nodes before it.
 * @param {GraphNode} node
 * @param {Run[]} runs the newest first
 * @param {Run | undefined} last
 */
function nameOf(node, runs, last) {
  const id = last && idAmong(node, Object.keys(last.nodes));
  if (!id) return undefined;
  const wanted = withAllBefore(last.nodes, id);
  const told = runs.find(({ nodes, outputs }) => nameIn(outputs[id]) && withAllBefore(nodes, id) === wanted);
  return nameIn(told?.outputs[id]);
}

/**
 * A node and all that it gets its inputs from, as one text.
 * @param {Record<string, any>} nodes
 * @param {string} id
 */
function withAllBefore(nodes, id) {
  const ids = new Set([id]);
  for (const known of ids) // grows while it is walked
    for (const input of Object.values(nodes[known]?.inputs ?? {}))
      if (Array.isArray(input) && String(input[0]) in nodes) ids.add(String(input[0]));
  return JSON.stringify([...ids].sort().map((known) => [known, nodes[known].class_type, nodes[known].inputs]));
}
