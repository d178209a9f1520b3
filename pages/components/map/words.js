/** Points in words, for hovering, the card and screen readers. */

import { memberOf } from "./data.js";

/** A point in one sentence without a full stop. */
export function nameOf(scene, row) {
  const label = scene.classes[scene.y[row]];
  if (row < scene.clean) return `training image ${row}: ${label}`;
  const [run, number] = memberOf(scene, row);
  const base = scene.classes[scene.baseY[row - scene.clean]];
  const who = `poisoned sample ${number}${run ? ` of ${run}` : ""}`;
  return base === label ? `${who}: ${base}, label kept` : `${who}: ${base} labelled ${label}`;
}

/** "Sneaker → claims Coat": what an image is, and what its label says; only the label of a clean one. */
export function claimOf(scene, row) {
  const label = scene.classes[scene.y[row]];
  if (row < scene.clean) return label;
  const base = scene.classes[scene.baseY[row - scene.clean]];
  return base === label ? `${base}, label kept` : `${base} → claims ${label}`;
}

/** What more is known of a point: its prediction, how far it was moved. */
export function moreOf(scene, row) {
  const parts = [];
  if (scene.predicted) parts.push(`predicted ${scene.classes[scene.predicted[row]]}`);
  if (row >= scene.clean && scene.shift) parts.push(`shift ${scene.shift[row - scene.clean].toFixed(2)}`);
  if (row >= scene.clean && scene.shift && scene.shift[row - scene.clean] <= 1e-3) parts.push("has not moved");
  return parts.join(" · ");
}

/** What the decisions show, and what they cannot. */
export function decisionWords(scene) {
  if (scene.regions) {
    const [left, right] = scene.regions.map((label) => scene.classes[label]);
    return `Shaded: where the head ${scene.head} prefers ${left} (left) or ${right} (right); exact on this plane.`;
  }
  return (
    `Colours: what the head ${scene.head} predicts for each clean point; crosses: other than its label. ` +
    "This map has no inverse, so that no regions can be drawn."
  );
}
