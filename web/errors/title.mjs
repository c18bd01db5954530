// What a failed node is called: as on the open graph, or as in the workflow that it failed in.
import { app } from "../lib/host.mjs";
import { isOpen, runOf } from "../lib/origin.mjs";
import { nodeAt } from "../lib/page.mjs";
import { runNamed } from "../lib/runs.mjs";
import { say } from "../lib/words.mjs";

/** @import { Failure } from "../types/messages" */

/**
 * A failed node's title and, of one in another workflow than the open one, that it is.
 * @param {Failure} failure
 */
export async function titleOf(failure) {
  const { prompt_id, node_id } = failure;
  const { workflow } = await runOf(prompt_id);
  const isHere = isOpen(prompt_id, workflow, node_id);
  const title = (isHere && nodeAt(node_id)?.title) || await titleInRun(failure);
  if (isHere) return title;
  const name = fileOf(workflow);
  return name ? say("inWorkflow", { title, name }) : say("inAnotherWorkflow", { title });
}

/**
 * The title that the node was queued with, else that of its class.
 * @param {Failure} failure
 * @returns {Promise<string>}
 */
async function titleInRun({ prompt_id, node_id, node_type = "" }) {
  const run = await runNamed(prompt_id);
  const title = run?.nodes[node_id]?._meta?.title;
  return title || window.LiteGraph?.registered_node_types?.[node_type]?.title || "Single Image Studio";
}

/**
 * What the page calls an open workflow; undefined for one that is not open, or without a name.
 * @param {string | null} id
 */
function fileOf(id) {
  return app.extensionManager?.workflow?.openWorkflows?.find(({ activeState }) => activeState?.id === id)?.filename;
}
