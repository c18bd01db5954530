// What the host still knows of earlier runs: it tells nothing by itself after a reload of the page, a change of tab, or
// for a node whose result it reuses.
import { api } from "./host.mjs";
import { isNamed } from "./origin.mjs";
import { rootGraph } from "./page.mjs";

/** @import { GraphNode } from "../types/host" */

/**
 * One run. nodes: what was queued, by the executor's ids; workflow: the page's id of its workflow; outputs: by the
 * executor's ids, none of a run that goes on.
 * @typedef {{ prompt_id: string, nodes: Record<string, any>, workflow?: string, outputs: Record<string, any> }} Run
 * @typedef {[number, string, Record<string, any>, { extra_pnginfo?: { workflow?: { id?: string } } }]} Queued
 */

const MOST_RUNS = 24;
const KEEP = 2000; // ms: one question for all nodes of a graph

/** @type {Promise<Run[]> | null} */
let runs = null;

/**
 * The runs that the host knows, the newest first.
 * @param {boolean} [anew] asks also where the answer is only a moment old
 */
export function recentRuns(anew = false) {
  if (!runs || anew) {
    const asked = ask();
    runs = asked;
    setTimeout(() => { if (runs === asked) runs = null; }, KEEP);
  }
  return runs;
}

/** The running one first: between the two answers a run can end, but not be lost. */
async function ask() {
  const { queue_running = [] } = await json("/queue");
  const ended = Object.values(await json(`/history?max_items=${MOST_RUNS}`)).reverse();
  /** @type {[Queued, Record<string, any>][]} */
  const told = [...queue_running.map((/** @type {Queued} */ queued) => [queued, {}]),
    ...ended.map(({ prompt, outputs }) => [prompt, outputs ?? {}])];
  return told.filter(([prompt]) => prompt).map(([prompt, outputs]) => runOf(prompt, outputs));
}

/**
 * A run that goes on or has ended; undefined for one that the host does not know, or no more.
 * @param {string} prompt_id
 * @returns {Promise<Run | undefined>}
 */
export async function runNamed(prompt_id) {
  const { queue_running = [] } = await json("/queue"); // first: what ends goes from here to the history
  const queued = queue_running.find((/** @type {Queued} */ [, id]) => id === prompt_id);
  if (queued) return runOf(queued, {});
  const ended = (await json(`/history/${encodeURIComponent(prompt_id)}`))[prompt_id];
  return ended && runOf(ended.prompt, ended.outputs ?? {});
}

/**
 * @param {Queued} queued
 * @param {Record<string, any>} outputs
 * @returns {Run}
 */
function runOf([, prompt_id, nodes, extra], outputs) {
  return { prompt_id, nodes, workflow: extra?.extra_pnginfo?.workflow?.id, outputs };
}

/** @param {string} route */
async function json(route) {
  const answer = await api.fetchApi(route).catch(() => null);
  return answer?.ok ? answer.json() : {};
}

/**
 * Whether a run is surely the open workflow's: one without an id of its own may be another's.
 * @param {Run} run
 */
export function isOfOpenWorkflow({ workflow }) {
  return isNamed(workflow ?? null) && workflow === rootGraph()?.id;
}

/**
 * The executor's id of a node; inside a subgraph it follows those of the nodes around it.
 * @param {GraphNode} node
 * @param {string[]} ids the executor's
 */
export function idAmong({ id }, ids) {
  return ids.find((known) => `:${known}`.endsWith(`:${id}`));
}
