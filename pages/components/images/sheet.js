/** Images in full resolution, cut from a sheet: see `core.presentation.figures.sheets`. */

import { unpack } from "../map/data.js";
import { appAddress } from "../map/thumbs.js";

/** Side in pixels up to which images are enlarged by whole factors, every pixel a square. */
const SMALL = 63;

export class Sheet {
  /** @param loaded called once a sheet is there. */
  constructor(loaded) {
    this.loaded = loaded;
    this.places = new Map();
    this.image = null;
    this.url = "";
  }

  /** Take what the server says: {url, items, width, height, each, columns}. */
  take(sheet) {
    if (sheet.url === this.url) return;
    this.url = sheet.url;
    const image = new Image();
    image.onload = () => {
      if (this.url !== sheet.url) return; // another one is on its way
      Object.assign(this, { image, sheet, places: new Map(Array.from(unpack(sheet.items, "i4"), (item, i) => [item, i])) });
      this.loaded();
    };
    image.src = appAddress(sheet.url);
  }

  has(item) {
    return this.image !== null && this.places.has(item);
  }

  /** Whether images are so small that their pixels are shown as squares. */
  get isSmall() {
    return Math.max(this.sheet.width, this.sheet.height) <= SMALL;
  }

  /** The scale at which an image fits into a square of `room` pixels: small ones by whole factors. */
  scale(room) {
    const fit = room / Math.max(this.sheet.width, this.sheet.height);
    return this.isSmall ? Math.max(1, Math.floor(fit)) : fit;
  }

  /** Draw one of an item's images on a canvas of its own resolution, shown in a square of `room` pixels. */
  draw(canvas, item, which, room) {
    const { width, height } = this.sheet;
    this.fit(canvas, room);
    canvas.getContext("2d").drawImage(this.image, ...this.corner(item, which), width, height, 0, 0, width, height);
  }

  /** Draw the difference of an item's two images, amplified, around grey. */
  drawDifference(canvas, item, factor, room) {
    const { width, height } = this.sheet;
    this.fit(canvas, room);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const [base, poison] = [0, 1].map((which) => {
      context.drawImage(this.image, ...this.corner(item, which), width, height, 0, 0, width, height);
      return context.getImageData(0, 0, width, height);
    });
    for (let i = 0; i < base.data.length; i++) {
      if (i % 4 < 3) poison.data[i] = 128 + factor * (poison.data[i] - base.data[i]); // clamped by its type
    }
    context.putImageData(poison, 0, 0);
  }

  fit(canvas, room) {
    const { width, height } = this.sheet;
    Object.assign(canvas, { width, height });
    const scale = this.scale(room);
    canvas.style.width = `${width * scale}px`;
    canvas.style.height = `${height * scale}px`;
    canvas.classList.toggle("crisp", this.isSmall);
  }

  corner(item, which) {
    const { width, height, each, columns } = this.sheet;
    const place = this.places.get(item);
    return [((place % columns) * each + which) * width, Math.floor(place / columns) * height];
  }
}
