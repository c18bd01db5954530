// Which workflow a run is of: the host gives a run's results to whatever graph is open, by the ids of its nodes alone.
import { api } from "./host.mjs";
import { NO_ID, rootGraph } from "./page.mjs";

/** @import { GraphNode } from "../types/host" */

/** @typedef {{ prompt_id: string | null, workflow: string | null }} Run */

const ROUTE = "/single_image_studio/run";
const MOST = 50; // runs that are remembered

/** @type {Map<string, Promise<Run>>} */
const asked = new Map();
/** @type {Map<string, WeakSet<GraphNode>>} the open graph's nodes when each run began */
const present = new Map();

/**
 * A run and its workflow.
 * @param {string} [prompt_id] without one the run that goes on now
 * @returns {Promise<Run>} with null for what nobody knows
 */
export function runOf(prompt_id) {
  if (prompt_id === undefined) return ask("");
  const known = asked.get(prompt_id);
  if (known) return known;
  const answer = ask(`?prompt=${encodeURIComponent(prompt_id)}`);
  answer.then(({ workflow }) => { if (workflow === null) asked.delete(prompt_id); }); // the next one asks again
  remember(asked, prompt_id, answer);
  return answer;
}

/** @param {string} prompt_id of a run that begins */
export function begins(prompt_id) {
  remember(present, prompt_id, new WeakSet(rootGraph()?.nodes));
}

/**
 * Whether a workflow has an id of its own, by which it is known again.
 * @param {string | null} workflow
 * @returns {workflow is string}
 */
export function isNamed(workflow) {
  return workflow !== null && workflow !== NO_ID;
}

/**
 * Whether a node of the open graph is the one that a run had: by its workflow or, where that has no id of its own, by
 * having been there when the run began.
 * @param {string} prompt_id
 * @param {string | null} workflow
 * @param {string} node by the executor's ids
 */
export function isOpen(prompt_id, workflow, node) {
  const graph = rootGraph();
  if (isNamed(workflow)) return workflow === graph?.id;
  const [outer] = node.split(":");
  return graph?.nodes.some((one) => String(one.id) === outer && present.get(prompt_id)?.has(one)) ?? false;
}

/**
 * @param {string} query
 * @returns {Promise<Run>}
 */
async function ask(query) {
  const answer = await api.fetchApi(ROUTE + query).catch(() => null);
  return answer?.ok ? answer.json() : { prompt_id: null, workflow: null };
}

/**
 * @template T
 * @param {Map<string, T>} map
 * @param {string} key
 * @param {T} value
 */
function remember(map, key, value) {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MOST) map.delete(oldest);
}
