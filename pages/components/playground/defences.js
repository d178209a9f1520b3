/**
 * Defences of points in a plane, as `core/defences/` defines them: sphere, loss and the trimmed head.
 *
 * A defence gets the training set, clean and poisoned, without knowing which is which. It returns which points it keeps,
 * how suspicious any place is, and from where on it would be removed.
 */

import { loss, select, solve } from "./head.js";

const MOST_FITS = 30;

/** To the nearest integer, halves to the even one, as Python rounds. */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** The lower median of numbers, as torch has it. */
function median(values) {
  return Float64Array.from(values).sort()[(values.length - 1) >> 1];
}

/** Rows of each class. */
function classes(points, c) {
  const rows = Array.from({ length: c }, () => []);
  points.y.forEach((label, i) => rows[label].push(i));
  return rows;
}

/** Which points stay when the most suspicious share of each class is removed, and the least suspicion removed of each. */
function withoutTop(points, c, suspicion, share) {
  const keep = new Uint8Array(points.y.length).fill(1);
  const limits = classes(points, c).map((rows) => {
    const removed = [...rows]
      .sort((a, b) => suspicion[b] - suspicion[a])
      .slice(0, roundHalfEven(share * rows.length));
    for (const row of removed) keep[row] = 0;
    return removed.length ? suspicion[removed.at(-1)] : Infinity;
  });
  return { keep, limits };
}

/** The distance of a place from the centre of its class, the median of each coordinate. */
function sphere(problem) {
  const centres = classes(problem, problem.c).map((rows) =>
    [0, 1].map((axis) => (rows.length ? median(rows.map((row) => problem.x[2 * row + axis])) : NaN)),
  );
  return (x0, x1, y) => {
    const distance = Math.hypot(x0 - centres[y][0], x1 - centres[y][1]);
    return Number.isNaN(distance) ? 0 : distance;
  };
}

/** The suspicion of every point of a problem. */
function ofAll(problem, suspicion) {
  return Float64Array.from(problem.y, (y, i) => suspicion(problem.x[2 * i], problem.x[2 * i + 1], y));
}

/** The rows of the smallest values, in ascending order of rows. */
function smallest(values, count) {
  const rows = Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b] || a - b);
  return rows.slice(0, count).sort((a, b) => a - b);
}

/** Alternate between training and keeping the easiest points, until these stay the same. */
function trim(problem, share, start) {
  const { c, ridge } = problem;
  const count = problem.y.length - roundHalfEven(share * problem.y.length);
  const suspicionOf = (theta) => (x0, x1, y) => loss(theta, c, x0, x1, y);
  let { theta } = solve(problem, start);
  let kept = smallest(ofAll(problem, suspicionOf(theta)), count);
  for (let fit = 0; fit < MOST_FITS; fit++) {
    theta = solve({ ...select(problem, kept), c, ridge }, theta).theta;
    const again = smallest(ofAll(problem, suspicionOf(theta)), count);
    if (again.every((row, i) => row === kept[i])) break;
    kept = again;
  }
  const keep = new Uint8Array(problem.y.length);
  for (const row of kept) keep[row] = 1;
  const suspicion = suspicionOf(theta);
  const removed = ofAll(problem, suspicion).filter((_, row) => !keep[row]);
  return { keep, suspicion, limits: Array(c).fill(removed.length ? Math.min(...removed) : Infinity) };
}

/**
 * What a defence keeps of a training set.
 *
 * @param name "none", "sphere", "loss" or "trim".
 * @param problem the training set, with c and ridge.
 * @param share the part that is removed: of each class, or of all points by "trim".
 * @param start a head to start from, or null.
 * @returns {keep, suspicion, limits}: 1 for points that stay; a function of place and label; by label, the suspicion
 *   from which on a place would be among those removed.
 */
export function judge(name, problem, share, start = null) {
  if (name === "none") {
    const keep = new Uint8Array(problem.y.length).fill(1);
    return { keep, suspicion: () => 0, limits: Array(problem.c).fill(Infinity) };
  }
  if (name === "trim") return trim(problem, share, start);
  let suspicion = null;
  if (name === "sphere") suspicion = sphere(problem);
  else {
    const { theta } = solve(problem, start);
    suspicion = (x0, x1, y) => loss(theta, problem.c, x0, x1, y);
  }
  return { ...withoutTop(problem, problem.c, ofAll(problem, suspicion), share), suspicion };
}
