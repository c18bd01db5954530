// From numbers to the lines of a chart. Pure.

const KEEP = 0.9; // of the running mean; losses at random timesteps are too noisy to read raw

/** @typedef {(number | null)[]} Numbers null is a gap */

/**
 * A running mean that weighs its first values rightly; gaps stay gaps.
 * @param {Numbers} values
 * @returns {Numbers}
 */
export function smooth(values) {
  let total = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) return null;
    total = KEEP * total + (1 - KEEP) * value;
    weight = KEEP * weight + 1 - KEEP;
    return total / weight;
  });
}

/**
 * An SVG path through points; a gap begins a new piece.
 * @param {number[]} xs
 * @param {Numbers} ys
 */
export function pathThrough(xs, ys) {
  return ys
    .map((y, i) => (y === null ? "" : `${i && ys[i - 1] !== null ? "L" : "M"}${xs[i].toFixed(1)} ${y.toFixed(2)}`))
    .join("");
}
