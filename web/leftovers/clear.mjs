// What the host puts on a node while it runs, and how it goes again.
import { app } from "../lib/host.mjs";
import { isOpen, runOf } from "../lib/origin.mjs";
import { isVue, nodeAt } from "../lib/page.mjs";

/** @import { GraphNode } from "../types/host" */

const PICTURE = "$$canvas-image-preview"; // the host's widgets
const TEXT = "$$node-text-preview";
const DELAY = 500; // ms: the host itself takes previews away after 400, and the last may still be loading

/** @typedef {{ node: GraphNode, height: number, isRunning: boolean }} Watched */

/** @type {Map<string, Watched>} our nodes of the present run, by the executor's ids */
const watched = new Map();

/** @param {{ prompt_id: string, nodes: Record<string, { state: string }> }} progress of a run's nodes */
export function follow({ prompt_id, nodes }) {
  for (const [id, { state }] of Object.entries(nodes)) {
    const node = nodeAt(id);
    if (!node?.comfyClass?.startsWith("SIS_")) continue;
    const known = watched.get(id);
    if (known?.node === node && state === "finished" && known.isRunning) finish(id, known);
    else if (known?.node === node && state === "running") known.isRunning = true; // one of a list's items more
    else if (state === "running") start(prompt_id, id, node);
  }
}

/**
 * A node runs: the pictures of its last run are no longer its result.
 * @param {string} prompt_id
 * @param {string} id
 * @param {GraphNode} node
 */
async function start(prompt_id, id, node) {
  const one = { node, height: node.size[1], isRunning: true };
  watched.set(id, one);
  const { workflow } = await runOf(prompt_id);
  const store = previewStore();
  const shown = node.images ?? store?.getNodeOutputs?.(node)?.images;
  if (!shown?.length || !one.isRunning || !isOpen(prompt_id, workflow, id)) return;
  store?.removeNodeOutputs?.(node.id);
  node.images = undefined;
  takePicture(one);
}

/** At the end of a run, however it ended. */
export function clearAll() {
  for (const [id, one] of watched) {
    if (one.isRunning) finish(id, one);
    setTimeout(() => removeWidget(one, TEXT), DELAY);
  }
  watched.clear();
}

/**
 * @param {string} id
 * @param {Watched} one
 */
function finish(id, one) {
  one.isRunning = false;
  const steps = id.split(":"); // a subgraph's node shows the previews of those in it
  steps.forEach((_, i) => previewStore()?.revokePreviewsByExecutionId?.(steps.slice(0, i + 1).join(":")));
  setTimeout(() => {
    if (one.isRunning) return;
    removePicture(one);
    removeWidget(one, TEXT);
  }, DELAY);
}

/** The page's store of previews; undefined where a version keeps them elsewhere, and then they stay. */
function previewStore() {
  return app.extensionManager?._p?._s?.get("nodeOutput");
}

/** @param {Watched} one */
function removePicture(one) {
  if (one.node.preview && !one.node.images?.length) takePicture(one); // else it shows a result
}

/** @param {Watched} one */
function takePicture(one) {
  Object.assign(one.node, { imgs: undefined, preview: undefined, imageIndex: null, overIndex: null });
  removeWidget(one, PICTURE);
}

/**
 * Removes one of the host's widgets, and gives the node its height back.
 * @param {Watched} one
 * @param {string} name
 */
function removeWidget({ node, height }, name) {
  const at = node.widgets?.findIndex((widget) => widget.name === name) ?? -1;
  const [removed] = at < 0 ? [] : node.widgets?.splice(at, 1) ?? [];
  removed?.onRemove?.();
  const least = isVue() ? 0 : node.computeSize?.()[1] ?? 0;
  if (node.size[1] > height) node.setSize?.([node.size[0], Math.max(height, least)]);
  node.graph?.setDirtyCanvas?.(true, true);
}
