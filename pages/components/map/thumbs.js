/** Small images of points, cut from one sheet that is asked for when somebody first points at the map. */

import { unpack } from "./data.js";

/** Where the app lies: sheets are served beside the components. */
export function appAddress(url) {
  const base = import.meta.url.split("/_stcore/")[0];
  return url.startsWith("/") ? `${base}${url}` : url;
}

export class Thumbs {
  /** @param loaded called once the sheet is there. */
  constructor(loaded) {
    this.loaded = loaded;
    this.places = new Map();
    this.image = null;
    this.url = "";
  }

  /** Take what the server says of the sheet: {url, rows, width, height, cell, columns}, or null. */
  take(sheet) {
    if (!sheet || sheet.url === this.url) return;
    this.url = sheet.url;
    this.sheet = sheet;
    this.places = new Map(Array.from(unpack(sheet.rows, "i4"), (row, place) => [row, place]));
    const image = new Image();
    image.onload = () => {
      this.image = image;
      this.loaded();
    };
    image.src = appAddress(sheet.url);
  }

  /** Forget the images of another run. */
  clear() {
    Object.assign(this, { image: null, url: "", places: new Map() });
  }

  has(row) {
    return this.image !== null && this.places.has(row);
  }

  /** The side in pixels that an image is drawn at: small ones by whole factors. */
  sideFor(wanted) {
    const side = Math.max(this.sheet?.width ?? 0, this.sheet?.height ?? 0);
    if (!side) return wanted;
    return side < wanted ? side * Math.max(1, Math.round(wanted / side)) : side;
  }

  /** A canvas with the image of a point, crisp, about `wanted` pixels wide; null where there is none. */
  canvas(row, wanted, alt) {
    if (!this.has(row)) return null;
    const { width, height, cell, columns } = this.sheet;
    const place = this.places.get(row);
    const element = document.createElement("canvas");
    element.width = width;
    element.height = height;
    element.getContext("2d").drawImage(
      ...[this.image, (place % columns) * cell, Math.floor(place / columns) * cell, width, height],
      ...[0, 0, width, height],
    );
    const side = this.sideFor(wanted);
    element.style.width = `${(side * width) / Math.max(width, height)}px`;
    element.style.height = `${(side * height) / Math.max(width, height)}px`;
    element.className = "thumb";
    if (alt === undefined) element.setAttribute("aria-hidden", "true");
    else {
      element.setAttribute("role", "img");
      element.setAttribute("aria-label", alt);
    }
    return element;
  }
}
