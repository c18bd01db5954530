// Shows what training and inversion nodes are doing: puts a live view on each, and feeds it from events, from the
// server's memory after a reload, and from the node's own result.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { Histories } from "./live/history.mjs";
import { HEIGHT, View } from "./live/view.mjs";
import { speaker } from "./live/words.mjs";
import { nodeAt } from "./page.mjs";

const EVENT = "single_image_studio.live";
const KINDS = { SIS_TrainStage1: "stage1", SIS_TrainStage2: "stage2", SIS_ImagicTextOptimize: "text", SIS_NullTextInvert: "inversion" };
const NO_ID = "00000000-0000-0000-0000-000000000000"; // what the host gives workflows in API form, to all the same

const histories = new Histories();
const views = new WeakMap(); // by node
const running = new Set(); // views whose clock goes on
const waiting = new Map(); // view -> history, until the next frame

const rootGraph = () => app.rootGraph ?? app.graph;

/** Shows a history at the next frame: many events between two frames cost one drawing. */
function show(view, history) {
  if (!waiting.size) requestAnimationFrame(drawWaiting);
  waiting.set(view, history);
}

function drawWaiting() {
  for (const [view, history] of waiting) {
    view.update(history);
    if (history.state === "running") running.add(view);
    else running.delete(view);
  }
  waiting.clear();
}

function place(history) {
  if (!history || history.workflow !== rootGraph()?.id) return;
  const node = nodeAt(history.node);
  if (views.has(node) && KINDS[node.comfyClass] === history.kind) show(views.get(node), history);
}

/** Whether an earlier run is surely this workflow's. One without an id of its own is believed only while it runs. */
const isOurs = (history) => history && (history.workflow !== NO_ID || history.state === "running");

/** Everything that is known of the open workflow, the server's memory included. */
async function restore() {
  const workflow = rootGraph()?.id;
  histories.of(workflow).filter(isOurs).forEach(place);
  // a server that cannot be reached is asked again when it is back
  const answer = await api.fetchApi(`/single_image_studio/live?workflow=${encodeURIComponent(workflow)}`).catch(() => null);
  if (!answer?.ok) return;
  const { runs } = await answer.json();
  runs.map((run) => histories.take(run)).filter(isOurs).forEach(place);
  histories.forgetLost(workflow, runs).forEach(place);
}

function addView(node) {
  const view = new View(speaker(app.extensionManager?.setting?.get("Comfy.Locale") ?? navigator.language));
  const height = () => HEIGHT;
  const widget = node.addDOMWidget("live_view", "SIS_LIVE_VIEW", view.element, { serialize: false, hideOnZoom: false, getMinHeight: height, getMaxHeight: height });
  widget.serialize = false; // neither saved nor sent
  views.set(node, view);
  const removed = widget.onRemove;
  widget.onRemove = function (...given) {
    running.delete(view);
    return removed?.apply(this, given);
  };
  // in the classic renderer the view lies over the canvas, which should still zoom
  view.element.addEventListener("wheel", (event) => {
    if (!window.LiteGraph?.vueNodesMode) app.canvas.processMouseWheel(event);
  });
  const executed = node.onExecuted;
  node.onExecuted = function (output, ...more) {
    const result = executed?.call(this, output, ...more);
    // a result from the host's cache comes without events, and may have been made in another tab
    const whole = output?.sis_live?.[0];
    const history = whole && histories.take({ ...whole, workflow: rootGraph()?.id });
    if (history) show(view, history);
    return result;
  };
}

// at once: after a reload during a run the first event comes before `setup`, and the page would complain of it
api.addEventListener(EVENT, ({ detail }) => place(histories.take(detail)));

app.registerExtension({
  name: "SingleImageStudio.LiveView",
  setup() {
    api.addEventListener("reconnected", restore);
    setInterval(() => running.forEach((view) => view.tick()), 1000);
  },
  nodeCreated(node) {
    if (node.comfyClass in KINDS) addView(node);
  },
  afterConfigureGraph: restore,
});
