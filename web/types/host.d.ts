// What we use of the host's page, for the type checker alone: no part of the pack loads this file.

export interface Widget {
  name: string;
  value: any;
  label?: string;
  serialize?: boolean;
  options?: { values?: string[]; precision?: number; maxFractionDigits?: number };
  callback?(value: unknown, ...more: unknown[]): void;
  onRemove?(): void;
}

export interface Input {
  name: string;
  type?: string;
  link: number | null;
  widget?: { name: string };
  localized_name?: string;
}

export interface Output {
  name: string;
  localized_name?: string;
  links?: (number | string)[] | null;
}

export interface Link {
  origin_id: number | string;
  origin_slot: number;
}

export interface Graph {
  id?: string;
  nodes: GraphNode[];
  getNodeById(id: number | string): GraphNode | null | undefined;
  setDirtyCanvas?(foreground: boolean, background: boolean): void;
}

export interface GraphNode {
  id: number | string;
  type: string;
  title?: string;
  comfyClass?: string;
  size: [number, number];
  mode?: number;
  /** The host's pictures on the node: of a run that goes on, and of a result. */
  preview?: string[];
  images?: unknown[];
  inputs?: Input[];
  outputs?: Output[];
  widgets?: Widget[];
  graph?: Graph;
  subgraph?: Graph;
  getInputLink?(slot: number): Link | null;
  onWidgetChanged?(name: string, value: unknown, old: unknown, widget: Widget): void;
  setDirtyCanvas?(foreground: boolean, background: boolean): void;
  setSize?(size: [number, number]): void;
  computeSize?(): [number, number];
  addDOMWidget(name: string, type: string, content: HTMLElement, options: DOMWidgetOptions): Widget;
}

export interface DOMWidgetOptions {
  serialize: boolean;
  hideOnZoom: boolean;
  getMinHeight(): number;
  getMaxHeight?(): number;
}

/** A node's class as the host describes it. */
export interface NodeDefinition {
  name: string;
  display_name: string;
  description: string;
  input?: Record<string, Record<string, [unknown, Record<string, unknown>?]>>;
  output_tooltips?: string[];
}

/** A workflow as the page saves it: the parts with words in them. */
export interface SavedWorkflow {
  nodes?: { type: string; title?: string; inputs?: { label?: string }[]; widgets_values?: any }[];
  groups?: { title?: string }[];
  extra?: Record<string, unknown>;
}

export interface Extension {
  name: string;
  setup?(): void;
  nodeCreated?(node: GraphNode): void;
  beforeConfigureGraph?(workflow: SavedWorkflow): Promise<void>;
  afterConfigureGraph?(): unknown;
  refreshComboInNodes?(): unknown;
  addCustomNodeDefs?(definitions: Record<string, NodeDefinition>): Promise<void>;
  beforeRegisterNodeDef?(nodeType: unknown, definition: NodeDefinition): Promise<void>;
}

/** What the page shows as results and previews of nodes. */
export interface OutputStore {
  revokePreviewsByExecutionId?(id: string): void;
  removeNodeOutputs?(id: number | string): void;
  getNodeOutputs?(node: GraphNode): { images?: unknown[] } | undefined;
}

export interface App {
  graph: Graph;
  /** Newer frontends: `graph` may then be that of an open subgraph. */
  rootGraph?: Graph;
  /** Its graph is the one that is open, which may be a subgraph's. */
  canvas: { graph?: Graph; processMouseWheel(event: WheelEvent): void };
  nodeOutputs?: Record<string, any>;
  extensionManager?: {
    /** Pinia, which has every store of the page. */
    _p?: { _s?: Map<string, OutputStore> };
    setting?: { get(name: string): string | undefined };
    /** The page's store of workflows. */
    workflow?: { openWorkflows?: { filename?: string; activeState?: { id?: string } | null }[] };
    toast?: { add(message: { severity: "error"; summary: string; detail: string; life: number }): void };
  };
  registerExtension(extension: Extension): void;
}

export interface Api {
  fetchApi(route: string, options?: RequestInit): Promise<Response>;
  apiURL(route: string): string;
  addEventListener(type: string, listener: (event: CustomEvent) => void): void;
}
