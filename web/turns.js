// Tells our nodes their turn in the run that goes on.
import { RUN_ENDS, api, app } from "./lib/host.mjs";
import { begin, end, follow, restore } from "./lib/turns.mjs";

app.registerExtension({
  name: "SingleImageStudio.Turns",
  setup() {
    api.addEventListener("execution_cached", ({ detail }) => begin(detail));
    api.addEventListener("progress_state", ({ detail }) => follow(detail));
    for (const type of RUN_ENDS) api.addEventListener(type, end);
  },
  afterConfigureGraph: restore,
});
