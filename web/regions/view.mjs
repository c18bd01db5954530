// The regions that were found for concepts that are kept apart, as small pictures, one for each of a batch.
import { element } from "../lib/elements.mjs";
import { isNamed, runOf } from "../lib/origin.mjs";
import { nodeAt, rootGraph } from "../lib/page.mjs";
import { showInPanel } from "../lib/panel.mjs";
import { ResultStore } from "../lib/result_store.mjs";
import { keep, recall } from "../lib/tab_memory.mjs";
import { say } from "../lib/words.mjs";

/** @import { Run } from "../lib/origin.mjs" */
/** @import { Output } from "../lib/result_store.mjs" */
/** @import { RegionsMessage } from "../types/messages" */

const MEMORY = "single_image_studio.regions";

const store = new ResultStore(recall(MEMORY) ?? []);
/** @type {Promise<Run>} the run that goes on */
let running = runOf();

/**
 * Regions as they are found.
 * @param {RegionsMessage} message
 */
export function take({ workflow, node, ...found }) {
  if (workflow === null) return;
  store.put(workflow, String(node), found);
  changed(workflow, node, found);
}

/** @param {{ prompt_id: string }} start */
export function begin({ prompt_id }) {
  running = runOf(prompt_id);
}

/**
 * A node runs: the places that its concept had in an earlier run are over.
 * @param {string | null} node
 */
export async function enter(node) {
  const { prompt_id, workflow } = await running;
  if (node === null || workflow === null) return;
  const earlier = new Map(store.of(workflow)).get(String(node));
  if (!earlier || earlier.prompt_id === prompt_id) return;
  store.drop(workflow, String(node));
  changed(workflow, node, null);
}

/** Shows what is remembered of the open workflow. One without an id of its own may be another than it was. */
export function restore() {
  const workflow = rootGraph()?.id ?? null;
  if (isNamed(workflow)) for (const [node, found] of store.of(workflow)) draw(node, found);
}

/**
 * @param {string} workflow
 * @param {string} node
 * @param {Output | null} found
 */
function changed(workflow, node, found) {
  keep(MEMORY, store.entries);
  if (workflow === rootGraph()?.id) draw(node, found);
}

/**
 * @param {string} id
 * @param {Output | null} found a RegionsMessage's name and pictures
 */
function draw(id, found) {
  const node = nodeAt(id);
  if (node) showInPanel(node, "regions", found && view(found));
}

/** @param {Output} found */
function view({ name, pictures }) {
  const images = /** @type {string[]} */ (pictures).map((src, index) => {
    const alt = say("regionAlt", { name, number: index + 1 });
    return element("img", { src, alt, title: alt, draggable: "false" });
  });
  const row = element("div", { class: "sis-regions-row" }, ...images);
  return element("div", { class: "sis-regions" }, say("regionFound"), row);
}
