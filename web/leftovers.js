// Takes rough previews and lines of progress from our nodes when they have run: the host leaves them there.
import { RUN_ENDS, api, app } from "./lib/host.mjs";
import { clearAll, follow } from "./leftovers/clear.mjs";

app.registerExtension({
  name: "SingleImageStudio.Leftovers",
  setup() {
    api.addEventListener("progress_state", ({ detail }) => follow(detail));
    for (const end of RUN_ENDS) api.addEventListener(end, clearAll);
  },
});
