// Shows at the foot of each node that applies a concept where the concept was found in the newest pictures.
import { api, app } from "./lib/host.mjs";
import { begin, enter, restore, take } from "./regions/view.mjs";

const EVENT = "single_image_studio.regions";

// at once: after a reload during a run the first event comes before `setup`, and the page would complain of it
api.addEventListener(EVENT, ({ detail }) => take(detail));

app.registerExtension({
  name: "SingleImageStudio.Regions",
  setup() {
    api.addEventListener("execution_start", ({ detail }) => begin(detail));
    api.addEventListener("executing", ({ detail }) => enter(detail));
  },
  afterConfigureGraph: restore,
});
