// The open workflow: its graph, nodes and widgets.
import { app } from "./host.mjs";

/** @import { Graph, GraphNode, Widget } from "../types/host" */

/** The id that the host gives to every graph that the page has never saved. */
export const NO_ID = "00000000-0000-0000-0000-000000000000";

/** Modes of a node, as LiteGraph numbers them. */
export const MUTED = 2;
export const BYPASSED = 4;

/** Whether the page draws nodes as elements ("Nodes 2.0"), not on a canvas. */
export function isVue() {
  return window.LiteGraph?.vueNodesMode ?? false;
}

/** The outermost graph. */
export function rootGraph() {
  return app.rootGraph ?? app.graph;
}

/**
 * All nodes of a class, those inside subgraphs too.
 * @param {string} type
 * @param {Graph} [graph]
 * @returns {GraphNode[]}
 */
export function nodesOf(type, graph = rootGraph()) {
  return (graph?.nodes ?? []).flatMap((node) => [
    ...(node.type === type ? [node] : []),
    ...(node.subgraph ? nodesOf(type, node.subgraph) : []),
  ]);
}

/**
 * The node of an id such as "4", or "2:4" inside a subgraph.
 * @param {string | number} id
 * @returns {GraphNode | undefined}
 */
export function nodeAt(id) {
  const steps = String(id).split(":");
  /** @type {Graph | undefined} */
  let graph = rootGraph();
  for (const step of steps.slice(0, -1)) graph = child(graph, step)?.subgraph;
  return child(graph, steps[steps.length - 1]);
}

/**
 * Ids are numbers in some frontends, strings in others.
 * @param {Graph | undefined} graph
 * @param {string} id
 */
function child(graph, id) {
  return graph?.getNodeById(id) ?? graph?.getNodeById(Number(id)) ?? undefined;
}

/**
 * @param {GraphNode} node
 * @param {string} name
 * @returns {Widget | undefined}
 */
export function widgetOf(node, name) {
  return node.widgets?.find((widget) => widget.name === name);
}

/**
 * Whether a widget's value comes over a wire, so that the widget itself has no say.
 * @param {GraphNode} node
 * @param {string} name
 */
export function isLinked(node, name) {
  return node.inputs?.some((input) => input.name === name && input.link != null) ?? false;
}

/**
 * Sets a widget as if the user had.
 * @param {GraphNode} node
 * @param {string} name
 * @param {unknown} value
 */
export function setWidget(node, name, value) {
  const widget = widgetOf(node, name);
  if (!widget) return;
  const old = widget.value;
  widget.value = value;
  widget.callback?.(value, app.canvas, node);
  if (widget.value !== value) widget.value = value; // a callback may have rounded it to the widget's step
  node.onWidgetChanged?.(name, value, old, widget);
  node.graph?.setDirtyCanvas?.(true, true);
}

/**
 * Lets a function run after an object's method, whoever else has chained to it.
 * @param {Record<string, any> | undefined} object nothing happens without one
 * @param {string} method
 * @param {(...given: any[]) => void} then
 */
export function after(object, method, then) {
  if (!object) return;
  const before = object[method];
  object[method] = function (/** @type {any[]} */ ...given) {
    const result = before?.apply(this, given);
    then.apply(this, given);
    return result;
  };
}
