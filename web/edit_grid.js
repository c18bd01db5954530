// Edit Grid: shows every cell on the node, tells its alpha and source ratio, and sends a chosen cell's values to the node that samples the edit.
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { addStyle, addView, after, element, isLinked, setWidget, widgetOf } from "./page.mjs";
import { say } from "./words.mjs";

const NODE = "SIS_EditGrid";
const SAMPLER = "SIS_TimestepAwareKSampler", CONDITIONING = "SIS_TimestepAwareConditioning";
const GAP = 3, HEAD = 18, SIDE = 34, MOST_CELLS = 400; // the first three as in style.css
const NO_ID = "00000000-0000-0000-0000-000000000000"; // of every graph that was never saved by the page

// What was drawn: the host sends it when a run ends

class Grid {
  constructor(output) {
    this.cells = output.cells.map((text) => JSON.parse(text));
    this.sheets = output.sheets;
    Object.assign(this, output.layout[0]); // columns, rows, width, height
  }

  static from(output) {
    return output?.cells?.length && output.sheets?.length && output.layout?.length ? new Grid(output) : null;
  }

  address(index) {
    return api.apiURL(`/view?${new URLSearchParams(this.sheets[index])}`);
  }
}

/** How the grid will look, from the node's own widgets: so that the node keeps its size when it has run. */
function planned(node) {
  const numbers = (name) => [...new Set(String(widgetOf(node, name)?.value ?? "").split(/[\s,;]+/).filter(Boolean).map(Number))];
  const [alphas, ratios] = [numbers("alphas"), numbers("source_ratios")];
  if (![...alphas, ...ratios].every(Number.isFinite) || !alphas.length || !ratios.length || alphas.length * ratios.length > MOST_CELLS) return null;
  const cells = ratios.flatMap((source_ratio) => alphas.map((alpha) => ({ alpha, source_ratio })));
  return { cells, sheets: [], columns: alphas.length, rows: ratios.length, width: 1, height: 1 };
}

/** The height that style.css gives a grid on a node of some width. */
function heightOf(grid, width) {
  if (!grid) return 0;
  const room = width - 28, shape = grid.width / grid.height;
  const cell = Math.min((room - SIDE) / grid.columns - GAP, ((1.5 * room) / grid.rows) * shape);
  return HEAD + grid.rows * (cell / shape + GAP);
}

const words = (cell) => say("cell", { alpha: cell.alpha, ratio: cell.source_ratio });
const title = (node) => `${node.title ?? node.type} (#${node.id})`;

// Who may get a cell's values

/** Where an input's wire begins, past Reroute nodes: a text to compare, or null. */
function origin(node, name) {
  for (let steps = 0; node && steps < 100; steps++) {
    const slot = name === null ? 0 : node.inputs?.findIndex((input) => input.name === name) ?? -1;
    const link = slot < 0 ? null : node.getInputLink?.(slot);
    if (!link) return null;
    const before = node.graph?.getNodeById(link.origin_id);
    if (before?.type !== "Reroute") return `${link.origin_id}/${link.origin_slot}`;
    [node, name] = [before, null];
  }
  return null;
}

function same(grid, node, ...names) {
  return names.every((name) => origin(grid, name) !== null && origin(grid, name) === origin(node, name));
}

/** The nodes that could take the values, and which of them belong to this grid: those with its wires, else the only one there is. */
function receivers(grid) {
  const all = (grid.graph?.nodes ?? []).filter((node) => node.type === SAMPLER || node.type === CONDITIONING);
  const alike = all.filter((node) => same(grid, node, "source", "target") && (node.type === CONDITIONING || same(grid, node, "inversion")));
  const related = all.filter((node) => node.type === SAMPLER && same(grid, node, "inversion"));
  const own = alike.length ? alike : related.length ? related : all.length === 1 ? all : [];
  return { all, own };
}

function send(cell, nodes) {
  const wired = [];
  for (const node of nodes)
    for (const name of ["alpha", "source_ratio"])
      if (isLinked(node, name)) wired.push(say("inputOf", { input: name, node: title(node) }));
      else setWidget(node, name, cell[name]);
  const told = say("sent", { values: words(cell), nodes: nodes.map(title).join(say("and")) });
  return wired.length ? `${told} ${say("wired", { inputs: wired.join(", ") })}` : told;
}

// On the node

