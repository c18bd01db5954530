// Which live view shows which run: from events, from the server's memory after a reload, from a node's own result.
import { api } from "../lib/host.mjs";
import { Histories } from "../lib/histories.mjs";
import { NO_ID, after, nodeAt, rootGraph } from "../lib/page.mjs";
import { onResult } from "../lib/results.mjs";
import { onTurn } from "../lib/turns.mjs";
import { addView } from "../lib/views.mjs";
import { View } from "./view.mjs";

/** @import { History } from "../lib/histories.mjs" */
/** @import { Turn } from "../lib/turns.mjs" */
/** @import { GraphNode } from "../types/host" */
/** @import { RunMessage } from "../types/messages" */

/** @type {Record<string, string>} which node shows which kind of run */
export const KINDS = {
  SIS_TrainStage1: "stage1",
  SIS_TrainStage2: "stage2",
  SIS_ImagicTextOptimize: "text",
  SIS_NullTextInvert: "inversion",
};
const HEIGHT = 220; // style.css knows it too

const histories = new Histories();
/** @type {WeakMap<GraphNode, View>} */
const views = new WeakMap();
/** @type {Set<View>} those whose clock goes on */
const running = new Set();
/** @type {Map<View, History | null>} what is shown at the next frame */
const waiting = new Map();
/** @typedef {{ history: History | null, isReached: boolean }} Kept */
/** @type {WeakMap<View, Kept>} what a run hides until it tells of the node */
const hidden = new WeakMap();

/**
 * Puts a live view on a node.
 * @param {GraphNode} node
 */
export function addLiveView(node) {
  const view = new View();
  const height = () => HEIGHT;
  const widget = addView(node, "live_view", view.element, height, height);
  views.set(node, view);
  after(widget, "onRemove", () => running.delete(view));
  onResult(node, (output, { workflow }) => takeResult(view, output, workflow));
  onTurn(node, (turn) => turned(view, turn));
}

/**
 * An event's news.
 * @param {RunMessage} message
 */
export function take(message) {
  place(histories.take(message));
}

/**
 * A node's turn in a run. What an earlier run left is hidden until the run comes to the node; if it never does, that is
 * shown again, as the earlier run's.
 * @param {View} view
 * @param {Turn} turn
 */
function turned(view, { state }) {
  const kept = hidden.get(view);
  const history = kept?.history ?? waiting.get(view) ?? view.history;
  if (state === "queued") {
    hidden.set(view, { history, isReached: false });
    waiting.delete(view);
    view.queue();
  } else if (state === "running") {
    if (kept) kept.isReached = true;
  } else {
    const isPassed = kept !== undefined && state !== "done";
    const isNews = kept !== undefined || history?.isPassed;
    hidden.delete(view);
    if (history) history.isPassed = isPassed;
    if (isNews) show(view, history);
  }
}

/** Everything that is known of the open workflow, the server's memory included. */
export async function restore() {
  const workflow = rootGraph()?.id;
  histories.of(workflow).filter(isOurs).forEach(place);
  const runs = await askServer(workflow);
  if (!runs) return;
  runs.map((run) => histories.take(run)).filter(isOurs).forEach(place);
  histories.forgetLost(workflow, runs).forEach(place);
}

/** Lets the clocks go on. */
export function tick() {
  for (const view of running) view.tick();
}

/**
 * The server's memory; null from one that cannot be reached, which is asked again when it is back.
 * @param {string | undefined} workflow
 * @returns {Promise<RunMessage[] | null>}
 */
async function askServer(workflow) {
  const route = `/single_image_studio/live?workflow=${encodeURIComponent(String(workflow))}`;
  const answer = await api.fetchApi(route).catch(() => null);
  return answer?.ok ? (await answer.json()).runs : null;
}

/**
 * A result from the host's cache comes without events, and may have been made in another tab.
 * @param {View} view
 * @param {{ sis_live?: RunMessage[] }} output
 * @param {string | undefined} workflow
 */
function takeResult(view, output, workflow) {
  const whole = output.sis_live?.[0];
  const history = whole && histories.take({ ...whole, workflow });
  if (history) show(view, history);
}

/**
 * Whether an earlier run is surely this workflow's. One without an id of its own is believed only while it runs.
 * @param {History | null} history
 */
function isOurs(history) {
  return history !== null && (history.facts.workflow !== NO_ID || history.isRunning);
}

/** @param {History | null} history */
function place(history) {
  if (!history || history.facts.workflow !== rootGraph()?.id) return;
  const node = nodeAt(history.facts.node);
  const view = node && views.get(node);
  if (view && KINDS[node.comfyClass ?? ""] === history.facts.kind) show(view, history);
}

/**
 * Shows a history at the next frame: many events between two frames cost one drawing.
 * @param {View} view
 * @param {History | null} history
 */
function show(view, history) {
  const kept = hidden.get(view);
  if (kept && !kept.isReached) {
    kept.history = history;
    return;
  }
  hidden.delete(view);
  if (!waiting.size) requestAnimationFrame(drawWaiting);
  waiting.set(view, history);
}

function drawWaiting() {
  for (const [view, history] of waiting) {
    view.update(history);
    if (history?.isRunning) running.add(view);
    else running.delete(view);
  }
  waiting.clear();
}
