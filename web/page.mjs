// What the pack's page extensions share. An .mjs: the host loads every .js of this folder as an extension of its own.
import { app } from "../../scripts/app.js";

/** An element with attributes, properties (functions as listeners) and children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Adds a stylesheet of this folder to the page, once. */
export function addStyle(file) {
  const { href } = new URL(file, import.meta.url);
  if (!document.querySelector(`link[href="${href}"]`)) document.head.append(element("link", { rel: "stylesheet", href }));
}

/** Lets `then` run after an object's method, whoever else has chained to it. */
export function after(object, method, then) {
  const before = object[method];
  object[method] = function (...given) {
    const result = before?.apply(this, given);
    then.apply(this, given);
    return result;
  };
}

/** All nodes of a class, those inside subgraphs too. */
export function nodesOf(type, graph = app.rootGraph ?? app.graph) {
  const found = [];
  for (const node of graph?.nodes ?? []) {
    if (node.type === type) found.push(node);
    if (node.subgraph) found.push(...nodesOf(type, node.subgraph));
  }
  return found;
}

/** The node of an id such as "4", or "2:4" inside a subgraph, in the open workflow. */
export function nodeAt(id) {
  const path = String(id).split(":");
  return path.reduce((graph, step, depth) => {
    const node = graph?.getNodeById(step) ?? graph?.getNodeById(Number(step)); // ids are numbers in some frontends, strings in others
    return depth === path.length - 1 ? node : node?.subgraph;
  }, app.rootGraph ?? app.graph);
}

export function widgetOf(node, name) {
  return node.widgets?.find((widget) => widget.name === name);
}

/** Whether a widget's value comes over a wire, so that the widget itself has no say. */
export function isLinked(node, name) {
  return node.inputs?.some((input) => input.name === name && input.link != null) ?? false;
}

/** Sets a widget as if the user had. */
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

/** Puts an element on a node, below its widgets. Neither the saved workflow nor the queued prompt knows of it. */
export function addView(node, name, content, height) {
  const widget = node.addDOMWidget(name, name, content, { serialize: false, hideOnZoom: false, getMinHeight: height });
  widget.serialize = false;
  // The host's shortcuts (Delete, Ctrl+C …) must not act on the graph while one works in here.
  content.addEventListener("keydown", (event) => event.stopPropagation());
  return widget;
}
