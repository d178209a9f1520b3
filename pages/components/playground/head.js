/**
 * The defender's head on points of a plane: softmax regression, solved to convergence by Newton's method.
 *
 * The same problem as `core/heads/logistic.py`: over N points with a one appended, (1/N) sum_i CE(theta z_i, y_i)
 * + (ridge / 2) ||W||^2, where biases are not regularised. A head is a Float64Array of c rows (w_0, w_1, b).
 *
 * Points are {x, y}: x a Float64Array of N pairs, y an Int32Array of N labels. A problem is points with {c, ridge}.
 */

export const WIDTH = 3;
export const TOLERANCE = 1e-6;
/** What Newton's method aims at; its last step usually goes far below it. */
const AIM = 1e-10;
const MOST_STEPS = 200;

/** The solver stopped before the gradient was small; the head's accuracy must not be shown. */
export class NotConverged extends Error {}

/** Points from rows [x_0, x_1, label]. */
export function pointsOf(rows) {
  return { x: Float64Array.from(rows.flatMap((row) => [row[0], row[1]])), y: Int32Array.from(rows, (row) => row[2]) };
}

/** Two sets of points as one, in this order. */
export function join(first, second) {
  const x = new Float64Array(first.x.length + second.x.length);
  x.set(first.x);
  x.set(second.x, first.x.length);
  const y = new Int32Array(first.y.length + second.y.length);
  y.set(first.y);
  y.set(second.y, first.y.length);
  return { x, y };
}

/** The points of some rows. */
export function select(points, rows) {
  const x = new Float64Array(2 * rows.length);
  const y = new Int32Array(rows.length);
  rows.forEach((row, i) => {
    x[2 * i] = points.x[2 * row];
    x[2 * i + 1] = points.x[2 * row + 1];
    y[i] = points.y[row];
  });
  return { x, y };
}

/** The c logits of a place under a head, into `out`. */
export function logits(theta, x0, x1, out) {
  for (let k = 0; k < out.length; k++) out[k] = theta[3 * k] * x0 + theta[3 * k + 1] * x1 + theta[3 * k + 2];
  return out;
}

/** Logits to probabilities, in place; the logarithm of the sum of their exponentials. */
export function softmax(values) {
  let most = -Infinity;
  for (const value of values) most = Math.max(most, value);
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k] = Math.exp(values[k] - most);
  for (let k = 0; k < values.length; k++) values[k] /= sum;
  return most + Math.log(sum);
}

/** The cross-entropy of a place with a label under a head of c classes. */
export function loss(theta, c, x0, x1, y) {
  const values = logits(theta, x0, x1, new Float64Array(c));
  const own = values[y];
  return softmax(values) - own;
}

/** The predicted class of a place: the first of those with the largest logit. */
export function predict(theta, c, x0, x1) {
  let best = 0;
  let most = -Infinity;
  for (let k = 0; k < c; k++) {
    const value = theta[3 * k] * x0 + theta[3 * k + 1] * x1 + theta[3 * k + 2];
    if (value > most) [most, best] = [value, k];
  }
  return best;
}

/** The share of points, in [0, 1], that a head classifies correctly. */
export function accuracy(theta, c, points) {
  let right = 0;
  for (let i = 0; i < points.y.length; i++)
    if (predict(theta, c, points.x[2 * i], points.x[2 * i + 1]) === points.y[i]) right++;
  return right / points.y.length;
}

