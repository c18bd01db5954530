// Puts the pack's translations on its nodes where the page has dropped them.
//
// Some frontends, 1.32 among them, load a language after the packs' texts for it and replace those
// (Comfy-Org/ComfyUI_frontend#6748, mended by its #7214): the nodes of every pack stay English. Where the page does its
// part, this writes the same texts again.
import { app, locale } from "./lib/host.mjs";
import { allTexts } from "./lib/texts.mjs";

/** @import { GraphNode, Input, NodeDefinition, Output } from "./types/host" */

/**
 * @typedef {{ name?: string, tooltip?: string }} SlotTexts
 * @typedef {object} NodeTexts
 * @property {string} display_name
 * @property {string} description
 * @property {Record<string, SlotTexts>} [inputs]
 * @property {SlotTexts[]} [outputs]
 */

const OURS = "SIS_";

/** @type {Record<string, { nodeDefs?: Record<string, NodeTexts> }>} */
let languages = {};
const loaded = allTexts().then((texts) => { languages = texts; }); // without any, the page's own texts stay

/**
 * @param {string | undefined} type
 * @returns {NodeTexts | undefined}
 */
function textsOf(type) {
  return type?.startsWith(OURS) ? languages[locale()]?.nodeDefs?.[type] : undefined;
}

/**
 * The node's title, description and tooltips, for the canvas, the node library and the search.
 * @param {NodeDefinition} definition
 */
function translateDefinition(definition) {
  const texts = textsOf(definition.name);
  if (!texts) return;
  definition.display_name = texts.display_name;
  definition.description = texts.description;
  for (const group of ["required", "optional"]) translateTooltips(definition.input?.[group] ?? {}, texts);
  definition.output_tooltips &&= definition.output_tooltips.map((tooltip, i) => texts.outputs?.[i]?.tooltip ?? tooltip);
}

/**
 * @param {Record<string, [unknown, Record<string, unknown>?]>} inputs
 * @param {NodeTexts} texts
 */
function translateTooltips(inputs, texts) {
  for (const [name, specification] of Object.entries(inputs)) {
    const own = texts.inputs?.[name];
    if (own) specification[1] = { ...specification[1], tooltip: own.tooltip };
  }
}

/**
 * What is written beside a placed node's slots and widgets; names, which workflows are saved with, stay.
 * @param {GraphNode} node
 */
function translateNode(node) {
  const texts = textsOf(node.comfyClass);
  if (!texts) return;
  for (const input of node.inputs ?? []) nameSlot(input, texts.inputs?.[input.widget?.name ?? input.name]);
  node.outputs?.forEach((output, i) => nameSlot(output, texts.outputs?.[i]));
  for (const widget of node.widgets ?? []) {
    const name = texts.inputs?.[widget.name]?.name;
    if (name) widget.label = name;
  }
}

/**
 * @param {Input | Output} slot
 * @param {SlotTexts | undefined} texts
 */
function nameSlot(slot, texts) {
  if (texts?.name) slot.localized_name = texts.name;
}

app.registerExtension({
  name: "SingleImageStudio.Translations",
  async addCustomNodeDefs(definitions) {
    await loaded;
    Object.values(definitions).forEach(translateDefinition);
  },
  async beforeRegisterNodeDef(_nodeType, definition) {
    translateDefinition(definition); // also when the page reads the definitions anew, as after a change of language
  },
  nodeCreated(node) {
    translateNode(node);
  },
});
