// Load Concept: shows the chosen concept's thumbnail and class word, and opens a list of all with search.
import { api, app } from "./lib/host.mjs";
import { refreshOrTell } from "./picker/concepts.mjs";
import { NODE, addFace, reuse } from "./picker/face.mjs";

app.registerExtension({
  name: "SingleImageStudio.ConceptPicker",
  setup() {
    // Save Concept says what it saved; the lists then know it without a reload.
    api.addEventListener("executed", ({ detail }) => detail?.output?.saved_concept && refreshOrTell());
    api.addEventListener("execution_cached", ({ detail }) => reuse(detail));
  },
  refreshComboInNodes: refreshOrTell, // the page's own Refresh
  nodeCreated(node) {
    if (node.comfyClass === NODE) addFace(node);
  },
});
