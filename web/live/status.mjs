// What a live view says about a run, in words.
import { clock } from "../lib/numbers.mjs";
import { say } from "../lib/words.mjs";

/** @import { History } from "../lib/histories.mjs" */

/** @param {History} history */
export function statusText({ isPassed, facts: { state, moment } }) {
  if (isPassed) return say("passed");
  if (state !== "running") return moment && state !== "done" ? `${say(state)}, ${say("atStep", moment)}` : say(state);
  if (!moment) return say("preparing");
  const phase = say(moment.phase, moment);
  return moment.pictures > 1 ? `${phase}, ${say("ofBatch", moment)}` : phase;
}

/** @param {History} history */
export function timeText({ isPassed, elapsedNow, remainingNow }) {
  if (isPassed) return "";
  const left = remainingNow === null ? "" : say("timeLeft", { time: clock(remainingNow) });
  return [clock(elapsedNow), left].filter(Boolean).join(" · ");
}

/**
 * What stands in the place of the curves while there are none; "" when there is something to see.
 * @param {History | null} history
 */
export function idleText(history) {
  if (!history) return say("notRunYet");
  if (history.points.length || history.subject) return "";
  if (history.isRunning) return "…";
  return history.facts.state === "done" ? say("noCurve") : "";
}
