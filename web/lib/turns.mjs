// Whose turn it is in the run that goes on: which nodes it will come to, how far each is, and which it never came to.
import { isOpen } from "./origin.mjs";
import { nodeAt } from "./page.mjs";
import { runNamed } from "./runs.mjs";

/** @import { GraphNode } from "../types/host" */

/**
 * queued: the run will come to the node; running: `value` of its `max` steps are over; done: it has run, or its earlier
 * result counts; passed: the run has ended and never came to it; stopped: the run has ended in it.
 * @typedef {{ state: "queued" | "done" | "passed" | "stopped" }} Still
 * @typedef {Still | { state: "running", value: number, max: number }} Turn
 */

/** @typedef {{ state: string, value: number, max: number }} Progress of a node, as the host tells it */

class Course {
  /** @param {string} prompt_id */
  constructor(prompt_id) {
    this.prompt_id = prompt_id;
    /** @type {string | null} */
    this.workflow = null;
    /** @type {Map<string, Turn>} by the executor's ids */
    this.turns = new Map();
    this.isKnown = false; // whether the host has told which nodes there are
    this.isOver = false;
  }

  /**
   * @param {string} id
   * @param {Turn} turn
   */
  set(id, turn) {
    if (turn.state === "done" && this.turns.get(id)?.state === "done") return;
    this.turns.set(id, turn);
    if (this.isKnown) this.#tell(id, turn);
  }

  /** @param {{ workflow?: string, nodes: Record<string, any> } | undefined} run undefined: the host has forgotten it */
  know(run) {
    this.workflow = run?.workflow ?? null;
    this.isKnown = true;
    for (const id of Object.keys(run?.nodes ?? {})) if (!this.turns.has(id)) this.turns.set(id, { state: "queued" });
    this.tellAll();
    if (this.isOver) this.finish();
  }

  tellAll() {
    for (const [id, turn] of this.turns) this.#tell(id, turn);
  }

  finish() {
    this.isOver = true;
    for (const [id, { state }] of this.turns) {
      if (state === "queued") this.set(id, { state: "passed" });
      else if (state === "running") this.set(id, { state: "stopped" });
    }
  }

  /**
   * @param {string} id
   * @param {Turn} turn
   */
  #tell(id, turn) {
    const node = isOpen(this.prompt_id, this.workflow, id) ? nodeAt(id) : undefined;
    if (node) tellers.get(node)?.(turn);
  }
}

/** @type {WeakMap<GraphNode, (turn: Turn) => void>} */
const tellers = new WeakMap();
/** @type {Course | null} the newest run */
let course = null;

/**
 * Calls a function with each of a node's turns, from the beginning of a run of its workflow on.
 * @param {GraphNode} node
 * @param {(turn: Turn) => void} tell
 */
export function onTurn(node, tell) {
  tellers.set(node, tell);
}

/**
 * A run begins.
 * @param {{ prompt_id: string, nodes: string[] }} run nodes: those whose results are reused
 */
export async function begin({ prompt_id, nodes }) {
  const begun = new Course(prompt_id);
  course = begun;
  for (const id of nodes) begun.set(id, { state: "done" });
  begun.know(await runNamed(prompt_id)); // it may have ended meanwhile
}

/**
 * A run goes on; one that began before the page was opened is met here.
 * @param {{ prompt_id: string, nodes: Record<string, Progress> }} progress
 */
export function follow({ prompt_id, nodes }) {
  if (course?.prompt_id !== prompt_id) begin({ prompt_id, nodes: [] });
  if (!course || course.isOver) return;
  for (const [id, { state, value, max }] of Object.entries(nodes)) {
    if (state === "running") course.set(id, { state, value, max });
    else if (state === "finished") course.set(id, { state: "done" });
  }
}

/** The run has ended, however it did. */
export function end() {
  course?.finish();
}

/** A workflow is opened: its nodes are new ones. */
export function restore() {
  if (course?.isKnown && !course.isOver) course.tellAll();
}
