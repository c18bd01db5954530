// What every node was warned of in its newest run, in all workflows. Pure data: no page, no graph.

/** @import { Warning } from "../types/messages" */

/** @typedef {{ prompt: string, warnings: Warning[] }} Entry a node's run and its warnings */
/** @typedef {Record<string, Record<string, Entry>>} Kept by workflow and node */

const MOST_WORKFLOWS = 50;

export class WarningStore {
  /** @param {Kept} kept */
  constructor(kept = {}) {
    this.kept = kept;
  }

  /**
   * A node's warnings.
   * @param {string} workflow
   * @param {string} node
   */
  of(workflow, node) {
    return this.kept[workflow]?.[node]?.warnings ?? [];
  }

  /**
   * The nodes of a workflow that have any.
   * @param {string} workflow
   */
  nodes(workflow) {
    return Object.keys(this.kept[workflow] ?? {});
  }

  /**
   * A node runs: what an earlier run warned of is over.
   * @param {string} workflow
   * @param {string} node
   * @param {string} prompt
   */
  begin(workflow, node, prompt) {
    const entry = this.kept[workflow]?.[node];
    if (entry && entry.prompt !== prompt) this.put(workflow, node, prompt, []);
  }

  /**
   * @param {string} workflow
   * @param {string} node
   * @param {string} prompt
   * @param {Warning} warning
   */
  add(workflow, node, prompt, warning) {
    this.begin(workflow, node, prompt);
    const before = this.of(workflow, node);
    if (!before.some((known) => known.text === warning.text))
      this.put(workflow, node, prompt, [...before, warning]);
  }

  /**
   * All that a run has warned of.
   * @param {string} workflow
   * @param {string} node
   * @param {string} prompt
   * @param {Warning[]} warnings
   */
  put(workflow, node, prompt, warnings) {
    const nodes = (this.kept[workflow] ??= {});
    if (warnings.length) nodes[node] = { prompt, warnings };
    else delete nodes[node];
    if (!Object.keys(nodes).length) this.forget(workflow);
    for (const old of Object.keys(this.kept).slice(0, -MOST_WORKFLOWS)) this.forget(old);
  }

  /** @param {string} workflow */
  forget(workflow) {
    delete this.kept[workflow];
  }
}
