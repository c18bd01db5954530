// What the host puts on a node while it runs, and how it goes again.
import { app } from "../lib/host.mjs";
import { isVue, nodeAt } from "../lib/page.mjs";

/** @import { GraphNode } from "../types/host" */

const PICTURE = "$$canvas-image-preview"; // the host's widgets
const TEXT = "$$node-text-preview";
const DELAY = 500; // ms: the host itself takes previews away after 400, and the last may still be loading

/** @typedef {{ node: GraphNode, height: number, isRunning: boolean }} Watched */

/** @type {Map<string, Watched>} our nodes of the present run, by the executor's ids */
const watched = new Map();

/** @param {Record<string, { state: string }>} states of the nodes of a run */
export function follow(states) {
  for (const [id, { state }] of Object.entries(states)) {
    const node = nodeAt(id);
    if (!node?.comfyClass?.startsWith("SIS_")) continue;
    const known = watched.get(id);
    if (state === "running" && known?.node !== node) watched.set(id, { node, height: node.size[1], isRunning: true });
    else if (known?.isRunning && state === "finished") finish(id, known);
  }
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
  setTimeout(() => removePicture(one), DELAY);
}

/** The page's store of previews; undefined where a version keeps them elsewhere, and then they stay. */
function previewStore() {
  return app.extensionManager?._p?._s?.get("nodeOutput");
}

/** @param {Watched} one */
function removePicture(one) {
  const { node } = one;
  if (!node.preview || node.images?.length) return; // it shows a result
  Object.assign(node, { imgs: undefined, preview: undefined, imageIndex: null, overIndex: null });
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
