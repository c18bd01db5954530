// Numbers as people read them. Pure.

const MOST_DECADES = 3; // of an axis, and what is left of one: a term below that does not matter

/**
 * 75 as 1:15, 3700 as 1:01:40.
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${twoDigits(m)}:${twoDigits(s)}` : `${m}:${twoDigits(s)}`;
}

/** @param {number} value */
function twoDigits(value) {
  return String(value).padStart(2, "0");
}

/**
 * Short enough for a narrow node: 0.123, 0.012, 1.2e-5.
 * @param {number | null | undefined} value
 */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e4)) return value.toExponential(1);
  return String(Number(value.toPrecision(size < 0.1 ? 2 : 3)));
}

/**
 * Where a value is on a logarithmic axis: 0 at its lower end, 1 at its upper. What lies below the end is on it.
 * @param {number} value
 * @param {number} bottom
 * @param {number} top
 */
export function logPart(value, bottom, top) {
  return Math.log(Math.max(value, bottom) / bottom) / Math.log(top / bottom);
}

/**
 * The lower end of a logarithmic axis: the power of ten below the smallest value, one to MOST_DECADES below the top.
 * @param {number} least the smallest value above 0
 * @param {number} top
 */
export function logBottom(least, top) {
  const decade = 10 ** Math.floor(Math.log10(Math.min(least, top / 10) * 1.0001));
  return Math.max(decade, 10 ** Math.floor(Math.log10(top) - MOST_DECADES));
}

/**
 * The powers of ten between two values, these included.
 * @param {number} bottom
 * @param {number} top
 */
export function decades(bottom, top) {
  const first = Math.ceil(Math.log10(bottom) - 1e-9);
  const count = Math.floor(Math.log10(top) + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => 10 ** (first + i));
}

/**
 * The smallest of 1, 2, 5 × 10ⁿ that is not below a value.
 * @param {number} value
 */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * unit).find((mark) => mark >= value * 0.9999) ?? 10 * unit;
}