/** The objective, its gradient and, where asked, its Hessian (3c x 3c, by rows) at a head. */
export function derivatives(problem, theta, wantsHessian = true) {
  const { x, y, c, ridge } = problem;
  const n = y.length;
  const size = WIDTH * c;
  const gradient = new Float64Array(size);
  const hessian = wantsHessian ? new Float64Array(size * size) : null;
  const p = new Float64Array(c);
  let value = 0;
  for (let i = 0; i < n; i++) {
    const z = [x[2 * i], x[2 * i + 1], 1];
    logits(theta, z[0], z[1], p);
    const own = p[y[i]];
    value += softmax(p) - own;
    for (let k = 0; k < c; k++) {
      const error = p[k] - (k === y[i] ? 1 : 0);
      for (let a = 0; a < WIDTH; a++) gradient[3 * k + a] += error * z[a];
      if (hessian === null) continue;
      for (let l = 0; l <= k; l++) {
        const weight = (k === l ? p[k] : 0) - p[k] * p[l];
        for (let a = 0; a < WIDTH; a++)
          for (let b = 0; b < WIDTH; b++) hessian[(3 * k + a) * size + 3 * l + b] += weight * z[a] * z[b];
      }
    }
  }
  value /= n;
  for (let j = 0; j < size; j++) {
    gradient[j] /= n;
    if (j % WIDTH !== 2) {
      gradient[j] += ridge * theta[j];
      value += 0.5 * ridge * theta[j] * theta[j];
    }
  }
  if (hessian !== null) finish(hessian, size, n, ridge);
  return { value, gradient, hessian };
}

/** Means from sums, the ridge, and the upper half, which mirrors the lower one. */
function finish(hessian, size, n, ridge) {
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      const value = hessian[i * size + j] / n + (i === j && i % WIDTH !== 2 ? ridge : 0);
      hessian[i * size + j] = value;
      hessian[j * size + i] = value;
    }
}

/**
 * The lower Cholesky factor of a Hessian.
 *
 * A constant that is added to all biases changes no probability, so that the Hessian has no curvature there and every
 * gradient of a loss is 0 there. Any curvature in its place leaves the solution as it is, with biases of sum 0.
 */
export function factor(hessian, size) {
  const lower = Float64Array.from(hessian);
  for (let i = 2; i < size; i += WIDTH) for (let j = 2; j < size; j += WIDTH) lower[i * size + j] += 1;
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let sum = lower[i * size + j];
      for (let k = 0; k < j; k++) sum -= lower[i * size + k] * lower[j * size + k];
      if (i !== j) lower[i * size + j] = sum / lower[j * size + j];
      else if (sum > 0) lower[i * size + i] = Math.sqrt(sum);
      else throw new NotConverged("The Hessian is not positive definite. Use a larger ridge λ.");
    }
  return lower;
}

/** H^-1 v, given the factor of H. */
export function solveWith(lower, v) {
  const size = v.length;
  const out = Float64Array.from(v);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) out[i] -= lower[i * size + k] * out[k];
    out[i] /= lower[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) out[i] -= lower[k * size + i] * out[k];
    out[i] /= lower[i * size + i];
  }
  return out;
}

/** The Euclidean norm of a vector. */
export function norm(v) {
  return Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
}

/**
 * The optimal head of a problem, from `start` where there is one, with the norm of its gradient.
 *
 * Throws NotConverged where the norm is still above TOLERANCE after all steps.
 */
export function solve(problem, start = null) {
  const size = WIDTH * problem.c;
  let theta = start === null ? new Float64Array(size) : Float64Array.from(start);
  let here = derivatives(problem, theta);
  for (let step = 0; step < MOST_STEPS; step++) {
    const before = norm(here.gradient);
    if (before <= AIM) break;
    const direction = solveWith(factor(here.hessian, size), here.gradient);
    const slope = -here.gradient.reduce((sum, value, j) => sum + value * direction[j], 0);
    let length = 1;
    let next = theta;
    for (let halving = 0; halving < 30; halving++, length /= 2) {
      next = theta.map((value, j) => value - length * direction[j]);
      // Near the optimum the decrease is below the resolution of the objective: accept what does not rise.
      const value = derivatives(problem, next, false).value;
      if (value <= here.value + 1e-4 * length * slope + 1e-14 * Math.abs(here.value)) break;
    }
    const there = derivatives(problem, next);
    if (before <= TOLERANCE && norm(there.gradient) >= before / 2) break; // as small as rounding lets it become
    [theta, here] = [next, there];
  }
  const left = norm(here.gradient);
  if (!(left <= TOLERANCE)) throw new NotConverged(`The head did not converge: gradient norm ${left}.`);
  return { theta, gradient: left };
}
