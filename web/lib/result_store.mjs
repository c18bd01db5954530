// The newest result of each node, in all workflows of this tab. Pure data: no page, no graph.

/** @typedef {Record<string, any>} Output of a node's run */
/** @typedef {{ workflow: string, node: string, output: Output, size: number }} Entry size: letters of its JSON */

const MOST_ENTRIES = 300;
const MOST_LETTERS = 1_000_000; // the page itself keeps workflows beside them, and a browser keeps five million

export class ResultStore {
  /** @param {Entry[]} entries the oldest first */
  constructor(entries = []) {
    this.entries = entries;
  }

  /**
   * A node's newest result; the oldest of all go when there are too many.
   * @param {string} workflow
   * @param {string} node
   * @param {Output} output
   */
  put(workflow, node, output) {
    this.drop(workflow, node);
    const entry = { workflow, node, output, size: JSON.stringify(output).length };
    this.entries = [...this.entries, entry].slice(-MOST_ENTRIES);
    let letters = this.entries.reduce((sum, { size }) => sum + size, 0);
    while (letters > MOST_LETTERS) letters -= this.entries.shift()?.size ?? letters;
  }

  /**
   * Forgets a node's result.
   * @param {string} workflow
   * @param {string} node
   */
  drop(workflow, node) {
    this.entries = this.entries.filter((entry) => entry.workflow !== workflow || entry.node !== node);
  }

  /**
   * A workflow's results, by node.
   * @param {string} workflow
   * @returns {[string, Output][]}
   */
  of(workflow) {
    return this.entries.filter((entry) => entry.workflow === workflow).map(({ node, output }) => [node, output]);
  }
}
