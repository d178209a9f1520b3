/** What the playground says in words: numbers, sentences, the list of poison and the legend. */

import { colour, sign } from "./shapes.js";

/** A share in [0, 1] as a percentage. */
export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/** Points of accuracy lost, with a proper minus sign. */
export function points(value) {
  const text = Math.abs(100 * value).toFixed(1);
  return value < 0 && text !== "0.0" ? `−${text}` : text;
}

/** A place. */
export function at(x) {
  return `(${x.map((value) => value.toFixed(2).replace("-", "−")).join(", ")})`;
}

function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** What the present state comes to, in two or three sentences. */
export function sentence(scene, result, field) {
  const { poison, label, budget } = scene.view;
  const removed = result.removed.filter(Boolean).length;
  const lost = result.clean - result.poisoned;
  const on = `on ${scene.test.y.length} test points`;
  const parts = [];
  if (poison.length === 0) parts.push(`No poison yet: the clean head has ${percent(result.clean)} ${on}.`);
  else {
    const verb = lost >= 0 ? "cost" : "add";
    parts.push(
      `${counted(poison.length, "poisoned point")} ${poison.length === 1 ? `${verb}s` : verb} ${points(Math.abs(lost))} ` +
        `points of accuracy: ${percent(result.clean)} to ${percent(result.poisoned)} ${on}.`,
    );
  }
  if (scene.view.defence !== "none")
    parts.push(
      `The defence removes ${removed} of ${counted(poison.length, "poisoned point")} and ` +
        `${counted(result.cleanRemoved, "clean point")}.`,
    );
  if (poison.length >= budget) parts.push("The budget is used.");
  else if (field?.place) parts.push(`One more ${scene.classes[label]} would hurt most at ${at(field.place)}.`);
  return parts.join(" ");
}

/** A poisoned point, for its row in the list and for screen readers. */
export function pointWords(scene, result, i) {
  const point = scene.view.poison[i];
  const gone = result.removed[i] ? ", removed by the defence" : "";
  return `${i + 1}: ${scene.classes[point.label]} at ${at(point.x)}${gone}`;
}

/** What a search came to. */
export function foundWords(scene, count, side, progress, clean) {
  const { best, tried, total } = progress;
  if (tried < total) return `Searching: ${Math.floor((100 * tried) / total)} % of ${total.toLocaleString("en")} tried.`;
  if (best === null) return "The constraint leaves no place of the grid to search.";
  const what = count === 1 ? "one point" : "two points";
  const where = best.poison.map((point) => `${scene.classes[point.label]} at ${at(point.x)}`).join(" and ");
  const lost = clean - best.accuracy;
  return (
    `Search of ${total.toLocaleString("en")} choices of ${what} on a grid of ${side} × ${side}: the best found is ` +
    `${where}, which leaves ${percent(best.accuracy)} (${points(lost)} points lost). It is a search, ranked by test ` +
    `accuracy, which no attacker sees; between the places of the grid there may be better ones.`
  );
}

/** Fill the legend below the picture. */
export function legend(element, scene, dark) {
  const ink = "currentColor";
  const items = scene.classes.map((name, k) => [sign(k, colour(k, dark)), `${name}, clean`]);
  items.push([sign("poison", ink), "poison, coloured by its label"]);
  if (scene.view.defence !== "none") items.push([sign("removed", ink, true), "removed by the defence"]);
  if (scene.view.field) {
    items.push([sign("field", ink), `influence of one more ${scene.classes[scene.view.label]}`]);
    items.push([sign("top", ink, true), "where it hurts most"]);
  }
  element.replaceChildren(...items.map(([icon, text]) => withIcon("span", icon, text)));
}

/** An element with a sign and a text. */
export function withIcon(tag, icon, text) {
  const element = document.createElement(tag);
  element.innerHTML = icon; // a sign of ours; the text may be a name of somebody's
  element.append(text);
  return element;
}
