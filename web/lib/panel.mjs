// A panel at the foot of a node, ours or a stock one, that is there only while there is something to say.
import { element } from "./elements.mjs";
import { isVue } from "./page.mjs";
import { addView } from "./views.mjs";

/** @import { GraphNode, Widget } from "../types/host" */

const NAME = "sis_panel";
const MOST = 150; // the graph's units; longer panels scroll, unless a part says how high it may be
const MARGIN = 20; // what a node leaves beside a widget
const CLASSIC_MARGIN = 20; // what the classic renderer leaves free above and below, of a widget's height

/** @type {WeakMap<GraphNode, Panel>} */
const panels = new WeakMap();

/**
 * Shows something in a node's panel in place of what stood under the same name; null takes it away.
 * @param {GraphNode} node
 * @param {string} name
 * @param {HTMLElement | null} content
 */
export function showInPanel(node, name, content) {
  let panel = panels.get(node);
  if (!panel && !content) return;
  if (!panel) panels.set(node, (panel = new Panel(node)));
  panel.show(name, content);
}

class Panel {
  /** @param {GraphNode} node */
  constructor(node) {
    this.node = node;
    /** @type {Map<string, HTMLElement>} */
    this.parts = new Map();
    this.content = element("div", { class: "sis-panel" });
    /** @type {Widget | null} */
    this.widget = null;
    this.height = 0;
    this.heightBefore = 0; // the node's, without the panel
  }

  /**
   * @param {string} name
   * @param {HTMLElement | null} content
   */
  show(name, content) {
    if (content) this.parts.set(name, content);
    else this.parts.delete(name);
    this.content.replaceChildren(...this.parts.values());
    this.height = this.parts.size ? this.#measure() : 0;
    this.content.style.height = `${this.height}px`;
    if (this.height && !this.widget) this.#add();
    else if (!this.height && this.widget) this.#remove();
    this.#fit();
  }

  /** How high the panel is at the node's width, off the page. */
  #measure() {
    const copy = /** @type {HTMLElement} */ (this.content.cloneNode(true));
    Object.assign(copy.style, {
      position: "fixed", visibility: "hidden", height: "auto", width: `${Math.max(120, this.node.size[0] - MARGIN)}px`,
    });
    document.body.append(copy);
    const height = Math.ceil(copy.getBoundingClientRect().height);
    copy.remove();
    const most = Math.max(MOST, ...[...this.parts.values()].map(({ dataset }) => Number(dataset.most ?? 0)));
    if (height > most) this.content.tabIndex = 0; // what scrolls must be reached by keys
    else this.content.removeAttribute("tabindex");
    return Math.min(most, height);
  }

  #add() {
    const height = () => this.height + (isVue() ? 0 : CLASSIC_MARGIN);
    this.heightBefore = this.node.size[1];
    this.widget = addView(this.node, NAME, this.content, height, height);
  }

  #remove() {
    const { node, widget } = this;
    this.widget = null;
    const at = node.widgets?.findIndex(({ name }) => name === NAME) ?? -1;
    if (at >= 0) node.widgets?.splice(at, 1);
    widget?.onRemove?.();
  }

  /**
   * Makes the node as tall as it was before, or as it must be now; with room to spare it stays as it is. Vue
   * makes nodes taller by itself, and never smaller again.
   */
  #fit() {
    const { node, heightBefore } = this;
    const height = isVue() ? heightBefore : Math.max(heightBefore, node.computeSize?.()[1] ?? 0);
    if (height !== node.size[1] && !(isVue() && this.widget)) node.setSize?.([node.size[0], height]);
    node.graph?.setDirtyCanvas?.(true, true);
  }
}
