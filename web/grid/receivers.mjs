// Which nodes may get a cell's values, and how they get them.
import { isLinked, setWidget, widgetOf } from "../lib/page.mjs";
import { say } from "../lib/words.mjs";
import { cellWords } from "./cells.mjs";

/** @import { GraphNode } from "../types/host" */
/** @import { Cell } from "../types/messages" */

const SAMPLER = "SIS_TimestepAwareKSampler";
const CONDITIONING = "SIS_TimestepAwareConditioning";
/** @type {(keyof Cell)[]} */
const VALUES = ["alpha", "source_ratio"];
const MOST_REROUTES = 100; // wires could go in a circle
const ALIKE = 1e-9; // widgets round

/**
 * The nodes that could take the values, and which of them belong to a grid: those with its wires, else the only one.
 * @param {GraphNode} grid
 */
export function receiversOf(grid) {
  const all = (grid.graph?.nodes ?? []).filter(({ type }) => type === SAMPLER || type === CONDITIONING);
  const related = all.filter((node) => node.type === SAMPLER && shareWires(grid, node, ["inversion"]));
  const alike = all.filter(
    (node) => shareWires(grid, node, ["source", "target"]) && (node.type === CONDITIONING || related.includes(node)),
  );
  const own = [alike, related, all.length === 1 ? all : []].find((nodes) => nodes.length) ?? [];
  return { all, own };
}

/**
 * Sets the values of a cell where no wire does. Returns what was done, in words.
 * @param {Cell} cell
 * @param {GraphNode[]} nodes
 */
export function sendTo(cell, nodes) {
  const inputs = nodes.flatMap((node) => VALUES.map((name) => ({ node, name })));
  const wired = inputs.filter(({ node, name }) => isLinked(node, name));
  for (const { node, name } of inputs) if (!isLinked(node, name)) setWidget(node, name, cell[name]);
  const sent = say("sent", { values: cellWords(cell), nodes: nodes.map(titleOf).join(say("and")) });
  if (!wired.length) return sent;
  const names = wired.map(({ node, name }) => say("inputOf", { input: name, node: titleOf(node) }));
  return `${sent} ${say("wired", { inputs: names.join(", ") })}`;
}

/**
 * Whether all of some nodes have a cell's values now.
 * @param {Cell} cell
 * @param {GraphNode[]} nodes
 */
export function allHave(cell, nodes) {
  /** @param {GraphNode} node */
  const has = (node) => VALUES.every((name) => Math.abs(widgetOf(node, name)?.value - cell[name]) < ALIKE);
  return nodes.length > 0 && nodes.every(has);
}

/** @param {GraphNode} node */
export function titleOf(node) {
  return `${node.title ?? node.type} (#${node.id})`;
}

/**
 * Whether inputs of two nodes come from the same outputs.
 * @param {GraphNode} one
 * @param {GraphNode} other
 * @param {string[]} names
 */
function shareWires(one, other, names) {
  return names.every((name) => originOf(one, name) !== null && originOf(one, name) === originOf(other, name));
}

/**
 * Where an input's wire begins, past Reroute nodes: a text to compare, or null.
 * @param {GraphNode} node
 * @param {string} name
 */
function originOf(node, name) {
  const slot = node.inputs?.findIndex((input) => input.name === name) ?? -1;
  let link = slot < 0 ? null : node.getInputLink?.(slot);
  for (let passed = 0; link && passed < MOST_REROUTES; passed++) {
    const before = node.graph?.getNodeById(link.origin_id);
    if (before?.type !== "Reroute") return `${link.origin_id}/${link.origin_slot}`;
    link = before.getInputLink?.(0);
  }
  return null;
}
