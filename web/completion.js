// Completes the names of concepts in prompt boxes, of any node, from the first "<".
import { app } from "./lib/host.mjs";
import { Completion } from "./completion/completion.mjs";

app.registerExtension({
  name: "SingleImageStudio.Completion",
  setup() {
    new Completion().listen(document);
  },
});
