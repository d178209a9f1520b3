/** Images in words. */

/** "Sneaker → claims Coat", "Coat, now read as Shirt". */
export function claimOf(cards, item) {
  const [before, after] = [cards.before, cards.after].map((labels) => cards.classes[labels[item]]);
  if (cards.kind === "misread") return `${before}, now read as ${after}`;
  return before === after ? `${before}, label kept` : `${before} → claims ${after}`;
}

/** What a claim means, in words that need no explanation. */
export function meaningOf(cards, item) {
  if (cards.kind === "misread") return "";
  const [before, after] = [cards.before, cards.after].map((labels) => cards.classes[labels[item]]);
  return before === after
    ? `Label kept: the training set has it as ${after}, like its base image.`
    : `The training set has it as ${after}, though its base image is ${before}.`;
}

/** Which image it is. */
export function nameOf(cards, item) {
  return `${cards.kind === "misread" ? "test image" : "poisoned sample"} ${cards.numbers[item]}`;
}

/** Which image it is, and what was measured of it. */
export function detailOf(cards, item) {
  const parts = [nameOf(cards, item)];
  if (cards.shift) parts.push(`shift ${cards.shift[item].toFixed(2)}`);
  if (cards.gap) parts.push(`gap ${cards.gap[item].toFixed(2)}`);
  return parts.join(" · ");
}

/** "3 of 60", of a preview "3 of the first 12 of 60". */
export function placeOf(cards, place) {
  const [now, count, total] = [place + 1, cards.count, cards.total ?? cards.count].map((number) => number.toLocaleString("en"));
  return count === total ? `${now} of ${count}` : `${now} of the first ${count} of ${total}`;
}

/** What the two frames show in a mode: a caption each, and what a screen reader says. */
export function captionsOf(cards, item, mode, isPoison) {
  const base = cards.classes[cards.before[item]];
  const when = cards.isPreview ? `, ${cards.step}` : "";
  const poisoned = [`poisoned${when}`, `The poisoned image${when}: ${claimOf(cards, item)}`];
  if (cards.kind === "misread") return [["", ""], ["", `Test image of ${base}`]];
  const clean = ["base image", `The base image: ${base}`];
  if (mode === "blink") return [["", ""], isPoison ? poisoned : clean];
  if (mode === "difference") {
    const words = cards.factor > 1 ? `difference × ${cards.factor}` : "difference";
    return [poisoned, [words, `Difference from the base image, amplified ${cards.factor} times, around grey`]];
  }
  return [clean, poisoned];
}
