// Shows on each training and inversion node what it does while it runs.
import { api, app } from "./lib/host.mjs";
import { KINDS, addLiveView, restore, take, tick } from "./live/feed.mjs";

const EVENT = "single_image_studio.live";

// at once: after a reload during a run the first event comes before `setup`, and the page would complain of it
api.addEventListener(EVENT, ({ detail }) => take(detail));

app.registerExtension({
  name: "SingleImageStudio.LiveView",
  setup() {
    api.addEventListener("reconnected", restore);
    setInterval(tick, 1000);
  },
  nodeCreated(node) {
    if (node.comfyClass && node.comfyClass in KINDS) addLiveView(node);
  },
  afterConfigureGraph: restore,
});
