/** One state of the playground: clean points, poison, rules and defence, and the head that they come to. */

import { accuracy, join, pointsOf, predict, select, solve } from "./head.js";
import { judge } from "./defences.js";
import { damage, influence, response } from "./influence.js";

/** How far the picture, and poison that nothing constrains, goes beyond the clean points, in parts of their range. */
const BEYOND = 0.35;
/** The same where poison has to stay within the range. */
const MARGIN = 0.08;

/**
 * A scene.
 *
 * @param plane {classes, train, test, near, share}: names; rows [x_0, x_1, label]; how far poison may be from its base in
 *   each coordinate; the part of the training set that a defence removes.
 * @param view {poison, label, budget, constraint, defence, ridge}: poison is a list of {x, label, base}, where base is a
 *   row of the training set.
 */
export class Scene {
  constructor(plane, view) {
    Object.assign(this, plane);
    this.c = plane.classes.length;
    this.train = pointsOf(plane.train);
    this.test = pointsOf(plane.test);
    this.view = view;
    this.range = [0, 1].map((axis) => {
      const values = this.train.x.filter((_, i) => i % 2 === axis);
      return [Math.min(...values), Math.max(...values)];
    });
    this.starts = { clean: null, all: null, kept: null };
    /** Heads solved so far, and the largest gradient norm among them: what tests look at. */
    this.solved = { count: 0, worst: 0 };
  }

  /** What the picture shows, [[low, high], [low, high]]. */
  get frame() {
    const beyond = this.view.constraint === "none" ? BEYOND : MARGIN;
    return this.range.map(([low, high]) => [low - beyond * (high - low), high + beyond * (high - low)]);
  }

  /** The row of the clean training point nearest to a place. */
  nearest(x) {
    let best = 0;
    let least = Infinity;
    for (let i = 0; i < this.train.y.length; i++) {
      const distance = Math.hypot(this.train.x[2 * i] - x[0], this.train.x[2 * i + 1] - x[1]);
      if (distance < least) [least, best] = [distance, i];
    }
    return best;
  }

  /** The bounds [[low, high], [low, high]] within which the constraint lets a point with this base lie. */
  bounds(base) {
    if (this.view.constraint === "none") return this.frame;
    if (this.view.constraint === "valid") return this.range;
    return this.range.map(([low, high], axis) => {
      const centre = this.train.x[2 * base + axis];
      return [Math.max(low, centre - this.near), Math.min(high, centre + this.near)];
    });
  }

  /** The place nearest to a wanted one that the constraint allows. */
  project(x, base) {
    return this.bounds(base).map(([low, high], axis) => Math.min(Math.max(x[axis], low), high));
  }

  /** Whether new poison, with the nearest clean point as its base, may lie at a place. */
  allows(x) {
    const base = this.view.constraint === "perturbation" ? this.nearest(x) : 0;
    return this.bounds(base).every(([low, high], axis) => x[axis] >= low && x[axis] <= high);
  }

  /** A new poisoned point as near to a place as the constraint allows. */
  point(x, label) {
    const base = this.nearest(x);
    return { x: this.project(x, base), label, base };
  }

  /** Move all poison to where the constraint allows it. */
  enforce() {
    for (const point of this.view.poison) point.x = this.project(point.x, point.base);
  }

  /** Solve a problem from an earlier head, and note how far it converged. */
  solve(problem, start) {
    const { theta, gradient } = solve(problem, start);
    this.solved.count++;
    this.solved.worst = Math.max(this.solved.worst, gradient);
    return theta;
  }

  /** The head of the clean training set, without poison and without a defence. */
  clean() {
    const { ridge } = this.view;
    if (this.starts.ridge !== ridge) {
      this.starts.clean = this.solve({ ...this.train, c: this.c, ridge }, this.starts.clean);
      this.starts.ridge = ridge;
    }
    return this.starts.clean;
  }

  /**
   * The head that a defender trains when some poison is added, after the defence.
   *
   * @param poison a list as in `view.poison`.
   * @returns {theta, problem, verdict}: `problem` holds the points that the head is of.
   */
  trained(poison = this.view.poison) {
    const { ridge, defence } = this.view;
    const added = pointsOf(poison.map((point) => [...point.x, point.label]));
    const all = { ...join(this.train, added), c: this.c, ridge };
    const start = this.starts.kept ?? this.clean();
    const verdict = judge(defence, all, this.share, start);
    let problem = all;
    if (defence !== "none") {
      const rows = Array.from(verdict.keep, (_, row) => row).filter((row) => verdict.keep[row]);
      problem = { ...select(all, rows), c: this.c, ridge };
    }
    const theta = this.solve(problem, start);
    this.starts.kept = theta;
    return { theta, problem, verdict };
  }

  /** Everything that is shown of the present state. */
  evaluate() {
    const clean = this.clean();
    const { theta, problem, verdict } = this.trained();
    const outer = damage(theta, this.c, this.train);
    const first = this.train.y.length;
    return {
      theta,
      n: problem.y.length,
      clean: accuracy(clean, this.c, this.test),
      poisoned: accuracy(theta, this.c, this.test),
      outer: outer.value,
      q: response(problem, theta, outer.gradient),
      removed: this.view.poison.map((_, i) => !verdict.keep[first + i]),
      cleanRemoved: Array.from(verdict.keep.subarray(0, first)).filter((kept) => !kept).length,
      verdict,
      wrong: this.test.y.reduce(
        (count, y, i) => count + (predict(theta, this.c, this.test.x[2 * i], this.test.x[2 * i + 1]) !== y),
        0,
      ),
    };
  }

  /** Whether the defence would remove a new point at a place, going by what it keeps now. */
  wouldRemove(result, x, label) {
    const limit = result.verdict.limits[label];
    return limit !== Infinity && result.verdict.suspicion(x[0], x[1], label) >= limit;
  }

  /**
   * The influence of one more point with a label on a grid, 0 where no poison may be or would stay.
   *
   * @param result of `evaluate`.
   * @param label of the point.
   * @param across, down number of columns and rows.
   * @param area what the grid covers, [[low, high], [low, high]].
   * @returns {values, best, place}: (down x across) values, row by row from the top; the largest, and where.
   */
  field(result, label, across, down, area = this.frame) {
    const values = new Float64Array(across * down);
    const out = new Float64Array(this.c);
    let [best, place] = [0, null];
    for (let row = 0; row < down; row++)
      for (let column = 0; column < across; column++) {
        const x = cell(area, column, row, across, down);
        if (!this.allows(x) || this.wouldRemove(result, x, label)) continue;
        const value = influence(result.theta, result.q, result.n, x[0], x[1], out)[label];
        values[row * across + column] = value;
        if (value > best) [best, place] = [value, x];
      }
    return { values, best, place };
  }
}

/** The middle of a cell of a grid over an area, which begins in the upper left corner. */
export function cell([[left, right], [bottom, top]], column, row, across, down) {
  return [left + ((column + 0.5) / across) * (right - left), top - ((row + 0.5) / down) * (top - bottom)];
}
