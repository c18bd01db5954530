// A grid's last run after a reload of the page or a change of tab: the host tells nothing by itself, but its history
// still has it.
import { api, app } from "../lib/host.mjs";
import { NO_ID, rootGraph } from "../lib/page.mjs";

/** @import { GraphNode } from "../types/host" */
/** @import { GridOutput } from "../types/messages" */

const MOST_RUNS = 24;
const KEEP = 2000; // ms: one question for all nodes of a graph

/** @typedef {{ prompt?: any[], outputs?: Record<string, any> }} Run in the host's history */

/** @type {Promise<Record<string, Run>> | null} */
let history = null;

/**
 * The output of a node's last run in the open workflow, or null.
 * @param {GraphNode} node
 * @returns {Promise<GridOutput | null>}
 */
export async function earlierOutput(node) {
  const kept = outputOf(node, app.nodeOutputs ?? {});
  if (kept) return kept;
  const runs = Object.values(await recentRuns()).reverse().filter(isOfOpenWorkflow);
  for (const run of runs) {
    const output = outputOf(node, run.outputs ?? {});
    if (output) return output;
  }
  return null;
}

function recentRuns() {
  history ??= api.fetchApi(`/history?max_items=${MOST_RUNS}`).then(
    (answer) => (answer.ok ? answer.json() : {}),
    () => ({}),
  );
  setTimeout(() => { history = null; }, KEEP);
  return history;
}

/** @param {Run} run */
function isOfOpenWorkflow(run) {
  const id = run.prompt?.[3]?.extra_pnginfo?.workflow?.id;
  return id && id !== NO_ID && id === rootGraph()?.id;
}

/**
 * A node's output; inside a subgraph its id follows those of the nodes around it.
 * @param {GraphNode} node
 * @param {Record<string, any>} outputs by the executor's ids
 * @returns {GridOutput | undefined}
 */
function outputOf({ id }, outputs) {
  const key = Object.keys(outputs).find((key) => `:${key}`.endsWith(`:${id}`) && outputs[key]?.sheets);
  return key === undefined ? undefined : outputs[key];
}
