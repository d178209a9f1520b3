/** The signs of classes: a colour and a shape for each, so that no class is told apart by its colour alone. */

/** By class, for light and dark backgrounds: tellable with any colour vision, and with contrast on both. */
const COLOURS = { light: ["#2b78c0", "#d98200", "#832db6"], dark: ["#5aa5ea", "#ffb340", "#c490ea"] };

/** The colour of a class. */
export function colour(label, isDark) {
  return COLOURS[isDark ? "dark" : "light"][label];
}

/** Whether a colour, as `rgb(...)`, is dark. */
export function isDark(text) {
  const [r, g, b] = (text.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}

/** Add the outline of a class's clean points, a circle, square or triangle, to a path. */
export function outline(path, label, x, y, r) {
  if (label === 0) {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 2 * Math.PI);
  } else if (label === 1) path.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r);
  else polygon(path, [[x, y - 1.2 * r], [x + 1.1 * r, y + 0.8 * r], [x - 1.1 * r, y + 0.8 * r]]);
}

/** Add a diamond, the outline of poison, to a path. */
export function diamond(path, x, y, r) {
  polygon(path, [[x, y - r], [x + r, y], [x, y + r], [x - r, y]]);
}

/** Add a closed polygon to a path. */
export function polygon(path, corners) {
  corners.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
  path.closePath();
}

const SVG = {
  0: '<circle cx="8" cy="8" r="6.5"/>',
  1: '<rect x="2" y="2" width="12" height="12"/>',
  2: '<path d="M8 1 15 14H1Z"/>',
  poison: '<path d="M8 0 16 8 8 16 0 8Z"/>',
  removed: '<path d="M8 1 15 8 8 15 1 8ZM4.5 4.5l7 7M11.5 4.5l-7 7"/>',
  field: '<circle cx="3" cy="8" r="1.5"/><circle cx="8" cy="8" r="2.5"/><circle cx="14" cy="8" r="3.5"/>',
  top: '<path d="M8 1v14M1 8h14"/><circle cx="8" cy="8" r="5"/>',
};

/** A sign as SVG text. `hollow` draws its outline alone. */
export function sign(name, fill, hollow = false) {
  const paint = hollow ? `fill="none" stroke="${fill}" stroke-width="2"` : `fill="${fill}"`;
  return `<svg viewBox="0 0 16 16" aria-hidden="true" ${paint}>${SVG[name]}</svg>`;
}
