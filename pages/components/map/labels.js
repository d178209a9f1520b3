/** Names of classes beside their islands: off the poison and off each other, with a line where they stand apart. */

const STEPS = 16;
const DISTANCES = [4, 16, 32, 52, 78, 110, 150];
const EDGE = 3;

/**
 * Places for names, the largest island first; a name without a free place is left out.
 *
 * @param islands [{text, width, height, x, y, low: [x, y], high: [x, y], share}] in pixels; `x`, `y` is its densest place.
 * @param marks (2 m) pixels of what must not be covered.
 * @param dots (2 n) pixels of what is better not covered.
 * @param size [width, height] of the canvas.
 * @param taken boxes, by their middle, that no name may touch.
 * @returns [{text, index, x, y, width, height, line}]: the middle of each box; `line` is where a leader line ends, or null.
 */
export function placeLabels(islands, marks, dots, [width, height], taken = []) {
  const crowd = new Crowd(dots, width, height);
  const placed = [];
  const order = islands.map((_, i) => i).sort((a, b) => islands[b].share - islands[a].share);
  for (const index of order) {
    const island = islands[index];
    let best = null;
    for (const candidate of candidates(island)) {
      const box = { ...candidate, width: island.width, height: island.height };
      if (!fits(box, width, height) || [...placed, ...taken].some((other) => overlap(box, other))) continue;
      const cost = covered(box, marks) * 60 + crowd.under(box) * 0.7 + candidate.distance * 0.25;
      if (!best || cost < best.cost) best = { ...box, cost };
    }
    if (!best || covered(best, marks)) continue;
    const isApart = best.distance > 16;
    placed.push({ ...best, text: island.text, index, line: isApart ? edgeOf(island) : null });
  }
  return placed;
}

/** Boxes beside an island, near ones first. */
function* candidates(island) {
  const middle = [(island.low[0] + island.high[0]) / 2, (island.low[1] + island.high[1]) / 2];
  const half = [Math.abs(island.high[0] - island.low[0]) / 2, Math.abs(island.high[1] - island.low[1]) / 2];
  for (const distance of DISTANCES) {
    for (let step = 0; step < STEPS; step++) {
      const angle = (2 * Math.PI * step) / STEPS;
      const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
      yield {
        x: middle[0] + dx * (half[0] + distance + island.width / 2),
        y: middle[1] + dy * (half[1] + distance + island.height / 2),
        distance,
      };
    }
  }
  yield { x: island.x, y: island.y, distance: 24 };
}

function edgeOf(island) {
  return [island.x, island.y];
}

function fits({ x, y, width, height }, right, bottom) {
  return (
    x - width / 2 >= EDGE && x + width / 2 <= right - EDGE && y - height / 2 >= EDGE && y + height / 2 <= bottom - EDGE
  );
}

/** Whether two boxes touch. */
export function overlap(a, b) {
  return Math.abs(a.x - b.x) < (a.width + b.width) / 2 + 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2 + 1;
}

/** How many marks lie in a box or within a symbol's radius of it. */
export function covered({ x, y, width, height }, marks) {
  let count = 0;
  for (let i = 0; i < marks.length; i += 2) {
    if (Math.abs(marks[i] - x) < width / 2 + 6 && Math.abs(marks[i + 1] - y) < height / 2 + 6) count++;
  }
  return count;
}

/** How many dots lie where, by squares of a few pixels. */
class Crowd {
  constructor(dots, width, height) {
    this.side = 10;
    this.columns = Math.ceil(width / this.side) + 1;
    this.rows = Math.ceil(height / this.side) + 1;
    this.counts = new Float32Array(this.columns * this.rows);
    for (let i = 0; i < dots.length; i += 2) {
      const [column, row] = [Math.floor(dots[i] / this.side), Math.floor(dots[i + 1] / this.side)];
      if (column >= 0 && row >= 0 && column < this.columns && row < this.rows) {
        // A square counts as full from a few dots on: beyond, more dots hide nothing more.
        const at = row * this.columns + column;
        this.counts[at] = Math.min(3, this.counts[at] + 1);
      }
    }
  }

  under({ x, y, width, height }) {
    let sum = 0;
    const last = [Math.floor((x + width / 2) / this.side), Math.floor((y + height / 2) / this.side)];
    for (let row = Math.max(0, Math.floor((y - height / 2) / this.side)); row <= last[1]; row++) {
      for (let column = Math.max(0, Math.floor((x - width / 2) / this.side)); column <= last[0]; column++) {
        sum += this.counts[row * this.columns + column] || 0;
      }
    }
    return sum;
  }
}
