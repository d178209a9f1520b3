/** The attacker who plays by itself, and the search over a grid for what one or two points can do. */

import { gradientAt } from "./influence.js";
import { accuracy } from "./head.js";

/** The first step, and the one at which the attacker rests, in parts of the longer side of the clean range. */
const FIRST_STEP = 0.02;
const LAST_STEP = 2e-5;
const GROWTH = 1.3;
/** Columns of the grid on which the attacker looks for the place of a new point. */
const PLACES = 24;
/** Columns, and rows, of the grids of the search for one point and for two. */
export const GRIDS = { 1: 21, 2: 7 };

/** The longer side of the range of the clean points. */
function side(scene) {
  return Math.max(...scene.range.map(([low, high]) => high - low));
}

/** The gradient of the outer loss in the place of every poisoned point; 0 for those that the defence removes. */
export function gradients(scene, result) {
  return scene.view.poison.map((point, i) =>
    result.removed[i] ? [0, 0] : gradientAt(result.theta, result.q, scene.c, result.n, ...point.x, point.label),
  );
}

/**
 * Climbs the outer loss: adds points where their influence is largest until the budget is used, then moves all of them
 * along the exact implicit gradient, by steps that are halved where the loss would fall.
 */
export class Attacker {
  constructor() {
    this.step = FIRST_STEP;
  }

  /**
   * One small step; changes the scene's poison.
   *
   * @param scene the scene.
   * @param result of its `evaluate` at the present poison.
   * @param labels that new points may have.
   * @returns whether anything changed: false where no small step raises the outer loss any more.
   */
  play(scene, result, labels) {
    const { poison, budget } = scene.view;
    if (poison.length < budget) {
      const fields = labels.map((label) => ({ label, ...scene.field(result, label, PLACES, PLACES) }));
      const top = fields.reduce((a, b) => (b.best > a.best ? b : a));
      if (top.place !== null) {
        poison.push(scene.point(top.place, top.label));
        return true;
      }
    }
    return this.climb(scene, result);
  }

  /** Move all poison by one step of at most `step` along the gradient, halved until the outer loss rises. */
  climb(scene, result) {
    const { poison } = scene.view;
    const ascent = gradients(scene, result);
    const longest = Math.max(...ascent.map(([a, b]) => Math.hypot(a, b)), 0);
    if (longest === 0) return false;
    const before = poison.map((point) => point.x);
    const length = side(scene);
    while (this.step > LAST_STEP) {
      poison.forEach((point, i) => {
        const wanted = point.x.map((x, axis) => x + (this.step * length * ascent[i][axis]) / longest);
        point.x = scene.project(wanted, point.base);
      });
      if (scene.evaluate().outer > result.outer) {
        this.step = Math.min(FIRST_STEP, this.step * GROWTH);
        return true;
      }
      poison.forEach((point, i) => (point.x = before[i]));
      this.step /= 2;
    }
    this.step = FIRST_STEP;
    return false;
  }
}

/** Every place of a grid over where poison may lie, under every label: the candidates of the search. */
export function candidates(scene, side, labels) {
  const bounds = scene.view.constraint === "none" ? scene.frame : scene.range;
  const at = (axis, i) => bounds[axis][0] + (i / (side - 1)) * (bounds[axis][1] - bounds[axis][0]);
  const found = [];
  for (let i = 0; i < side; i++)
    for (let j = 0; j < side; j++) {
      const x = [at(0, i), at(1, j)];
      if (scene.allows(x)) for (const label of labels) found.push(scene.point(x, label));
    }
  return found;
}

/**
 * Try every set of `count` candidates, 1 or 2, each with the head trained to convergence.
 *
 * It is a search: what lies between the places of the grid is not tried. The order is by accuracy on the TEST points,
 * which no attacker sees, so that it shows what the points can do, and then by the outer loss.
 *
 * @yields {tried, total, best} after each set; best is {poison, accuracy, outer}.
 */
export function* search(scene, count, labels, outerOf, side = GRIDS[count]) {
  const all = candidates(scene, side, labels);
  const total = count === 1 ? all.length : (all.length * (all.length + 1)) / 2;
  let best = null;
  let tried = 0;
  for (let i = 0; i < all.length; i++)
    for (let j = count === 1 ? i : 0; j <= i; j++) {
      const poison = count === 1 ? [all[i]] : [all[i], all[j]];
      const { theta } = scene.trained(poison);
      const found = { poison, accuracy: accuracy(theta, scene.c, scene.test), outer: outerOf(theta) };
      if (
        best === null ||
        found.accuracy < best.accuracy ||
        (found.accuracy === best.accuracy && found.outer > best.outer)
      )
        best = found;
      yield { tried: ++tried, total, best };
    }
}
