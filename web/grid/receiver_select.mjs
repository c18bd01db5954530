// The list of the nodes that a click on a cell can send its values to.
import { element } from "../lib/elements.mjs";
import { say } from "../lib/words.mjs";
import { receiversOf, titleOf } from "./receivers.mjs";

/** @import { GraphNode } from "../types/host" */

export class ReceiverSelect {
  /** @param {GraphNode} node Edit Grid's */
  constructor(node) {
    this.node = node;
    this.element = element("select", { "aria-label": say("receiver") });
  }

  /** Whether there is more than one choice. */
  get isUseful() {
    return this.element.options.length > 1;
  }

  /** Whether there is any node that could take the values. */
  get hasAny() {
    return this.element.options.length > 0;
  }

  /** Lists the nodes that there are now. Returns those that are chosen. */
  update() {
    const { all, own } = receiversOf(this.node);
    this.#list(choices(all, own));
    const { value } = this.element;
    return value ? all.filter((node) => String(node.id) === value) : own;
  }

  /** @param {[string, string][]} options values and labels */
  #list(options) {
    const select = this.element;
    const shown = [...select.options].map((option) => [option.value, option.label]);
    if (String(options) === String(shown)) return; // never under an open list
    const before = select.value;
    select.replaceChildren(...options.map(([value, label]) => element("option", { value }, label)));
    select.value = options.some(([value]) => value === before) ? before : "";
  }
}

/**
 * The first choice, "", stands for the grid's own receivers; the others for one node each.
 * @param {GraphNode[]} all
 * @param {GraphNode[]} own
 * @returns {[string, string][]}
 */
function choices(all, own) {
  const others = all.filter((node) => own.length !== 1 || node !== own[0]);
  /** @type {[string, string][]} */
  const each = others.map((node) => [String(node.id), say("sendTo", { node: titleOf(node) })]);
  return all.length ? [["", firstLabel(own)], ...each] : each;
}

/** @param {GraphNode[]} own */
function firstLabel(own) {
  if (own.length === 1) return say("sendTo", { node: titleOf(own[0]) });
  return own.length ? say("sendToAlike", { count: own.length }) : say("chooseReceiver");
}
