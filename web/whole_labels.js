// Marks our nodes in the Vue renderer for style.css, which lets the names of their inputs be read to the end: older
// frontends (1.32) cut every name after 80 pixels, however wide the node is, and no version says which node is whose.
import { app } from "./lib/host.mjs";
import { isVue } from "./lib/page.mjs";

const LOOK = 300; // ms

function mark() {
  if (!isVue()) return;
  for (const drawn of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-node-id]"))) {
    const id = drawn.dataset.nodeId ?? "";
    const node = app.canvas.graph?.getNodeById(id) ?? app.canvas.graph?.getNodeById(Number(id));
    drawn.toggleAttribute("data-sis", node?.comfyClass?.startsWith("SIS_") ?? false); // elements are used again
  }
}

app.registerExtension({
  name: "SingleImageStudio.WholeLabels",
  setup() {
    setInterval(mark, LOOK);
  },
});
