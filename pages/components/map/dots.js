/** Thousands of dots, blended pixel by pixel: without a GPU that is many times faster than paths or small images. */

export class Dots {
  /** @param width, height of the picture in device pixels. */
  constructor(width, height) {
    this.image = new ImageData(Math.max(1, width), Math.max(1, height));
  }

  /** Blend a dot: centre and radius in device pixels, colour as [red, green, blue], opacity. */
  add(x, y, radius, [red, green, blue], alpha) {
    const { width, height, data } = this.image;
    const reach = radius + 0.5;
    const right = Math.min(width - 1, Math.floor(x + reach));
    const bottom = Math.min(height - 1, Math.floor(y + reach));
    for (let row = Math.max(0, Math.floor(y - reach)); row <= bottom; row++) {
      for (let column = Math.max(0, Math.floor(x - reach)); column <= right; column++) {
        const [dx, dy] = [column + 0.5 - x, row + 0.5 - y];
        const cover = reach - Math.sqrt(dx * dx + dy * dy);
        if (cover <= 0) continue;
        const over = alpha * (cover < 1 ? cover : 1);
        const at = 4 * (row * width + column);
        const under = (data[at + 3] / 255) * (1 - over);
        const sum = over + under;
        data[at] = (red * over + data[at] * under) / sum;
        data[at + 1] = (green * over + data[at + 1] * under) / sum;
        data[at + 2] = (blue * over + data[at + 2] * under) / sum;
        data[at + 3] = 255 * sum;
      }
    }
  }

  /** Draw all of them onto a canvas, at its upper left corner. */
  drawOn(context) {
    const canvas = document.createElement("canvas");
    canvas.width = this.image.width;
    canvas.height = this.image.height;
    canvas.getContext("2d").putImageData(this.image, 0, 0);
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 1;
    context.drawImage(canvas, 0, 0);
    context.restore();
  }
}

/** [red, green, blue] of "#rrggbb". */
export function channels(colour) {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
