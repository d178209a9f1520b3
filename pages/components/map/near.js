/** Which points lie near a pixel, or within a loop. */

const CELL = 24;

/** Points by the square of the canvas that they lie in. */
export class Near {
  /** @param pixels (2 k) places of the points. */
  constructor(pixels) {
    this.pixels = pixels;
    this.cells = new Map();
    for (let i = 0; i < pixels.length / 2; i++) {
      const key = this.key(Math.floor(pixels[2 * i] / CELL), Math.floor(pixels[2 * i + 1] / CELL));
      const cell = this.cells.get(key);
      if (cell) cell.push(i);
      else this.cells.set(key, [i]);
    }
  }

  key(column, row) {
    return column * 65536 + row;
  }

  /**
   * The nearest point within a radius of at most a cell; -1 for none.
   * @param bonus pixels by which each of some points counts as nearer: (row) => number.
   */
  at(px, py, radius, bonus = () => 0) {
    let best = -1;
    let least = radius;
    const [column, row] = [Math.floor(px / CELL), Math.floor(py / CELL)];
    for (let i = column - 1; i <= column + 1; i++) {
      for (let j = row - 1; j <= row + 1; j++) {
        for (const point of this.cells.get(this.key(i, j)) ?? []) {
          const distance = Math.hypot(this.pixels[2 * point] - px, this.pixels[2 * point + 1] - py);
          if (distance > radius) continue;
          if (distance - bonus(point) < least) [best, least] = [point, distance - bonus(point)];
        }
      }
    }
    return best;
  }
}

/** Rows of the points within a loop of pixels [[x, y], ...], by the even-odd rule. */
export function within(pixels, loop) {
  const rows = [];
  for (let i = 0; i < pixels.length / 2; i++) {
    if (isInside(pixels[2 * i], pixels[2 * i + 1], loop)) rows.push(i);
  }
  return rows;
}

function isInside(x, y, loop) {
  let inside = false;
  for (let i = 0, j = loop.length - 1; i < loop.length; j = i++) {
    const [xi, yi] = loop[i];
    const [xj, yj] = loop[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/**
 * The nearest of some points in a direction, within 45 degrees of it; -1 for none.
 * @param rows candidates.
 * @param from row of the point to start from.
 * @param direction [dx, dy] in pixels: one of the four of the arrow keys.
 */
export function towards(pixels, rows, from, [dx, dy]) {
  let best = -1;
  let least = Infinity;
  for (const row of rows) {
    const x = pixels[2 * row] - pixels[2 * from];
    const y = pixels[2 * row + 1] - pixels[2 * from + 1];
    const along = x * dx + y * dy;
    const across = Math.abs(x * dy - y * dx);
    if (row === from || along <= 0 || across > along) continue;
    if (along + across < least) [best, least] = [row, along + across];
  }
  return best;
}
