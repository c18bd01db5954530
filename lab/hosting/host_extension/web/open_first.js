// Opens the workflow that a setting of the demo names, once: the first thing that a newcomer sees is one to run.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const SETTING = "SingleImageStudio.Demo.Opens";
const settled = () => app.extensionManager && !app.extensionManager.spinner && app.canvas?.graph;

async function openFirst() {
  const name = await api.getSetting(SETTING);
  if (!name) return;
  await api.storeSetting(SETTING, "");
  // behind the page's own first graph, which would take its place
  while (!settled()) await new Promise((done) => setTimeout(done, 100));
  const saved = app.extensionManager.workflow.getWorkflowByPath(`workflows/${name}.json`);
  if (saved) {
    await saved.load();
    await app.loadGraphData(saved.activeState, true, true, saved);
  }
}

app.registerExtension({
  name: "SingleImageStudio.Demo",
  setup: () => void openFirst(),
});
