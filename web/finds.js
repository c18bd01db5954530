// Mask from Prompt: its finds, numbered on its picture; a click takes one into the mask or out of it.
import { FindsView } from "./finds/view.mjs";
import { app } from "./lib/host.mjs";
import { onResult } from "./lib/results.mjs";

app.registerExtension({
  name: "SingleImageStudio.Finds",
  nodeCreated(node) {
    if (node.comfyClass !== "SIS_MaskFromPrompt") return;
    const view = new FindsView(node);
    onResult(node, (output) => view.take(output));
  },
});
