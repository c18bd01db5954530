// Gives our nodes the results of their own workflow: the host's go to whatever graph is open.
import { api, app } from "./lib/host.mjs";
import { arrive, begin, restore } from "./lib/results.mjs";

app.registerExtension({
  name: "SingleImageStudio.Results",
  setup() {
    api.addEventListener("execution_start", ({ detail }) => begin(detail));
    api.addEventListener("executed", ({ detail }) => arrive(detail));
  },
  afterConfigureGraph: restore,
});
