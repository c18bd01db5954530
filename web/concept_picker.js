// Load Concept: shows the chosen concept's thumbnail and class word, and opens a list of all with search.
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { addStyle, addView, after, element, isLinked, nodesOf, setWidget, widgetOf } from "./page.mjs";
import { say } from "./words.mjs";

const NODE = "SIS_LoadConcept";
const INPUT = "concept_name";
const faces = new WeakMap(); // node → function that draws its face anew
let concepts = [];
let asked = null; // the request that is on its way

/** Asks the host for its concepts, and lets every Load Concept know them. */
async function refresh() {
  asked ??= (async () => {
    try {
      const answer = await api.fetchApi("/single_image_studio/concepts", { cache: "no-store" });
      if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
      concepts = await answer.json();
    } finally {
      asked = null;
    }
    nodesOf(NODE).forEach(update);
  })();
  return asked;
}

function update(node) {
  const widget = widgetOf(node, INPUT);
  if (widget?.options && concepts.length) widget.options.values = concepts.map((concept) => concept.name).sort();
  faces.get(node)?.();
}

function thumbnail(concept) {
  const query = new URLSearchParams({ name: concept.name, v: concept.version });
  // Decoration: the name and class word beside it say the same.
  return element("img", { src: api.apiURL(`/single_image_studio/concepts/thumbnail?${query}`), alt: "", width: 96, height: 96, loading: "lazy", draggable: "false" });
}

function summary(concept) {
  if (concept.error) return concept.error;
  return `${concept.class_word} · ${say(`stage${concept.stage}`).replace(" ", "\u00a0")}`;
}

function date(concept, style) {
  const when = new Date(concept.created);
  return isNaN(when) ? "" : when.toLocaleString(undefined, style);
}

// On the node

function addFace(node) {
  const button = element("button", { type: "button", class: "sis-face", "aria-haspopup": "dialog", click: () => openPicker(node) });
  const draw = () => {
    const name = widgetOf(node, INPUT)?.value;
    const concept = concepts.find((one) => one.name === name);
    const linked = isLinked(node, INPUT);
    const [first, second] = linked ? [say("fromWire"), say("fromWireMore")]
      : concept ? [concept.name, summary(concept)]
      : name ? [name, say("notListed")]
      : [say("noneYet"), say("noneYetMore")];
    const picture = concept && !linked ? thumbnail(concept) : element("span", { class: "sis-blank", "aria-hidden": "true" });
    button.disabled = linked;
    button.setAttribute("aria-label", say("chooseNow", { first, second }));
    button.replaceChildren(picture, element("span", { class: "sis-words" }, element("b", {}, first), element("small", {}, second)),
      element("span", { class: "sis-go", "aria-hidden": "true" }, say("chooseShort")));
  };
  faces.set(node, draw);
  addView(node, "sis_concept", element("div", { class: "sis-face-box" }, button), () => 62);
  after(widgetOf(node, INPUT), "callback", draw);
  after(node, "onConfigure", () => update(node));
  after(node, "onConnectionsChange", () => setTimeout(draw));
  update(node);
  refresh().catch(tell); // what was copied into the folder since, too
}

// The list

