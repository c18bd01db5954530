// Numbers as people read them. Pure.

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
 * The smallest of 1, 2, 5 × 10ⁿ that is not below a value.
 * @param {number} value
 */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * unit).find((mark) => mark >= value * 0.9999) ?? 10 * unit;
}
