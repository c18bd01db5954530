// Which node shows which warnings: from events while it runs, from its result, and from this tab's memory after a
// reload or a change of workflow.
import { element } from "../lib/elements.mjs";
import { runOf } from "../lib/origin.mjs";
import { NO_ID, nodeAt, rootGraph } from "../lib/page.mjs";
import { showInPanel } from "../lib/panel.mjs";
import { rich } from "../lib/rich.mjs";
import { keep, recall } from "../lib/tab_memory.mjs";
import { say } from "../lib/words.mjs";
import { sentence } from "./sentences.mjs";
import { WarningStore } from "./store.mjs";

/** @import { Run } from "../lib/origin.mjs" */
/** @import { NodeResult, WarningMessage } from "../types/messages" */

const MEMORY = "single_image_studio.warnings";

const store = new WarningStore(recall(MEMORY) ?? {});
/** @type {Promise<Run>} the run that goes on */
let running = runOf();

/**
 * A warning as it arises.
 * @param {WarningMessage} message
 */
export function take({ workflow, node, prompt_id, ...warning }) {
  if (workflow === null) return;
  store.add(workflow, node, prompt_id, warning);
  changed(workflow, node);
}

/** @param {{ prompt_id: string }} start */
export function begin({ prompt_id }) {
  running = runOf(prompt_id);
}

/**
 * A node runs. One whose result is reused does not, and keeps its warnings.
 * @param {string | null} node
 */
export async function enter(node) {
  const { prompt_id, workflow } = await running;
  if (node === null || workflow === null || prompt_id === null) return;
  store.begin(workflow, String(node), prompt_id);
  changed(workflow, String(node));
}

/**
 * A node's result, reused or new, says all that it was warned of.
 * @param {NodeResult} result
 */
export async function finish({ node, display_node, output, prompt_id }) {
  if (!Array.isArray(output?.warnings)) return;
  const { workflow } = await runOf(prompt_id);
  if (workflow === null) return;
  const shown = String(display_node ?? node);
  store.put(workflow, shown, prompt_id, output.warnings);
  changed(workflow, shown);
}

/** Shows what is known of the open workflow. One without an id of its own may be another that was opened since. */
export function restore() {
  store.forget(NO_ID);
  const workflow = rootGraph()?.id;
  if (workflow) store.nodes(workflow).forEach((node) => draw(workflow, node));
}

/**
 * @param {string} workflow
 * @param {string} node
 */
function changed(workflow, node) {
  keep(MEMORY, store.kept);
  if (workflow === rootGraph()?.id) draw(workflow, node);
}

/**
 * @param {string} workflow
 * @param {string} id
 */
function draw(workflow, id) {
  const node = nodeAt(id);
  const warnings = store.of(workflow, id);
  if (node) showInPanel(node, "warnings", warnings.length ? list(warnings.map(sentence)) : null);
}

/**
 * Warnings, as a list.
 * @param {string[]} sentences
 * @param {string} [kind] a class of its own
 */
export function list(sentences, kind = "") {
  const items = sentences.map((text) => element("li", {}, ...rich(text)));
  return element("ul", { class: `sis-warnings ${kind}`, "aria-label": say("warnings") }, ...items);
}
