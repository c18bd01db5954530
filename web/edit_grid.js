// Edit Grid: shows every cell on the node, tells its alpha and source ratio, and sends a chosen cell's values to the
// node that samples the edit.
import { app } from "./lib/host.mjs";
import { GridView } from "./grid/view.mjs";

app.registerExtension({
  name: "SingleImageStudio.EditGrid",
  nodeCreated(node) {
    if (node.comfyClass === "SIS_EditGrid") new GridView(node);
  },
});
