// Shows under each node what was warned of in its run, what bypassing it does, and which concepts its prompt lacks.
import { api, app } from "./lib/host.mjs";
import { rootGraph } from "./lib/page.mjs";
import { refreshOrTell } from "./picker/concepts.mjs";
import { look, watch } from "./warnings/bypass.mjs";
import { begin, enter, finish, restore, take } from "./warnings/feed.mjs";
import { lookAtPrompts } from "./warnings/unloaded.mjs";

const EVENT = "single_image_studio.warning";
const LOOK = 300; // ms

// at once: after a reload during a run the first event comes before `setup`, and the page would complain of it
api.addEventListener(EVENT, ({ detail }) => take(detail));

app.registerExtension({
  name: "SingleImageStudio.Warnings",
  setup() {
    api.addEventListener("execution_start", ({ detail }) => begin(detail));
    api.addEventListener("executing", ({ detail }) => enter(detail));
    api.addEventListener("executed", ({ detail }) => finish(detail));
    setInterval(() => {
      look();
      lookAtPrompts(rootGraph());
    }, LOOK);
    refreshOrTell(); // the names that prompts may have
  },
  nodeCreated: watch,
  afterConfigureGraph: restore,
});
