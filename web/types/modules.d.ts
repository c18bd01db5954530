// Where the page finds the host's own modules, and the one global of the host that we look at.

declare module "*/scripts/app.js" {
  export const app: import("./host").App;
}

declare module "*/scripts/api.js" {
  export const api: import("./host").Api;
}

interface Window {
  LiteGraph?: { vueNodesMode?: boolean; registered_node_types?: Record<string, { title?: string } | undefined> };
}
