/** Round numbers along an axis. */

/** About `count` multiples of 1, 2 or 5 times a power of ten between two ends. */
export function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  const values = [];
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(Number((i * step).toFixed(digits)));
  return values;
}