function addGrid(node) {
  const table = element("div", { class: "sis-table", role: "grid", "aria-label": say("table") });
  const line = element("output", { class: "sis-say" }, say("empty"));
  const picture = element("select", { "aria-label": say("batch") });
  const target = element("select", { "aria-label": say("target") });
  const tools = element("div", { class: "sis-tools" }, picture, target);
  const view = element("div", { class: "sis-grid" }, element("div", { class: "sis-stage" }, table), line, tools);
  let grid = null, lasting = say("empty");

  const show = (text, stays = false) => {
    if (stays) lasting = text;
    line.value = text;
  };

  const listTargets = () => {
    const { all, own } = receivers(node), before = target.value;
    const choices = all.filter((one) => own.length !== 1 || one !== own[0]).map((one) => [String(one.id), say("sendTo", { node: title(one) })]);
    if (own.length) choices.unshift(["", own.length === 1 ? say("sendTo", { node: title(own[0]) }) : say("sendToAlike", { count: own.length })]);
    else if (all.length) choices.unshift(["", say("chooseTarget")]);
    if (String(choices) !== String([...target.options].map((one) => [one.value, one.label]))) { // never under an open list
      target.replaceChildren(...choices.map(([value, label]) => element("option", { value }, label)));
      target.value = choices.some(([value]) => value === before) ? before : "";
    }
    target.hidden = !grid || choices.length < 2;
    tools.hidden = picture.hidden && target.hidden;
    return target.value ? all.filter((one) => String(one.id) === target.value) : own;
  };

  /** Marks the cells whose values the receivers have now. */
  const mark = () => {
    if (!grid) return;
    const nodes = listTargets();
    const has = (cell) => nodes.length > 0 && nodes.every((one) => ["alpha", "source_ratio"].every((name) => Math.abs(widgetOf(one, name)?.value - cell[name]) < 1e-9));
    table.querySelectorAll("button").forEach((button, index) => button.setAttribute("aria-pressed", String(has(grid.cells[index]))));
  };

  const choose = (cell) => {
    const nodes = listTargets();
    if (nodes.length) show(send(cell, nodes), true);
    else if (target.options.length) show(say("several"), true);
    else show(say("noReceiver"), true);
    mark();
  };

  const cellButton = (cell, index) => {
    const across = grid.columns > 1 ? (index % grid.columns) / (grid.columns - 1) : 0;
    const down = grid.rows > 1 ? Math.floor(index / grid.columns) / (grid.rows - 1) : 0;
    const button = element("button", {
      type: "button", tabindex: index ? -1 : 0, "aria-label": words(cell), title: words(cell), "aria-pressed": "false", click: () => choose(cell),
      mouseenter: () => show(words(cell)), focus: () => show(words(cell)), mouseleave: () => show(lasting), blur: () => show(lasting),
    });
    button.style.backgroundPosition = `${across * 100}% ${down * 100}%`;
    return button;
  };

  const draw = () => {
    const shown = grid ?? planned(node);
    table.hidden = !shown;
    table.setAttribute("aria-hidden", String(!grid));
    if (shown) fill(shown);
    picture.replaceChildren(...(grid?.sheets ?? []).map((_, index) => element("option", { value: index }, say("batchOne", { number: index + 1, count: grid.sheets.length }))));
    picture.hidden = picture.options.length < 2;
    listTargets();
    if (grid) paint();
    mark();
    node.setDirtyCanvas?.(true, true);
  };

  const fill = (shown) => {
    const head = shown.cells.slice(0, shown.columns).map((cell) => element("span", { role: "columnheader" }, `α ${cell.alpha}`));
    const lines = [element("div", { role: "row" }, element("span", { role: "columnheader", "aria-label": say("ratioLabel") }, say("ratio")), ...head)];
    for (let first = 0; first < shown.cells.length; first += shown.columns) {
      const cells = shown.cells.slice(first, first + shown.columns);
      lines.push(element("div", { role: "row" }, element("span", { role: "rowheader" }, String(cells[0].source_ratio)),
        ...cells.map((cell, column) => element("span", { role: "gridcell" }, grid ? cellButton(cell, first + column) : element("i")))));
    }
    table.replaceChildren(...lines);
    table.style.setProperty("--columns", shown.columns);
    table.style.setProperty("--rows", shown.rows);
    table.style.setProperty("--shape", shown.width / shown.height);
  };

  const paint = () => {
    const address = grid.address(Number(picture.value) || 0);
    table.style.setProperty("--sheet", `url("${address}")`);
    const probe = new Image();
    probe.onerror = () => show(say("gone"), true);
    probe.src = address;
  };

  const take = (output) => {
    const found = Grid.from(output);
    if (!found) return;
    grid = found;
    show(say("hint"), true);
    draw();
  };

  table.addEventListener("keydown", (event) => walk(event, table, grid?.columns));
  picture.addEventListener("change", paint);
  target.addEventListener("change", mark);
  view.addEventListener("mouseenter", mark);
  view.addEventListener("focusin", mark);
  addView(node, "sis_edit_grid", view, () => heightOf(grid ?? planned(node), node.size[0]) + 72 + (tools.hidden ? 0 : 32));
  for (const name of ["alphas", "source_ratios"]) after(widgetOf(node, name), "callback", () => grid || draw());
  after(node, "onConfigure", draw);
  after(node, "onExecuted", take);
  after(node, "onConfigure", () => setTimeout(async () => grid || take(await earlier(node))));
  draw();
}

function walk(event, table, columns) {
  const all = [...table.querySelectorAll("button")], here = all.indexOf(document.activeElement);
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -here, End: all.length - 1 - here }[event.key];
  if (here < 0 || step === undefined) return;
  const target = all[here + step];
  event.preventDefault();
  if (!target) return;
  all[here].tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
}

// After a reload of the page or a change of tab the host tells nothing by itself; its history still has the last run

let history = null;

async function earlier(node) {
  const graph = app.rootGraph ?? app.graph;
  const kept = outputOf(node, app.nodeOutputs ?? {});
  if (kept) return kept;
  history ??= api.fetchApi("/history?max_items=24").then((answer) => (answer.ok ? answer.json() : {}), () => ({}));
  setTimeout(() => { history = null; }, 2000); // one question for all nodes of a graph
  for (const run of Object.values(await history).reverse()) {
    const workflow = run.prompt?.[3]?.extra_pnginfo?.workflow?.id;
    const found = workflow && workflow !== NO_ID && workflow === graph?.id && outputOf(node, run.outputs ?? {});
    if (found) return found;
  }
  return null;
}

/** A node's output; inside a subgraph its id follows those of the nodes around it. */
function outputOf(node, outputs) {
  const key = Object.keys(outputs).find((key) => (key === String(node.id) || key.endsWith(`:${node.id}`)) && outputs[key]?.sheets);
  return key && outputs[key];
}

app.registerExtension({
  name: "SingleImageStudio.EditGrid",
  setup: () => addStyle("style.css"),
  nodeCreated(node) {
    if (node.comfyClass === NODE) addGrid(node);
  },
});