function openPicker(node) {
  const count = element("output", { class: "sis-count" });
  const list = element("div", { class: "sis-list", role: "listbox", "aria-label": say("concepts") });
  const search = element("input", { type: "search", placeholder: say("search"), "aria-label": say("searchLabel"), autocomplete: "off" });
  const heading = element("h2", { id: "sis-picker-heading" }, say("choose"));
  const close = element("button", { type: "button", class: "sis-close", click: () => dialog.close() }, say("cancel"));
  const dialog = element("dialog", { class: "sis-picker", "aria-labelledby": heading.id }, element("header", {}, heading, search), list, element("footer", {}, count, close));
  const chosen = widgetOf(node, INPUT)?.value;

  const choose = (concept) => {
    if (concept.error) return;
    dialog.close();
    const widget = widgetOf(node, INPUT);
    if (widget?.options?.values && !widget.options.values.includes(concept.name)) widget.options.values = [...widget.options.values, concept.name];
    setWidget(node, INPUT, concept.name);
  };
  const draw = () => {
    const wanted = search.value.trim().toLowerCase().split(/\s+/);
    const shown = concepts.filter((one) => wanted.every((word) => `${one.name} ${one.class_word ?? ""}`.toLowerCase().includes(word)));
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    list.replaceChildren(...shown.map((concept) => option(concept, concept.name === chosen, choose)));
    if (!concepts.length) list.replaceChildren(element("p", {}, say("noConcepts")));
    else if (!shown.length) list.replaceChildren(element("p", {}, say("notFound", { name: search.value.trim() })));
    const same = focused === null ? null : [...list.querySelectorAll("[role=option]")].find((one) => one.dataset.name === focused);
    makeCurrent(list, same ?? list.querySelector("[aria-selected=true]") ?? list.querySelector("[role=option]"));
    if (focused !== null) (same ?? search).focus(); // the list may come from the host while one walks in it
    const key = shown.length < concepts.length ? "some" : concepts.length === 1 ? "one" : "all";
    count.value = say(key, { shown: shown.length, count: concepts.length });
  };

  search.addEventListener("input", draw);
  search.addEventListener("keydown", (event) => {
    const first = list.querySelector("[role=option]:not([aria-disabled])");
    if (event.key === "ArrowDown") list.querySelector("[tabindex='0']")?.focus();
    else if (event.key === "Enter" && search.value.trim()) first?.click();
    else return;
    event.preventDefault();
  });
  list.addEventListener("keydown", (event) => walk(event, list, search));
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  const escape = (event) => event.key === "Escape" && dialog.close(); // wherever the focus is, and whoever else listens
  window.addEventListener("keydown", escape, true);
  dialog.addEventListener("close", () => {
    window.removeEventListener("keydown", escape, true);
    dialog.remove();
  });
  document.body.append(dialog);
  draw();
  dialog.showModal();
  search.focus();
  refresh().then(() => dialog.open && draw(), tell);
}

function option(concept, selected, choose) {
  const made = element("div", {
    class: "sis-option", role: "option", tabindex: -1, "data-name": concept.name, "aria-selected": String(selected), "aria-disabled": concept.error ? "true" : null,
    title: concept.error ?? `${concept.phrase}\n${date(concept, { dateStyle: "medium", timeStyle: "short" })}`, click: () => choose(concept),
  }, thumbnail(concept), element("b", {}, concept.name), element("span", {}, concept.error ? say("unreadable") : summary(concept)), element("small", {}, date(concept, { dateStyle: "medium" })));
  if (concept.error) made.append(element("span", { class: "sis-unseen" }, concept.error));
  return made;
}

/** One option is in the Tab order; the arrows go to the others. */
function makeCurrent(list, target) {
  if (!target) return;
  for (const other of list.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
  target.tabIndex = 0;
}

function walk(event, list, search) {
  const all = [...list.querySelectorAll("[role=option]")], here = all.indexOf(document.activeElement);
  if (here < 0) return;
  const columns = all.filter((one) => one.offsetTop === all[0].offsetTop).length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -here, End: all.length - 1 - here }[event.key];
  if (event.key === "Enter" || event.key === " ") all[here].click();
  else if (event.key === "ArrowUp" && here < columns) search.focus();
  else if (step === undefined) return;
  else {
    const target = all[here + step] ?? all[here];
    makeCurrent(list, target);
    target.focus();
  }
  event.preventDefault();
}

function tell(error) {
  app.extensionManager?.toast?.add({ severity: "error", summary: "Single Image Studio", detail: say("listFailed", { message: error.message }), life: 8000 });
}

app.registerExtension({
  name: "SingleImageStudio.ConceptPicker",
  setup() {
    addStyle("style.css");
    // Save Concept says what it saved; the lists then know it without a reload.
    api.addEventListener("executed", (event) => event.detail?.output?.saved_concept && refresh().catch(tell));
  },
  refreshComboInNodes: () => refresh().catch(tell), // the page's own Refresh
  nodeCreated(node) {
    if (node.comfyClass === NODE) addFace(node);
  },
});
