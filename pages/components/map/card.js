/** What is shown of one point: a tip beside the pointer, and a card with its image and its neighbours. */

import { neighbours } from "./data.js";
import { redraw } from "./press.js";
import { claimOf, moreOf, nameOf } from "./words.js";

const TIP_PIXELS = 64;
const CARD_PIXELS = 84;
const NARROW = 420;
const NEAR_PIXELS = 32;

/** Base image and image of a poisoned sample, the image of a clean one; empty where there are none. */
function images(map, row, pixels) {
  const { scene, thumbs } = map;
  const box = document.createElement("div");
  box.className = "images";
  const rows = row >= scene.clean ? [scene.baseRow[row - scene.clean], ...(scene.makesImages ? [row] : [])] : [row];
  rows.forEach((each, i) => {
    const words = row >= scene.clean && i === 0 ? "its base image" : nameOf(scene, each);
    const canvas = thumbs.canvas(each, pixels, words);
    if (!canvas) return;
    if (box.childElementCount) box.append("→");
    box.append(canvas);
  });
  return box;
}

/** The tip beside the pointer. */
export function fillTip(map, place) {
  const tip = map.part("tip");
  const { hovered, scene } = map;
  if (place) map.tipPlace = place;
  tip.hidden = hovered < 0 || !map.tipPlace || (hovered === map.selected && map.options.card);
  if (tip.hidden) return;
  const text = document.createElement("div");
  text.textContent = [nameOf(scene, hovered), moreOf(scene, hovered)].filter(Boolean).join(" · ");
  tip.replaceChildren(images(map, hovered, TIP_PIXELS), text);
  const { width, height } = map.picture.view;
  const [x, y] = map.tipPlace;
  const left = x > width / 2 ? x - tip.offsetWidth - 14 : x + 14;
  const top = Math.min(y + 10, height - tip.offsetHeight - 4);
  tip.style.left = `${Math.min(Math.max(4, left), Math.max(4, width - tip.offsetWidth - 4))}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}

/** The card of the selected point, in the corner away from it. */
export function fillCard(map) {
  const card = map.part("card");
  card.hidden = map.selected < 0 || !map.options.card;
  if (!card.hidden) redraw(card, () => replaceCard(map, card));
}

function replaceCard(map, card) {
  const { selected, scene, picture } = map;
  // Where the points of a new scene are becomes known in the next frame, which fills the card then.
  if (selected < 0 || !picture.pixels) return;
  card.className = `card ${picture.pixels[2 * selected] > picture.view.width / 2 ? "left" : "right"}`;
  const title = document.createElement("strong");
  title.textContent = claimOf(scene, selected);
  const text = document.createElement("div");
  text.textContent = [nameOf(scene, selected).split(":")[0], moreOf(scene, selected)].filter(Boolean).join(" · ");
  const close = document.createElement("button");
  Object.assign(close, { type: "button", className: "close", textContent: "×", title: "Clear the selection" });
  close.setAttribute("aria-label", "Clear the selection");
  close.addEventListener("click", () => map.select(-1));
  card.replaceChildren(close, title, images(map, selected, picture.view.width < NARROW ? TIP_PIXELS : CARD_PIXELS), text, ...nearOf(map));
}

/** The neighbours as buttons that select them. */
function nearOf(map) {
  const { scene, thumbs, selected } = map;
  const rows = neighbours(scene, selected);
  if (!rows.length) return [];
  const same = rows.filter((row) => scene.y[row] === scene.y[selected]).length;
  const words = document.createElement("div");
  words.textContent = `Nearest in feature space: ${same} of ${rows.length} have its label`;
  const list = document.createElement("div");
  list.className = "near";
  for (const row of rows) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = nameOf(scene, row);
    button.setAttribute("aria-label", `Select ${nameOf(scene, row)}`);
    button.classList.toggle("other", scene.y[row] !== scene.y[selected]);
    const image = row >= scene.clean && !scene.makesImages ? null : thumbs.canvas(row, NEAR_PIXELS);
    button.append(image ?? scene.classes[scene.y[row]]);
    button.addEventListener("click", () => map.select(row));
    list.append(button);
  }
  return [words, list];
}
