// Takes rough previews and lines of progress from our nodes when they have run: the host leaves them there.
import { api, app } from "./lib/host.mjs";
import { clearAll, follow } from "./leftovers/clear.mjs";

const ENDS = ["execution_success", "execution_error", "execution_interrupted"];

app.registerExtension({
  name: "SingleImageStudio.Leftovers",
  setup() {
    api.addEventListener("progress_state", ({ detail }) => follow(detail.nodes));
    for (const end of ENDS) api.addEventListener(end, clearAll);
  },
});
