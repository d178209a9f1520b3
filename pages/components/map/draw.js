/** Paints the map: quiet dots, names, arrows and poison on one canvas; what changes with the pointer on another. */

import { Dots, channels } from "./dots.js";
import { placeLabels } from "./labels.js";
import { Near } from "./near.js";
import { symbol } from "./symbols.js";
import { ticks } from "./ticks.js";
import { View } from "./view.js";

const SMALL_CROWD = 10_000;
const NAME_PIXELS = 13;
const BIG_NAME_PIXELS = 19;
/** Poisoned samples up to which each has a ring in the colour of its claimed class. */
const MOST_RINGS = 400;
/** Poisoned samples beyond which symbols are smaller and arrows paler. */
const MANY = 300;

export class Picture {
  /** @param stage the element with both canvases; `isBig` is for projectors. */
  constructor(stage, isBig) {
    [this.under, this.over] = stage.querySelectorAll("canvas");
    this.tools = stage.querySelector(".tools");
    this.isBig = isBig;
    this.view = new View();
  }

  /** Take colours and the size from the page. */
  measure(scene) {
    const style = getComputedStyle(this.under);
    this.ink = style.getPropertyValue("--st-text-color").trim() || "#1b2430";
    this.paper = style.getPropertyValue("--st-background-color").trim() || "#ffffff";
    this.accent = style.getPropertyValue("--st-primary-color").trim() || "#1f5fb0";
    this.font = style.fontFamily;
    this.isDark = brightness(this.paper) < 128;
    const [width, height] = [this.under.clientWidth, this.under.clientHeight];
    this.density = window.devicePixelRatio || 1;
    for (const canvas of [this.under, this.over]) {
      const size = [Math.round(width * this.density), Math.round(height * this.density)];
      if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    }
    this.view.fit(scene, width, height);
    this.pixels = this.view.pixels(scene.xy);
    this.starts = this.view.pixels(scene.start);
    this.targets = scene.target && this.view.pixels(scene.target);
    this.near = new Near(this.pixels);
  }

  get radius() {
    return this.dotRadius + (this.view.width < 420 ? 1.5 : 2.2) + (this.isBig ? 2 : 0);
  }

