/** The picture: decision regions, the influence field, clean points and poison. */

import { cell } from "./scene.js";
import { colour, diamond, isDark, outline, polygon } from "./shapes.js";

const CLEAN_RADIUS = 3.2;
export const POISON_RADIUS = 9;
/** Pixels between dots of the influence field. */
const SPACING = 18;

/** Draws a scene onto a canvas, and says where on it a place is. */
export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    /** The clean points, drawn once: they move only with the size of the picture. */
    this.layer = document.createElement("canvas");
  }

  /** Fit the canvas to its width on the page; the height follows the frame of the scene. */
  fit(scene) {
    const [[left, right], [bottom, top]] = scene.frame;
    this.canvas.style.aspectRatio = String((right - left) / (top - bottom));
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.ratio = ratio;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    // One scale for both axes, so that circles are circles, where the height is bounded, too.
    this.scale = Math.min(this.width / (right - left), this.height / (top - bottom));
    this.origin = [(this.width - this.scale * (left + right)) / 2, (this.height + this.scale * (bottom + top)) / 2];
  }

  /** From a place to pixels. */
  pixel([x0, x1]) {
    return [this.origin[0] + this.scale * x0, this.origin[1] - this.scale * x1];
  }

  /** From pixels to a place. */
  place([px, py]) {
    return [(px - this.origin[0]) / this.scale, (this.origin[1] - py) / this.scale];
  }

  /** What the whole canvas shows, which is more than the frame where its shape is another. */
  area() {
    const [[left, top], [right, bottom]] = [this.place([0, 0]), this.place([this.width, this.height])];
    return [[left, right], [bottom, top]];
  }

  /** How many columns and rows of dots the influence field has. */
  grid() {
    return [Math.max(8, Math.floor(this.width / SPACING)), Math.max(8, Math.floor(this.height / SPACING))];
  }

  /**
   * Draw everything.
   *
   * @param scene, result the scene, and what its `evaluate` returned.
   * @param field of `scene.field` on `grid()` over `area()`, or null.
   * @param selected index of the selected poison, or -1.
   * @param found poison that the search came to, drawn as outlines.
   */
  draw(scene, result, field, selected, found) {
    const style = getComputedStyle(this.canvas);
    this.ink = style.color;
    this.paper = style.getPropertyValue("--st-background-color").trim() || "#fff";
    // A light text means a dark background.
    this.dark = !isDark(this.ink);
    const { context } = this;
    context.clearRect(0, 0, this.width, this.height);
    this.regions(scene, result.theta);
    if (scene.view.constraint !== "none") this.bounds(scene, selected);
    if (field !== null) this.dots(field);
    this.clean(scene);
    context.drawImage(this.layer, 0, 0, this.width, this.height);
    scene.view.poison.forEach((point, i) => this.poison(point, result.removed[i], i === selected));
    this.counts(scene.view.poison);
    for (const point of found) this.ghost(point);
  }

  /** How many points lie in one place, beside them: attackers like to pile them up. */
  counts(poison) {
    const { context } = this;
    const piles = [];
    for (const point of poison) {
      const at = this.pixel(point.x);
      const near = piles.find((pile) => Math.hypot(pile.at[0] - at[0], pile.at[1] - at[1]) < 2 * POISON_RADIUS);
      if (near) near.count++;
      else piles.push({ at, count: 1 });
    }
    context.font = "600 13px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.strokeStyle = this.paper;
    context.fillStyle = this.ink;
    for (const { at: [x, y], count } of piles) {
      if (count < 2) continue;
      const isRight = x < this.width - 50;
      context.textAlign = isRight ? "left" : "right";
      const beside = x + (isRight ? 1 : -1) * (POISON_RADIUS + 6);
      context.strokeText(`× ${count}`, beside, y);
      context.fillText(`× ${count}`, beside, y);
    }
  }

  /** The region of each class: the part of the picture in which its logit is the largest, a convex polygon. */
  regions(scene, theta) {
    const { context } = this;
    const corners = [[0, 0], [this.width, 0], [this.width, this.height], [0, this.height]].map((at) => this.place(at));
    for (let k = 0; k < scene.c; k++) {
      let region = corners;
      for (let l = 0; l < scene.c; l++)
        if (l !== k) region = clip(region, [0, 1, 2].map((j) => theta[3 * k + j] - theta[3 * l + j]));
      if (region.length < 3) continue;
      context.beginPath();
      polygon(context, region.map((at) => this.pixel(at)));
      context.globalAlpha = this.dark ? 0.2 : 0.16;
      context.fillStyle = colour(k, this.dark);
      context.fill();
      context.globalAlpha = 0.75;
      context.strokeStyle = this.ink;
      context.lineWidth = 1.25;
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  /** Where the constraint lets poison lie: the clean range, or the selected point's box. */
  bounds(scene, selected) {
    const boxes = [scene.range];
    if (scene.view.constraint === "perturbation" && selected >= 0)
      boxes.push(scene.bounds(scene.view.poison[selected].base));
    this.context.setLineDash([6, 4]);
    this.context.strokeStyle = this.ink;
    this.context.lineWidth = 1;
    for (const [[left, right], [bottom, top]] of boxes) {
      const [[x, y], [xEnd, yEnd]] = [this.pixel([left, top]), this.pixel([right, bottom])];
      this.context.strokeRect(x, y, xEnd - x, yEnd - y);
    }
    this.context.setLineDash([]);
  }

  /** The influence field as dots whose area is the influence, and a cross in the best place. */
  dots({ values, best, place }) {
    if (place === null) return;
    const { context } = this;
    const [across, down] = this.grid();
    const area = this.area();
    context.beginPath();
    values.forEach((value, i) => {
      const r = 0.4 * SPACING * Math.sqrt(Math.max(value, 0) / best);
      if (r < 0.6) return;
      const [x, y] = this.pixel(cell(area, i % across, Math.floor(i / across), across, down));
      context.moveTo(x + r, y);
      context.arc(x, y, r, 0, 2 * Math.PI);
    });
    context.globalAlpha = this.dark ? 0.22 : 0.16;
    context.fillStyle = this.ink;
    context.fill();
    context.globalAlpha = 0.9;
    const [x, y] = this.pixel(place);
    context.beginPath();
    context.moveTo(x + 5, y);
    context.arc(x, y, 5, 0, 2 * Math.PI);
    for (const [a, b] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 3 * a, y + 3 * b);
      context.lineTo(x + 9 * a, y + 9 * b);
    }
    context.strokeStyle = this.ink;
    context.lineWidth = 1.5;
    context.stroke();
    context.globalAlpha = 1;
  }

  /** Draw the clean training points on their layer, where it shows others. */
  clean(scene) {
    const { width, height } = this.canvas;
    const shown = [width, height, this.scale, ...this.origin, this.dark].join();
    if (this.layer.shown === shown) return;
    Object.assign(this.layer, { width, height, shown });
    const context = this.layer.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    for (let label = 0; label < scene.c; label++) {
      context.beginPath();
      scene.train.y.forEach((y, i) => {
        if (y === label) outline(context, y, ...this.pixel([scene.train.x[2 * i], scene.train.x[2 * i + 1]]), CLEAN_RADIUS);
      });
      context.fillStyle = colour(label, this.dark);
      context.fill();
      context.strokeStyle = this.paper;
      context.lineWidth = 0.75;
      context.stroke();
    }
  }

  /** A poisoned point: a diamond in the colour of its label; hollow and crossed where the defence removed it. */
  poison(point, isRemoved, isSelected) {
    const { context } = this;
    const [x, y] = this.pixel(point.x);
    context.beginPath();
    diamond(context, x, y, POISON_RADIUS);
    context.fillStyle = isRemoved ? this.paper : colour(point.label, this.dark);
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = isRemoved ? colour(point.label, this.dark) : this.ink;
    context.stroke();
    context.beginPath();
    if (isRemoved)
      for (const side of [1, -1]) {
        context.moveTo(x - 4, y - 4 * side);
        context.lineTo(x + 4, y + 4 * side);
      }
    // The shape of the label inside, so that the colour is not all that tells it.
    else outline(context, point.label, x, y, 3.2);
    context.strokeStyle = isRemoved ? this.ink : this.paper;
    context.lineWidth = 1.5;
    context.stroke();
    if (!isSelected) return;
    context.beginPath();
    context.arc(x, y, POISON_RADIUS + 5, 0, 2 * Math.PI);
    context.strokeStyle = this.ink;
    context.lineWidth = 2;
    context.stroke();
  }

  /** A point that the search came to. */
  ghost(point) {
    const { context } = this;
    context.beginPath();
    diamond(context, ...this.pixel(point.x), POISON_RADIUS + 2);
    context.setLineDash([3, 3]);
    context.strokeStyle = colour(point.label, this.dark);
    context.lineWidth = 3;
    context.stroke();
    context.setLineDash([]);
  }
}

/** The part of a convex polygon in which a x_0 + b x_1 + d >= 0. */
export function clip(corners, [a, b, d]) {
  const side = ([x, y]) => a * x + b * y + d;
  return corners.flatMap((here, i) => {
    const next = corners[(i + 1) % corners.length];
    const [s, t] = [side(here), side(next)];
    const kept = s >= 0 ? [here] : [];
    if (s >= 0 === t >= 0) return kept;
    const part = s / (s - t);
    return [...kept, [here[0] + part * (next[0] - here[0]), here[1] + part * (next[1] - here[1])]];
  });
}
