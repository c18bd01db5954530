// Shows numbers such as a learning rate of 0.0001 whole: in some frontends the Vue renderer keeps three digits after
// the point, and shows and takes 0.
import { app } from "./lib/host.mjs";

const KEPT_ANYWAY = 3; // digits

app.registerExtension({
  name: "SingleImageStudio.FineNumbers",
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("SIS_")) return;
    for (const { options } of node.widgets ?? [])
      if (options?.precision && options.precision > KEPT_ANYWAY)
        options.maxFractionDigits = options.precision; // what its number field goes by
  },
});