  context(canvas) {
    const context = canvas.getContext("2d");
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, this.view.width, this.view.height);
    return context;
  }

  /**
   * Paint what does not change with the pointer.
   * @param shown {decisions: whether predictions or regions are drawn, bright: rows that stay while others dim, or null}.
   */
  paint(scene, shown) {
    const context = this.context(this.under);
    const poison = scene.count - scene.clean;
    this.dotRadius = (scene.clean > SMALL_CROWD ? 1.4 : 2.2) + (this.isBig ? 1 : 0) - (poison > MANY ? 0.3 : 0);
    if (scene.axes) this.paintAxes(context, scene);
    if (scene.far) this.paintMargin(context, scene);
    if (shown.decisions && scene.regions) this.paintRegions(context, scene);
    this.paintDots(context, scene, shown);
    this.paintArrows(context, scene, shown);
    this.paintMarks(context, scene, shown);
    this.paintNames(context, scene);
  }

  paintAxes(context, scene) {
    const { view } = this;
    const bottom = view.height - view.bottom;
    Object.assign(context, { fillStyle: this.ink, strokeStyle: this.ink, lineWidth: 1, textBaseline: "middle" });
    context.font = `12px ${this.font}`;
    const [left, low] = view.place(view.left, bottom);
    const [right, high] = view.place(view.width, 0);
    for (const value of ticks(left, right, view.width / 90)) {
      const [x] = view.pixel(value, 0);
      if (x < view.left + 4 || value < scene.low[0] || value > scene.high[0]) continue;
      this.line(context, x, 0, x, bottom, value === 0 && scene.regions ? 0.75 : 0.1, value === 0 && scene.regions ? 2 : 1);
      context.textAlign = "center";
      context.fillText(`${value}`, x, bottom + 9);
    }
    for (const value of ticks(low, high, view.height / 70)) {
      const [, y] = view.pixel(0, value);
      if (y > bottom - 4 || value < scene.low[1] || value > scene.high[1]) continue;
      this.line(context, view.left, y, view.width, y, 0.1);
      context.textAlign = "right";
      context.fillText(`${value}`, view.left - 4, y);
    }
    context.textAlign = "center";
    context.fillText(scene.axes[0], view.left + (view.width - view.left) / 2, view.height - 8);
    context.save();
    context.translate(9, bottom / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(scene.axes[1], 0, 0);
    context.restore();
  }

  line(context, x1, y1, x2, y2, alpha, width = 1) {
    context.globalAlpha = alpha;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    context.globalAlpha = 1;
  }

  /** A dashed frame around the part at full size. */
  paintMargin(context, scene) {
    const [left, bottom] = this.view.pixel(...scene.low);
    const [right, top] = this.view.pixel(...scene.high);
    Object.assign(context, { strokeStyle: this.ink, globalAlpha: 0.35, lineWidth: 1 });
    context.setLineDash([5, 4]);
    context.strokeRect(left - 5, top - 5, right - left + 10, bottom - top + 10);
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  /** The half-planes on which the head prefers one of two classes. */
  paintRegions(context, scene) {
    const { view } = this;
    const bottom = view.height - view.bottom;
    const border = Math.min(view.width, Math.max(view.left, view.pixel(0, 0)[0]));
    const spans = [
      [view.left, border],
      [border, view.width],
    ];
    spans.forEach(([from, to], side) => {
      context.globalAlpha = 0.16;
      context.fillStyle = scene.colours[scene.regions[side]];
      context.fillRect(from, 0, to - from, bottom);
      context.globalAlpha = 1;
      if (to - from < 60) return;
      context.fillStyle = this.ink;
      context.font = `600 12px ${this.font}`;
      Object.assign(context, { textAlign: side ? "right" : "left", textBaseline: "top" });
      const words = `decides for ${scene.classes[scene.regions[side]]}`;
      context.fillText(words, side ? to - 8 : from + 8, 8, to - from - 16);
    });
    this.line(Object.assign(context, { strokeStyle: this.ink }), border, 0, border, bottom, 0.9, 2);
  }

  paintDots(context, scene, { decisions, bright }) {
    const uses = decisions && !scene.regions && scene.predicted;
    const dots = new Dots(this.under.width, this.under.height);
    const tints = scene.marks.map(({ colour }) => channels(colour));
    const classes = scene.colours.map(channels);
    const wrong = [];
    for (let row = 0; row < scene.clean; row++) {
      const mark = scene.marks[scene.mark[row]];
      if (mark.shape !== "dot" && !uses) continue;
      if (uses && scene.predicted[row] !== scene.y[row]) wrong.push(row);
      const tint = uses ? classes[scene.predicted[row]] : tints[scene.mark[row]];
      const alpha = (uses ? 0.75 : mark.alpha) * (this.isDark ? 1.4 : 1);
      const shown = bright ? (bright.has(row) ? 1 : alpha * 0.3) : Math.min(1, alpha);
      const [x, y] = [this.pixels[2 * row] * this.density, this.pixels[2 * row + 1] * this.density];
      dots.add(x, y, this.dotRadius * this.density, tint, shown);
    }
    dots.drawOn(context);
    context.globalAlpha = 1;
    for (const row of wrong) this.mark(context, row, { shape: "cross", colour: this.ink }, this.dotRadius + 1.2);
  }

  paintArrows(context, scene, { bright }) {
    const count = scene.count - scene.clean;
    Object.assign(context, { strokeStyle: this.ink, fillStyle: this.ink, lineWidth: this.isBig ? 1.6 : 1.1 });
    for (let i = 0; i < count; i++) {
      const row = scene.clean + i;
      context.globalAlpha = bright && !bright.has(row) ? 0.08 : count > MANY ? 0.3 : 0.6;
      const end = [this.pixels[2 * row], this.pixels[2 * row + 1]];
      this.arrow(context, this.starts[2 * i], this.starts[2 * i + 1], ...end, this.radius);
      if (!this.targets) continue;
      const [x, y] = [this.targets[2 * i], this.targets[2 * i + 1]];
      context.setLineDash([2, 3]);
      this.line(context, this.starts[2 * i] || x, this.starts[2 * i + 1] || y, x, y, 0.5);
      context.setLineDash([]);
      symbol(context, "cross", x, y, 4);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  /** A line that ends in a head before the symbol at its end; only a ring at its start where there is no room. */
  arrow(context, x1, y1, x2, y2, gap) {
    if (!Number.isFinite(x1)) return;
    context.beginPath();
    context.arc(x1, y1, this.dotRadius + 1.6, 0, 2 * Math.PI);
    context.stroke();
    const length = Math.hypot(x2 - x1, y2 - y1);
    const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
    const head = this.isBig ? 9 : 6.5;
    if (length < gap + head + 2) return;
    const [x, y] = [x2 - dx * (gap + 1), y2 - dy * (gap + 1)];
    context.beginPath();
    context.moveTo(x1 + dx * (this.dotRadius + 1.6), y1 + dy * (this.dotRadius + 1.6));
    context.lineTo(x - dx * head * 0.8, y - dy * head * 0.8);
    context.stroke();
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x - dx * head - dy * head * 0.45, y - dy * head + dx * head * 0.45);
    context.lineTo(x - dx * head + dy * head * 0.45, y - dy * head - dx * head * 0.45);
    context.fill();
  }

  paintMarks(context, scene, { bright }) {
    const rings = scene.count - scene.clean <= MOST_RINGS;
    for (let row = 0; row < scene.count; row++) {
      const mark = scene.marks[scene.mark[row]];
      if (mark.shape === "dot") continue;
      context.globalAlpha = bright && !bright.has(row) ? 0.15 : mark.alpha;
      if (mark.ring && rings) {
        symbol(context, mark.shape, this.pixels[2 * row], this.pixels[2 * row + 1], this.radius + 2.9);
        context.fillStyle = this.paper;
        context.fill();
        symbol(context, mark.shape, this.pixels[2 * row], this.pixels[2 * row + 1], this.radius + 2.1);
        context.fillStyle = scene.colours[scene.y[row]];
        context.fill();
      }
      this.mark(context, row, mark, this.radius);
    }
    context.globalAlpha = 1;
  }

  mark(context, row, { shape, colour }, radius) {
    const [x, y] = [this.pixels[2 * row], this.pixels[2 * row + 1]];
    symbol(context, shape, x, y, radius);
    if (shape === "cross" || shape === "open") {
      Object.assign(context, { strokeStyle: colour, lineWidth: 1.8 });
      context.stroke();
      return;
    }
    Object.assign(context, { fillStyle: colour, strokeStyle: this.paper, lineWidth: 1.2 });
    context.fill();
    context.stroke();
  }

  paintNames(context, scene) {
    const size = this.isBig ? BIG_NAME_PIXELS : this.view.width < 420 ? NAME_PIXELS - 1 : NAME_PIXELS;
    context.font = `600 ${size}px ${this.font}`;
    const islands = scene.islands.map((island) => {
      const [x, y] = this.view.pixel(island.x, island.y);
      const text = island.name.length > 22 ? `${island.name.slice(0, 21)}…` : island.name;
      const sign = size * 0.75;
      return {
        ...{ text, x, y, share: island.share, label: island.label },
        low: this.view.pixel(...island.low),
        high: this.view.pixel(...island.high),
        width: context.measureText(text).width + sign + 6,
        height: size + 4,
      };
    });
    const visible = islands.filter(({ x, y }) => x > 0 && y > 0 && x < this.view.width && y < this.view.height);
    const marks = this.marksOf(scene);
    const dots = this.pixels.subarray(0, 2 * scene.clean);
    const canvas = [this.view.width, this.view.height - this.view.bottom];
    const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = this.tools;
    const tools = { x: offsetLeft + offsetWidth / 2, y: offsetTop + offsetHeight / 2, width: offsetWidth, height: offsetHeight };
    this.names = placeLabels(visible, marks, dots, canvas, [tools]);
    Object.assign(context, { textAlign: "left", textBaseline: "middle", lineJoin: "round" });
    for (const name of this.names) {
      const left = name.x - name.width / 2;
      if (name.line) {
        context.strokeStyle = this.ink;
        const [x, y] = nearestOnBox(name, name.line);
        this.line(context, x, y, ...name.line, 0.55);
      }
      Object.assign(context, { strokeStyle: this.paper, lineWidth: 4, globalAlpha: 0.85 });
      context.strokeText(name.text, left + size * 0.75 + 3, name.y);
      context.globalAlpha = 1;
      context.fillStyle = this.ink;
      context.fillText(name.text, left + size * 0.75 + 3, name.y);
      symbol(context, "disc", left + size * 0.36, name.y, size * 0.3);
      context.fillStyle = scene.colours[visible[name.index].label];
      context.fill();
    }
  }

  /** Pixels of what names must not cover: all symbols that are no quiet dots, and the middle of each arrow. */
  marksOf(scene) {
    const marks = [];
    for (let row = 0; row < scene.count; row++) {
      if (scene.marks[scene.mark[row]].shape === "dot") continue;
      marks.push(this.pixels[2 * row], this.pixels[2 * row + 1]);
    }
    return marks;
  }

  /**
   * Paint what changes with the pointer.
   * @param state {hovered, selected, pinned: rows, loop: pixels of a lasso, near: rows of neighbours}.
   */
  paintOver(scene, { hovered, selected, pinned, loop, near }) {
    const context = this.context(this.over);
    const ring = (row, extra, colour, width) => {
      Object.assign(context, { strokeStyle: colour, lineWidth: width });
      context.beginPath();
      context.arc(this.pixels[2 * row], this.pixels[2 * row + 1], this.radius + extra, 0, 2 * Math.PI);
      context.stroke();
    };
    for (const row of pinned) ring(row, 6, this.ink, 2);
    if (selected >= 0) {
      const from = [this.pixels[2 * selected], this.pixels[2 * selected + 1]];
      context.strokeStyle = this.accent;
      for (const row of near) {
        this.line(context, ...from, this.pixels[2 * row], this.pixels[2 * row + 1], 0.55, 1);
        ring(row, 1.5, this.accent, 1.5);
      }
      ring(selected, 6, this.paper, 5);
      ring(selected, 6, this.accent, 3);
      if (selected >= scene.clean) {
        const i = selected - scene.clean;
        Object.assign(context, { strokeStyle: this.accent, fillStyle: this.accent, lineWidth: 2.5 });
        this.arrow(context, this.starts[2 * i], this.starts[2 * i + 1], ...from, this.radius + 6);
      }
    }
    if (hovered >= 0 && hovered !== selected) ring(hovered, 4, this.ink, 2);
    if (loop.length > 1) {
      Object.assign(context, { strokeStyle: this.accent, fillStyle: this.accent, lineWidth: 1.5 });
      context.beginPath();
      loop.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
      context.globalAlpha = 0.12;
      context.fill();
      context.globalAlpha = 1;
    }
  }
}

function nearestOnBox({ x, y, width, height }, [px, py]) {
  return [
    Math.min(x + width / 2, Math.max(x - width / 2, px)),
    Math.min(y + height / 2, Math.max(y - height / 2, py)),
  ];
}

/** From 0 to 255, of a colour as "#rrggbb". */
function brightness(colour) {
  const [red, green, blue] = channels(colour);
  return 0.3 * red + 0.59 * green + 0.11 * blue;
}
