// What the page knows of each node's newest run. Pure data: no page, no graph.

const ORDER = ["loss", "foreground", "background", "semantic"];

/** One run of one node: `points` are {x, values}, in the order of x. */
class History {
  constructor(message) {
    this.points = [];
    this.names = [];
    this.previews = [];
    this.subject = null; // the picture that is learned
    this.take(message);
  }

  /** Takes an event or a whole history; steps that are known already are replaced, so that both may overlap. */
  take(message) {
    for (const key of ["node", "workflow", "prompt_id", "kind", "began", "state", "moment", "done", "total", "elapsed", "remaining"])
      this[key] = message[key];
    this.subject = message.subject ?? this.subject;
    this.received = performance.now();
    for (const name of Object.keys(message.series)) if (!this.names.includes(name)) this.names.push(name);
    this.names.sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));
    message.x.forEach((x, i) => this.#put(x, Object.fromEntries(Object.entries(message.series).map(([name, numbers]) => [name, numbers[i]]))));
    for (const preview of message.previews)
      if (!this.previews.some((known) => known.done === preview.done)) this.previews.push(preview);
    this.previews.sort((a, b) => a.done - b.done);
    this.previews.splice(0, this.previews.length - 6);
  }

  #put(x, values) {
    const { points } = this;
    let at = points.length;
    while (at && points[at - 1].x >= x) at--;
    points.splice(at, points[at]?.x === x ? 1 : 0, { x, values });
  }

  /** Seconds since the node began, now. */
  get elapsedNow() {
    return this.elapsed + (this.state === "running" ? (performance.now() - this.received) / 1000 : 0);
  }

  /** Seconds that are left, or null when nobody can tell. */
  get remainingNow() {
    return this.remaining === null || this.state !== "running" ? null : Math.max(0, this.remaining - (performance.now() - this.received) / 1000);
  }

  /** How many steps the axis has. */
  get steps() {
    const { moment } = this;
    return Math.max(moment ? moment.steps * moment.pictures : 1, this.points.at(-1)?.x ?? 1);
  }
}

/** All histories, by workflow and node. */
export class Histories {
  #kept = new Map();

  /** Takes an event or a whole history. Returns its History, or null for one that is older than what is known. */
  take(message) {
    const key = `${message.workflow} ${message.node}`;
    const known = this.#kept.get(key);
    if (known && known.prompt_id === message.prompt_id && known.began === message.began) {
      known.take(message);
      return known;
    }
    if (known && known.began > message.began) return null;
    const history = new History(message);
    this.#kept.set(key, history);
    return history;
  }

  /** A workflow's histories. */
  of(workflow) {
    return [...this.#kept.values()].filter((history) => history.workflow === workflow);
  }

  /** A run that the server no longer knows cannot be running. Returns those that were thought to. */
  forgetLost(workflow, messages) {
    const lost = this.of(workflow).filter((h) => h.state === "running" && !messages.some((m) => m.node === h.node && m.prompt_id === h.prompt_id));
    for (const history of lost) history.state = "lost";
    return lost;
  }
}
