/** Between places of the map and pixels: the part that is shown, zoom and pan. */

const ROOM = 14;
const AXIS_ROOM = [46, 34];
const MOST_ZOOM = 60;

export class View {
  constructor() {
    this.zoom = 1;
    this.middle = null;
  }

  /** Take the size of the canvas in CSS pixels and the scene's ends. */
  fit(scene, width, height) {
    this.width = width;
    this.height = height;
    this.left = scene.axes ? AXIS_ROOM[0] : 0;
    this.bottom = scene.axes ? AXIS_ROOM[1] : 0;
    const [low, high] = ends(scene);
    const room = [width - this.left - 2 * ROOM, height - this.bottom - 2 * ROOM];
    const scale = [0, 1].map((i) => Math.max(room[i], 1) / Math.max(high[i] - low[i], 1e-9));
    // Without axes only distances mean something: one unit is as long in both directions, unless that wastes the place.
    const even = Math.min(...scale);
    this.base = scene.axes ? scale : scale.map((value) => Math.min(value, even * 2));
    this.middle ??= [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    this.home = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    if (this.zoom === 1) this.middle = [...this.home];
  }

  get scale() {
    return this.base.map((value) => value * this.zoom);
  }

  get centre() {
    return [this.left + (this.width - this.left) / 2, (this.height - this.bottom) / 2];
  }

  /** Pixels of a place. */
  pixel(x, y) {
    const [cx, cy] = this.centre;
    return [cx + (x - this.middle[0]) * this.scale[0], cy - (y - this.middle[1]) * this.scale[1]];
  }

  /** The place of a pixel. */
  place(px, py) {
    const [cx, cy] = this.centre;
    return [this.middle[0] + (px - cx) / this.scale[0], this.middle[1] - (py - cy) / this.scale[1]];
  }

  /** Zoom by a factor around a pixel. */
  zoomBy(factor, px = this.centre[0], py = this.centre[1]) {
    const before = this.place(px, py);
    this.zoom = Math.min(MOST_ZOOM, Math.max(1, this.zoom * factor));
    if (this.zoom === 1) this.middle = [...this.home];
    else {
      const after = this.place(px, py);
      this.middle = this.middle.map((value, i) => value + before[i] - after[i]);
    }
  }

  /** Move by pixels; not at all while everything is shown. */
  pan(dx, dy) {
    if (this.zoom === 1) return;
    this.middle = [this.middle[0] - dx / this.scale[0], this.middle[1] + dy / this.scale[1]];
  }

  /** Show everything. */
  reset() {
    this.zoom = 1;
    this.middle = this.home && [...this.home];
  }

  /** Pixels (2 k) of many places (2 k). */
  pixels(xy) {
    const out = new Float32Array(xy.length);
    const [cx, cy] = this.centre;
    const [sx, sy] = this.scale;
    const [mx, my] = this.middle;
    for (let i = 0; i < xy.length; i += 2) {
      out[i] = cx + (xy[i] - mx) * sx;
      out[i + 1] = cy - (xy[i + 1] - my) * sy;
    }
    return out;
  }
}

/** The ends of everything that is drawn, with the frame around what is at full size. */
function ends(scene) {
  const [low, high] = [[...scene.low], [...scene.high]];
  for (const places of [scene.xy, scene.start, scene.target ?? []]) {
    for (let i = 0; i < places.length; i++) {
      if (Number.isNaN(places[i])) continue;
      low[i % 2] = Math.min(low[i % 2], places[i]);
      high[i % 2] = Math.max(high[i % 2], places[i]);
    }
  }
  return [low, high];
}
