"""What the page tests run inside the page."""

# Runs once the page is ready: keeps what the host tells and what became of each queued prompt. What our scripts share:
# `nodeAt`, the node of an id as the executor has it ("2:4" inside a subgraph), and `onPage`, a place of the graph.
RECORDER = """(types) => {
  const { app } = window;
  // ids are numbers in some frontends, strings in others
  const child = (graph, id) => graph.getNodeById(id) ?? graph.getNodeById(Number(id));
  const nodeAt = (path) => {
    const steps = path.split(":"), last = steps.pop();
    const outermost = steps.length ? app.rootGraph ?? app.graph : app.canvas.graph;
    return child(steps.reduce((graph, id) => child(graph, id).subgraph, outermost), last);
  };
  const onPage = (x, y) => {
    const { canvas, ds: { scale, offset } } = app.canvas, area = canvas.getBoundingClientRect();
    return [area.x + (x + offset[0]) * scale, area.y + (y + offset[1]) * scale];
  };
  const seen = window.sisTest = { ends: [], queued: [], refused: [], nodeAt, onPage };
  for (const type of types)
    app.api.addEventListener(type, (event) => seen.ends.push({ type, ...event.detail }));
  const queuePrompt = app.api.queuePrompt.bind(app.api);
  app.api.queuePrompt = async (...given) => {
    try {
      const answer = await queuePrompt(...given);
      seen.queued.push(answer.prompt_id);
      return answer;
    } catch (error) {
      seen.refused.push(error.response ?? String(error));
      throw error;
    }
  };
}"""

BOXES = """() => {
  const { canvas } = window.app, { scale } = canvas.ds;
  return canvas.graph.nodes.map((node) => {
    const vue = document.querySelector(`[data-node-id="${node.id}"]`);
    if (vue) {
      const box = vue.getBoundingClientRect();
      return [String(node.id), box.x, box.y, box.width, box.height];
    }
    const [x, y, width, height] = node.getBounding();
    return [String(node.id), ...sisTest.onPage(x, y), width * scale, height * scale];
  });
}"""

# The frontend puts the nodes of an API workflow on one another in the Vue renderer: column by column instead, by their
# links.
COLUMNS = """() => {
  const graph = window.app.canvas.graph, depth = new Map();
  const depthOf = (node) => {
    if (!depth.has(node.id)) {
      depth.set(node.id, 0);
      const before = (node.inputs ?? []).map((_, slot) => node.getInputNode(slot)).filter(Boolean).map(depthOf);
      depth.set(node.id, before.length ? Math.max(...before) + 1 : 0);
    }
    return depth.get(node.id);
  };
  const columns = [];
  for (const node of graph.nodes) (columns[depthOf(node)] ??= []).push(node);
  const places = {};
  let x = 100;
  for (const column of columns) {
    let y = 100;
    for (const node of column) {
      places[node.id] = [x, y];
      // what the Vue renderer needs
      const drawn = document.querySelector(`[data-node-id="${node.id}"]`)?.offsetHeight ?? 0;
      y += Math.max(node.size[1], drawn, node.type.startsWith("LoadImage") ? 380 : 0) + 90;
    }
    x += Math.max(...column.map((node) => node.size[0])) + 90;
  }
  const saved = graph.serialize();
  delete saved.id; // all zeros after an API workflow: like any new graph it gets one of its own
  for (const node of saved.nodes) node.pos = places[node.id];
  return JSON.stringify(saved);
}"""

FRAME = """([ids, margin]) => {
  const { canvas } = window.app, area = canvas.canvas.getBoundingClientRect();
  const boxes = canvas.graph.nodes.filter((n) => !ids || ids.includes(String(n.id))).map((n) => n.getBounding());
  const left = Math.min(...boxes.map((b) => b[0])), top = Math.min(...boxes.map((b) => b[1]));
  const right = Math.max(...boxes.map((b) => b[0] + b[2])), bottom = Math.max(...boxes.map((b) => b[1] + b[3]));
  const scale = Math.min(1.5, (area.width - 2 * margin) / (right - left), (area.height - 2 * margin) / (bottom - top));
  canvas.ds.scale = scale;
  canvas.ds.offset[0] = (area.width / scale - left - right) / 2;
  canvas.ds.offset[1] = (area.height / scale - top - bottom) / 2;
  canvas.setDirty(true, true);
}"""

FRAMES = """async () => {
  for (let frame = 0; frame < 5; frame++) await new Promise(requestAnimationFrame);
}"""
