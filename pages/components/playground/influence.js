/**
 * What poison does to the outer loss, through the converged head, as `core/attacks/algorithms/implicit.py` has it.
 *
 * The outer loss is the mean of 1 - softmax(SHARPNESS theta z)_y over the clean TRAINING points: the attacker sees no
 * test point. With H the Hessian of the defender's objective at its optimum, q = H^-1 grad L gives the first-order
 * effect of one more point, and the exact gradient of L in the places of the poison.
 */

import { derivatives, factor, logits, softmax, solveWith, WIDTH } from "./head.js";

export const SHARPNESS = 2;

/** The outer loss of a head on points, and its gradient in the head. */
export function damage(theta, c, points) {
  const n = points.y.length;
  const gradient = new Float64Array(WIDTH * c);
  const p = new Float64Array(c);
  let right = 0;
  for (let i = 0; i < n; i++) {
    const [x0, x1, y] = [points.x[2 * i], points.x[2 * i + 1], points.y[i]];
    logits(theta, x0, x1, p);
    for (let k = 0; k < c; k++) p[k] *= SHARPNESS;
    softmax(p);
    const own = p[y];
    right += own;
    for (let k = 0; k < c; k++) {
      const residual = (SHARPNESS * (p[k] * own - (k === y ? own : 0))) / n;
      gradient[3 * k] += residual * x0;
      gradient[3 * k + 1] += residual * x1;
      gradient[3 * k + 2] += residual;
    }
  }
  return { value: 1 - right / n, gradient };
}

/** q = H^-1 g of a problem at its optimal head, for the gradient g of the outer loss. */
export function response(problem, theta, gradient) {
  return solveWith(factor(derivatives(problem, theta).hessian, WIDTH * problem.c), gradient);
}

/**
 * The influence of a place under every label: (s_y - <p, s>) / N with s = q z, into `out`.
 *
 * To first order one more point there changes the outer loss by it, up to a term that is the same for all places.
 */
export function influence(theta, q, n, x0, x1, out) {
  const p = logits(theta, x0, x1, new Float64Array(out.length));
  softmax(p);
  logits(q, x0, x1, out);
  let mean = 0;
  for (let k = 0; k < out.length; k++) mean += p[k] * out[k];
  for (let k = 0; k < out.length; k++) out[k] = (out[k] - mean) / n;
  return out;
}

/** The exact gradient [g_0, g_1] of the outer loss in the place of a point (x, y) among the N that the head is of. */
export function gradientAt(theta, q, c, n, x0, x1, y) {
  const p = logits(theta, x0, x1, new Float64Array(c));
  softmax(p);
  const s = logits(q, x0, x1, new Float64Array(c));
  let mean = 0;
  for (let k = 0; k < c; k++) mean += p[k] * s[k];
  const out = [0, 0];
  for (let k = 0; k < c; k++) {
    const error = p[k] - (k === y ? 1 : 0);
    const change = p[k] * (s[k] - mean);
    for (const axis of [0, 1]) out[axis] -= (error * q[3 * k + axis] + change * theta[3 * k + axis]) / n;
  }
  return out;
}
