// The regions that were found for concepts that are kept apart, as small pictures, one for each of a batch.
import { element } from "../lib/elements.mjs";
import { nodeAt, rootGraph } from "../lib/page.mjs";
import { showInPanel } from "../lib/panel.mjs";
import { say } from "../lib/words.mjs";

/** @import { RegionsMessage } from "../types/messages" */

/** @type {Map<string, RegionsMessage>} the newest of each node, by workflow and node */
const newest = new Map();

/**
 * Regions as they are found.
 * @param {RegionsMessage} message
 */
export function take(message) {
  newest.set(`${message.workflow} ${message.node}`, message);
  draw(message);
}

/** Shows what is known of the open workflow. */
export function restore() {
  newest.forEach(draw);
}

/** @param {RegionsMessage} message */
function draw({ workflow, node: id, name, pictures }) {
  const node = workflow !== null && workflow === rootGraph()?.id ? nodeAt(id) : undefined;
  if (!node) return;
  const images = pictures.map((src, index) => {
    const alt = say("regionAlt", { name, number: index + 1 });
    return element("img", { src, alt, title: alt, draggable: "false" });
  });
  const row = element("div", { class: "sis-regions-row" }, ...images);
  showInPanel(node, "regions", element("div", { class: "sis-regions" }, say("regionFound"), row));
}
