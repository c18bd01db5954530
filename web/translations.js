// Puts the pack's translations on its nodes where the page has dropped them.
//
// Some frontends, 1.32 among them, load a language after the packs' texts for it and replace those (Comfy-Org/ComfyUI_frontend#6748,
// mended by its #7214): the nodes of every pack stay English. Where the page does its part, this writes the same texts again.

import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const OURS = "SIS_";
let languages = {};
const loaded = api
  .fetchApi("/i18n")
  .then((answer) => (answer.ok ? answer.json() : {}))
  .then((texts) => { languages = texts; })
  .catch(() => {}); // then the page's own texts stay

function textsOf(type) {
  if (!type?.startsWith(OURS)) return undefined;
  return languages[app.extensionManager?.setting?.get("Comfy.Locale")]?.nodeDefs?.[type];
}

/** The node's title, description and tooltips, for the canvas, the node library and the search. */
function translateDefinition(definition) {
  const texts = textsOf(definition.name);
  if (!texts) return;
  definition.display_name = texts.display_name;
  definition.description = texts.description;
  for (const group of ["required", "optional"])
    for (const [name, spec] of Object.entries(definition.input?.[group] ?? {}))
      if (texts.inputs?.[name]) spec[1] = { ...spec[1], tooltip: texts.inputs[name].tooltip };
  if (definition.output_tooltips)
    definition.output_tooltips = definition.output_tooltips.map((tooltip, i) => texts.outputs?.[i]?.tooltip ?? tooltip);
}

/** What is written beside a placed node's slots and widgets; names, which workflows are saved with, stay. */
function translateNode(node) {
  const texts = textsOf(node.comfyClass);
  if (!texts) return;
  for (const input of node.inputs ?? []) {
    const name = texts.inputs?.[input.widget?.name ?? input.name]?.name;
    if (name) input.localized_name = name;
  }
  for (const widget of node.widgets ?? []) {
    const name = texts.inputs?.[widget.name]?.name;
    if (name) widget.label = name;
  }
  (node.outputs ?? []).forEach((output, i) => {
    const name = texts.outputs?.[i]?.name;
    if (name) output.localized_name = name;
  });
}

app.registerExtension({
  name: "SingleImageStudio.Translations",
  async addCustomNodeDefs(definitions) {
    await loaded;
    Object.values(definitions).forEach(translateDefinition);
  },
  async beforeRegisterNodeDef(nodeType, definition) {
    translateDefinition(definition); // also when the page reads the definitions anew, as after a change of language
  },
  nodeCreated(node) {
    translateNode(node);
  },
});
