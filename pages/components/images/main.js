/**
 * The card of images: pairs of base and poison, side by side, blinking, or as their difference; misread test images.
 *
 * Streamlit calls the default export with what there is to show. The server is asked for more only where not all images
 * fit on one sheet, or where the map selects a pair while something else is shown.
 */

import { unpack } from "../map/data.js";
import { announce, follow } from "../map/link.js";
import { redraw } from "../map/press.js";
import { tell } from "../map/turn.js";
import { listen } from "./input.js";
import { Sheet } from "./sheet.js";
import { captionsOf, claimOf, detailOf, meaningOf, nameOf, placeOf } from "./words.js";

const BLINK_MS = 600;
const MOST_PIXELS = 224;
const THUMB_PIXELS = 40;
/** Where the window is tall, the strip is a grid of larger images; the styles say the same. */
const TALL = matchMedia("(min-width: 1000px) and (min-height: 900px)");
const TALL_THUMB_PIXELS = 56;
/** Images in the strip at once. */
const PAGE = 24;
/** Room of the arrow between the two: where a card is 298 pixels wide, images of 28 are shown at 140. */
const ARROW = 18;

/** One card on a page. */
export class ImageCard {
  /** @param root the element of class "image-card". */
  constructor(root) {
    this.root = root;
    this.sheet = new Sheet(() => this.draw(true));
    this.cards = null;
    this.item = -1;
    this.mode = "pair";
    this.blend = 100;
    this.report = () => {};
    this.ending = [follow(this, (run, row) => this.hear(run, row)), listen(this)];
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(root);
    const redraw = () => this.draw(true);
    TALL.addEventListener("change", redraw);
    this.ending.push(() => TALL.removeEventListener("change", redraw));
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  button(name) {
    return this.root.querySelector(`[data-do="${name}"]`);
  }

  /**
   * Take what the server says.
   * @param data {cards, sheet, selected}: see `core.presentation.image_cards`, to which `remark` and `notes` come.
   */
  take({ cards, sheet, selected }) {
    const name = `${cards.kind} ${cards.run} ${cards.count}`;
    // What is below stays where it is while a run goes, though its images have fewer words and a shorter strip.
    this.root.style.minHeight = cards.isPreview ? `${this.root.offsetHeight}px` : "";
    this.cards = decode(cards);
    // A preview has one order alone: the one that a person has chosen is kept for what comes after it.
    this.order = this.chosen in this.cards.orders ? this.chosen : Object.keys(this.cards.orders)[0];
    if (name !== this.name) {
      this.item = selected ?? this.rows[0] ?? -1;
      if (!this.canCompare) this.setMode("pair");
    }
    this.name = name;
    this.writeFrame();
    this.sheet.take(sheet);
    this.draw(true);
  }

  /** The items in the chosen order. */
  get rows() {
    return this.cards.orders[this.order];
  }

  /** Whether base and poison differ, so that there is something to compare. */
  get canCompare() {
    return this.cards.kind === "poison" && this.cards.factor > 0;
  }

  writeFrame() {
    const { remark, notes } = this.cards;
    this.part("remark").textContent = remark;
    this.part("tools").hidden = !this.canCompare;
    this.button("difference").textContent =
      this.cards.factor > 1 ? `Difference × ${this.cards.factor}` : "Difference";
    const order = this.part("order");
    const titles = this.cards.titles;
    const options = Object.keys(titles).map((name) => new Option(titles[name], name));
    const words = (all) => all.map(({ value, text }) => `${value} ${text}`).join();
    // The same stay, as a list that a person has opened would lose them.
    if (words(options) !== words([...order.options])) order.replaceChildren(...options);
    order.value = this.order;
    order.hidden = Object.keys(titles).length < 2;
    const details = this.part("notes");
    details.hidden = notes.length === 0;
    details.lastElementChild.replaceChildren(...notes.map((note) => element("p", note)));
  }

  /** Show the images as they stand; `all` draws the strip again, too. */
  draw(all = false) {
    const { cards, item, sheet } = this;
    if (!cards) return;
    Object.assign(this.root.dataset, { item, mode: this.mode, count: cards.count });
    const place = this.rows.indexOf(item);
    this.part("place").textContent = placeOf(cards, place);
    this.button("previous").disabled = place <= 0;
    this.button("next").disabled = place >= cards.count - 1;
    if (item < 0) return;
    this.part("claim").textContent = claimOf(cards, item);
    this.part("meaning").textContent = meaningOf(cards, item);
    this.part("detail").textContent = detailOf(cards, item);
    const isThere = sheet.has(item);
    this.root.classList.toggle("waiting", !isThere);
    if (!isThere) {
      this.want(place);
      return;
    }
    this.drawFrames();
    if (all) redraw(this.part("strip"), () => this.drawStrip());
  }

  /** Ask the server for the sheet around a place, once. */
  want(place) {
    const wanted = JSON.stringify([this.cards.run, this.order, place]);
    if (!this.sheet.image || wanted === this.wanted) return; // the first one is on its way
    this.wanted = wanted;
    this.report("wanted", JSON.parse(wanted));
  }

  drawFrames() {
    const { cards, item, mode, sheet } = this;
    const room = Math.min(MOST_PIXELS, (this.root.clientWidth - ARROW) / 2);
    if (room <= 0) return;
    const isSingle = !this.canCompare;
    const [left, right] = ["left", "right"].map((name) => this.part(name));
    left.hidden = isSingle || mode === "blink";
    this.part("arrow").hidden = isSingle || mode !== "pair";
    this.part("fade").hidden = isSingle || mode !== "blink";
    const [under, over] = right.querySelectorAll("canvas");
    const last = isSingle ? 0 : 1;
    if (!left.hidden) sheet.draw(left.querySelector("canvas"), item, mode === "pair" ? 0 : 1, room);
    sheet.draw(under, item, 0, room);
    if (mode === "difference") sheet.drawDifference(over, item, cards.factor, room);
    else sheet.draw(over, item, last, room);
    over.style.opacity = mode === "blink" ? this.blend / 100 : 1;
    const captions = captionsOf(cards, item, mode, this.blend >= 50);
    [left, right].forEach((figure, i) => {
      const [words, spoken] = captions[i];
      figure.querySelector("figcaption").textContent = isSingle ? "" : words;
      figure.querySelector("[role=img]").setAttribute("aria-label", spoken);
    });
    this.root.dataset.phase = this.blend >= 50 ? "poison" : "base";
  }

  /** The images around the one that is shown, as buttons. */
  drawStrip() {
    const first = PAGE * Math.floor(this.rows.indexOf(this.item) / PAGE);
    const items = Array.from(this.rows.slice(first, first + PAGE)).filter((item) => this.sheet.has(item));
    const strip = this.part("strip");
    const there = new Map([...strip.children].map((button) => [Number(button.dataset.item), button]));
    const buttons = items.map((item) => {
      const button = there.get(item) ?? thumb(item); // one that stays can still be pressed
      button.tabIndex = item === this.item ? 0 : -1;
      button.setAttribute("aria-label", `${claimOf(this.cards, item)}, ${nameOf(this.cards, item)}`);
      button.setAttribute("aria-current", item === this.item);
      button.title = claimOf(this.cards, item);
      const pixels = TALL.matches ? TALL_THUMB_PIXELS : THUMB_PIXELS;
      this.sheet.draw(button.firstElementChild, item, this.sheet.sheet.each - 1, pixels);
      return button;
    });
    const hadFocus = strip.contains(this.root.getRootNode().activeElement);
    const stays = buttons.length === strip.children.length && buttons.every((button, i) => button === strip.children[i]);
    if (!stays) strip.replaceChildren(...buttons);
    strip.hidden = this.cards.count < 2;
    const current = buttons.find((button) => Number(button.dataset.item) === this.item);
    if (!current) return;
    const middle = current.offsetLeft + current.offsetWidth / 2 - strip.clientWidth / 2;
    strip.scrollLeft = Math.max(0, middle - strip.offsetLeft);
    if (hadFocus) current.focus({ preventScroll: true });
  }

  /** Show an item, and tell others. */
  select(item) {
    this.show(item);
    if (this.cards.kind === "poison") announce(this.cards.run, this.cards.clean + item, this);
  }

  /** Show an item without telling others. */
  show(item) {
    this.item = item;
    this.draw(true);
    this.part("status").textContent = `${claimOf(this.cards, item)}. ${detailOf(this.cards, item)}`;
  }

  /** Show what another component has selected: a poisoned sample, or the base image of one. */
  hear(run, row) {
    const { cards } = this;
    if (cards?.run !== run || row < 0) return;
    if (cards.kind !== "poison") {
      if (row < cards.clean) return;
      this.heard = (this.heard ?? 0) + 1; // the same point again is a click, too
      this.report("row", [run, row, this.heard]);
      return;
    }
    const item = row >= cards.clean ? row - cards.clean : cards.baseRow.indexOf(row);
    if (item >= 0 && item < cards.count && item !== this.item) this.show(item);
  }

  /** Go some places on in the chosen order. */
  step(by) {
    const place = this.rows.indexOf(this.item) + by;
    if (place >= 0 && place < this.cards.count) this.select(this.rows[place]);
  }

  setOrder(name) {
    this.order = this.chosen = name;
    this.select(this.rows[0]);
  }

  setMode(mode) {
    this.mode = mode;
    for (const name of ["pair", "blink", "difference"]) this.button(name).setAttribute("aria-pressed", name === mode);
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.play(mode === "blink" && !isStill);
    this.setBlend(mode === "blink" ? 0 : 100);
  }

  /** Let base and poison take turns in one place, or stop that. */
  play(isPlaying) {
    clearInterval(this.timer);
    this.timer = isPlaying ? setInterval(() => this.setBlend(this.blend >= 50 ? 0 : 100), BLINK_MS) : 0;
    this.button("pause").textContent = isPlaying ? "Pause" : "Play";
  }

  /** How much of the poisoned image is seen over its base image, in percent. */
  setBlend(blend) {
    this.blend = blend;
    const slider = this.root.querySelector("input");
    slider.value = blend;
    slider.setAttribute("aria-valuetext", `${blend} % poisoned`);
    this.draw();
  }

  stop() {
    this.play(false);
    this.observer.disconnect();
    for (const end of this.ending) end();
  }
}

/** A button of the strip with an empty canvas. */
function thumb(item) {
  const button = element("button", "");
  button.type = "button";
  button.dataset.item = item;
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  button.append(canvas);
  return button;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function decode(data) {
  const maybe = (text, kind) => (text === null ? null : unpack(text, kind));
  return {
    ...data,
    before: unpack(data.before, "u2"),
    after: unpack(data.after, "u2"),
    numbers: unpack(data.numbers, "i4"),
    baseRow: maybe(data.baseRow, "i4"),
    shift: maybe(data.shift, "f4"),
    gap: maybe(data.gap, "f4"),
    orders: Object.fromEntries(data.orders.map(([name, , rows]) => [name, unpack(rows, "i4")])),
    titles: Object.fromEntries(data.orders.map(([name, title]) => [name, title])),
  };
}

const cards = new WeakMap();

/** What Streamlit calls, again whenever the data or the theme change; returns what it calls at the end. */
export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".image-card");
  let card = cards.get(root);
  if (!card) {
    card = new ImageCard(root);
    cards.set(root, card);
  }
  card.report = (name, value) => tell(() => setStateValue(name, value));
  card.take(data);
  return () => {
    card.stop();
    cards.delete(root);
  };
}
