// A grid's last run in what the host remembers: where this tab knows none, as in a new one.
import { idAmong, isOfOpenWorkflow, recentRuns } from "../lib/runs.mjs";

/** @import { GraphNode } from "../types/host" */
/** @import { GridOutput } from "../types/messages" */

/**
 * The output of a node's last run in the open workflow, or null.
 * @param {GraphNode} node
 * @returns {Promise<GridOutput | null>}
 */
export async function earlierOutput(node) {
  for (const run of (await recentRuns()).filter(isOfOpenWorkflow)) {
    const output = outputOf(node, run.outputs);
    if (output) return output;
  }
  return null;
}

/**
 * @param {GraphNode} node
 * @param {Record<string, any>} outputs by the executor's ids
 * @returns {GridOutput | undefined}
 */
function outputOf(node, outputs) {
  const id = idAmong(node, Object.keys(outputs).filter((id) => outputs[id]?.sheets));
  return id === undefined ? undefined : outputs[id];
}
