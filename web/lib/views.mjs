// How our widgets come onto nodes, with the one stylesheet of them all.
import { element } from "./elements.mjs";
import { app } from "./host.mjs";
import { keepKeys } from "./keys.mjs";

/** @import { GraphNode } from "../types/host" */

const { href } = new URL("../style.css", import.meta.url);
document.head.append(element("link", { rel: "stylesheet", href }));

/**
 * Puts an element on a node, below its widgets. Neither the saved workflow nor the queued prompt knows of it.
 * @param {GraphNode} node
 * @param {string} name of the widget
 * @param {HTMLElement} content
 * @param {() => number} height that it needs, in the graph's units
 * @param {() => number} [most] height that it takes; without it all that the node has
 */
export function addView(node, name, content, height, most) {
  const limits = { getMinHeight: height, ...(most && { getMaxHeight: most }) };
  const widget = node.addDOMWidget(name, name, content, { serialize: false, hideOnZoom: false, ...limits });
  widget.serialize = false;
  keepKeys(content);
  passWheel(content);
  return widget;
}

/**
 * Lets the wheel zoom the canvas that an element lies over, as it does in the classic renderer.
 * @param {HTMLElement} content
 */
function passWheel(content) {
  content.addEventListener("wheel", (event) => {
    if (!window.LiteGraph?.vueNodesMode) app.canvas.processMouseWheel(event);
  });
}
