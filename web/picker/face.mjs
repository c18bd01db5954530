// What Load Concept shows of the chosen concept, on its node.
import { copyLine } from "../lib/copy_line.mjs";
import { element } from "../lib/elements.mjs";
import { after, isLinked, nodesOf, setWidget, widgetOf } from "../lib/page.mjs";
import { onResult } from "../lib/results.mjs";
import { idAmong } from "../lib/runs.mjs";
import { addView } from "../lib/views.mjs";
import { say } from "../lib/words.mjs";
import { earlierName, nameIn, reusedNames } from "./brought.mjs";
import { allConcepts, conceptOf, onConcepts, refreshOrTell, summary, thumbnail } from "./concepts.mjs";
import { Picker } from "./picker.mjs";

/** @import { GraphNode } from "../types/host" */
/** @import { Concept } from "../types/messages" */

export const NODE = "SIS_LoadConcept";
const INPUT = "concept_name";
const HEIGHT = 94;

/** @type {WeakMap<GraphNode, () => void>} what draws a node's face anew */
const faces = new WeakMap();
/** @type {WeakMap<GraphNode, string>} the name that each node's wire brought last */
const brought = new WeakMap();

onConcepts(() => nodesOf(NODE).forEach(update));

/**
 * Puts a button with the chosen concept on a node; it opens the list.
 * @param {GraphNode} node
 */
export function addFace(node) {
  const click = () => openPicker(node);
  const button = element("button", { type: "button", class: "sis-face", "aria-haspopup": "dialog", click });
  const phrase = element("div", { class: "sis-phrase" });
  const draw = () => drawFace(node, button, phrase);
  faces.set(node, draw);
  addView(node, "sis_concept", element("div", { class: "sis-face-box" }, button, phrase), () => HEIGHT);
  after(widgetOf(node, INPUT), "callback", draw);
  after(node, "onConfigure", () => {
    update(node);
    setTimeout(() => recall(node)); // when the graph has its id and its links
  });
  onResult(node, (output, { isNew }) => isNew && bring(node, nameIn(output)));
  after(node, "onConnectionsChange", () => setTimeout(draw));
  update(node);
  refreshOrTell(); // what was copied into the folder since, too
}

/**
 * A run begins: nodes whose results it reuses tell no names by themselves.
 * @param {{ prompt_id: string, nodes: string[] }} run nodes: those whose results it reuses
 */
export async function reuse({ prompt_id, nodes }) {
  const silent = nodesOf(NODE).filter((node) => isLinked(node, INPUT) && idAmong(node, nodes));
  if (silent.length) for (const [node, name] of await reusedNames(silent, prompt_id)) bring(node, name);
}

/**
 * The name of an earlier run, on a page that was just opened.
 * @param {GraphNode} node
 */
async function recall(node) {
  if (!isLinked(node, INPUT) || brought.has(node)) return;
  const name = await earlierName(node);
  if (!brought.has(node)) bring(node, name);
}

/**
 * @param {GraphNode} node
 * @param {string | undefined} name that its wire brought; undefined where nobody knows
 */
function bring(node, name) {
  if (name) brought.set(node, name);
  faces.get(node)?.();
}

/** @param {GraphNode} node */
function update(node) {
  const names = allConcepts().map((concept) => concept.name).sort();
  const options = widgetOf(node, INPUT)?.options;
  if (options && names.length) options.values = names;
  faces.get(node)?.();
}

/**
 * @param {GraphNode} node
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} phrase
 */
function drawFace(node, button, phrase) {
  const linked = isLinked(node, INPUT);
  const name = linked ? brought.get(node) : widgetOf(node, INPUT)?.value;
  const concept = conceptOf(name);
  const [first, second] = linked ? wordsForWire(name) : wordsFor(name, concept);
  button.disabled = linked;
  button.replaceChildren(
    concept ? thumbnail(concept) : element("span", { class: "sis-blank", "aria-hidden": "true" }),
    element("span", { class: "sis-words" }, element("b", {}, first), element("small", {}, second)),
    element("span", { class: "sis-go" }, say("chooseShort")),
  );
  const text = concept?.phrase ?? "";
  if (text !== phrase.dataset.phrase) phrase.replaceChildren(...(text ? [copyLine("", text)] : []));
  phrase.dataset.phrase = text;
}

/** @param {string | undefined} name that the wire brought; undefined before a run */
function wordsForWire(name) {
  return name ? [name, say("fromWire")] : [say("fromWire"), say("fromWireMore")];
}

/**
 * The face's two lines.
 * @param {string} name
 * @param {Concept | undefined} concept
 */
function wordsFor(name, concept) {
  if (concept) return [concept.name, summary(concept)];
  return name ? [name, say("notListed")] : [say("noConceptYet"), say("noConceptYetMore")];
}

/** @param {GraphNode} node */
function openPicker(node) {
  new Picker(widgetOf(node, INPUT)?.value, (concept) => choose(node, concept), follow).open();
}

/**
 * Lets the nodes that use a concept use its new name; of one that is gone they say that it is not in the list.
 * @param {string} name
 * @param {string | null} newName
 */
function follow(name, newName) {
  if (!newName) return;
  for (const node of nodesOf(NODE)) if (widgetOf(node, INPUT)?.value === name) setWidget(node, INPUT, newName);
}

/**
 * @param {GraphNode} node
 * @param {Concept} concept
 */
function choose(node, { name }) {
  const options = widgetOf(node, INPUT)?.options;
  if (options?.values && !options.values.includes(name)) options.values = [...options.values, name];
  setWidget(node, INPUT, name);
}
