// Shows the titles and notes of the shipped workflows in the page's language, which a workflow's file has no place for.
import { app } from "./lib/host.mjs";
import { allTexts } from "./lib/texts.mjs";
import { language } from "./lib/words.mjs";
import { Translation } from "./texts/translation.mjs";

/** @import { SavedWorkflow } from "./types/host" */

const OURS = "single_image_studio"; // in a workflow's `extra`
const KEY = "singleImageStudioWorkflows"; // in locales/*/main.json

app.registerExtension({
  name: "SingleImageStudio.WorkflowTexts",
  /** @param {SavedWorkflow} workflow the page's own copy, which it is about to open */
  async beforeConfigureGraph(workflow) {
    if (!workflow?.extra?.[OURS]) return;
    const tables = Object.entries(await allTexts()).flatMap(([key, texts]) => (texts[KEY] ? [[key, texts[KEY]]] : []));
    new Translation(Object.fromEntries(tables), language()).apply(workflow);
  },
});
