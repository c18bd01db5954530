// Save Concept and Save Inversion: shows what was saved, with a button that copies how to call it.
import { app } from "./lib/host.mjs";
import { onResult } from "./lib/results.mjs";
import { KINDS, showSaved } from "./saved/view.mjs";

app.registerExtension({
  name: "SingleImageStudio.Saved",
  nodeCreated(node) {
    if (node.comfyClass && node.comfyClass in KINDS) onResult(node, (output) => showSaved(node, output));
  },
});
