// What the page knows of each node's newest run. Pure data: no page, no graph.

/** @import { Preview, RunFacts, RunMessage, Term } from "../types/messages" */

const MOST_PREVIEWS = 6;

/** @typedef {{ x: number, values: Record<string, number | null> }} Point */

/** One run of one node: `points` are in the order of x. */
export class History {
  /** @param {RunMessage} message */
  constructor(message) {
    /** @type {RunFacts} */
    this.facts = message;
    this.received = 0;
    /** @type {Point[]} */
    this.points = [];
    /** @type {string[]} */
    this.names = [];
    /** @type {Preview[]} */
    this.previews = [];
    /** @type {string | null} the picture that is learned */
    this.subject = null;
    /** @type {Record<string, Term> | null} how Python wants its terms shown */
    this.terms = null;
    this.isPassed = false; // a later run ended before it came to the node
    this.take(message);
  }

  /**
   * Takes an event or a whole history; steps that are known already are replaced, so that both may overlap.
   * @param {RunMessage} message
   */
  take({ x, series, previews, subject, terms, ...facts }) {
    this.facts = facts;
    this.received = performance.now();
    this.subject = subject ?? this.subject;
    this.terms = terms ?? this.terms;
    this.names = [...new Set([...this.names, ...Object.keys(series)])];
    x.forEach((at, i) => {
      const values = Object.entries(series).map(([name, numbers]) => [name, numbers[i]]);
      this.#put({ x: at, values: Object.fromEntries(values) });
    });
    this.#keep(previews);
  }

  /** @param {Point} point */
  #put(point) {
    const { points } = this;
    let at = points.length;
    while (at && points[at - 1].x >= point.x) at--;
    points.splice(at, points[at]?.x === point.x ? 1 : 0, point);
  }

  /** @param {Preview[]} previews */
  #keep(previews) {
    const added = previews.filter(({ done }) => !this.previews.some((known) => known.done === done));
    this.previews = [...this.previews, ...added].sort((a, b) => a.done - b.done).slice(-MOST_PREVIEWS);
  }

  get isRunning() {
    return this.facts.state === "running";
  }

  /** Seconds since the newest message. */
  get #age() {
    return (performance.now() - this.received) / 1000;
  }

  /** Seconds since the node began, now. */
  get elapsedNow() {
    return this.facts.elapsed + (this.isRunning ? this.#age : 0);
  }

  /** Seconds that are left, or null when nobody can tell. */
  get remainingNow() {
    const { remaining } = this.facts;
    return remaining === null || !this.isRunning ? null : Math.max(0, remaining - this.#age);
  }

  /** How many steps the axis has. */
  get steps() {
    const { moment } = this.facts;
    return Math.max(moment ? moment.steps * moment.pictures : 1, this.points.at(-1)?.x ?? 1);
  }
}

/** All histories, by workflow and node. */
export class Histories {
  /** @type {Map<string, History>} */
  #kept = new Map();

  /**
   * Takes an event or a whole history. Returns its History, or null for one that is older than what is known.
   * @param {RunMessage} message
   */
  take(message) {
    const key = `${message.workflow} ${message.node}`;
    const known = this.#kept.get(key);
    if (known && known.facts.prompt_id === message.prompt_id && known.facts.began === message.began) {
      known.take(message);
      return known;
    }
    if (known && known.facts.began > message.began) return null;
    const history = new History(message);
    this.#kept.set(key, history);
    return history;
  }

  /**
   * A workflow's histories.
   * @param {string | undefined} workflow
   */
  of(workflow) {
    return [...this.#kept.values()].filter((history) => history.facts.workflow === workflow);
  }

  /**
   * A run that the server no longer knows cannot be running. Returns those that were thought to.
   * @param {string | undefined} workflow
   * @param {RunFacts[]} runs that the server knows
   */
  forgetLost(workflow, runs) {
    /** @param {History} history */
    const isKnown = ({ facts }) => runs.some((run) => run.node === facts.node && run.prompt_id === facts.prompt_id);
    const lost = this.of(workflow).filter((history) => history.isRunning && !isKnown(history));
    for (const history of lost) history.facts = { ...history.facts, state: "lost" };
    return lost;
  }
}
