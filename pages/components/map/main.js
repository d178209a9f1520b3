/**
 * The map of features: points, names, arrows and poison on a canvas; hovering, selecting, lassoing without the server.
 *
 * Streamlit calls the default export with a scene; what a person selects goes to other components of the page at once,
 * and to the page's script where it asks for that.
 */

import { fillCard, fillTip } from "./card.js";
import { decode, neighbours } from "./data.js";
import { Picture } from "./draw.js";
import { listen } from "./input.js";
import { announce, follow } from "./link.js";
import { svg } from "./symbols.js";
import { Thumbs } from "./thumbs.js";
import { tell } from "./turn.js";
import { decisionWords, nameOf, claimOf, moreOf } from "./words.js";

/** One map on a page. */
export class FeatureMap {
  /** @param root the element of class "map". */
  constructor(root) {
    this.root = root;
    this.picture = new Picture(root.querySelector(".stage"), false);
    this.thumbs = new Thumbs(() => this.refresh());
    this.scene = null;
    this.hovered = this.selected = -1;
    this.loop = [];
    this.pinned = [];
    this.decisions = false;
    this.report = () => {};
    this.ending = [follow(this, (run, row) => this.scene?.run === run && this.show(row)), listen(this)];
    this.observer = new ResizeObserver(() => this.request(true));
    this.observer.observe(this.picture.under);
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  button(name) {
    return this.root.querySelector(`[data-do="${name}"]`);
  }

  /**
   * Take what the server says.
   * @param data {scene, options: {height, big, lasso, card, alt}, lassoed, pinned, thumbs}.
   */
  take({ scene, options, lassoed, pinned, thumbs }) {
    const isNew = this.scene?.id !== scene.id;
    if (isNew) {
      const fresh = decode(scene);
      const isSame = this.scene?.count === fresh.count && this.scene.run === fresh.run;
      if (!isSame) this.selected = this.hovered = -1;
      if (!isSame || !fresh.isPreview || !this.scene.isPreview) {
        this.picture.view.reset();
        this.picture.view.middle = null;
      }
      if (this.scene?.run !== fresh.run) this.thumbs.clear();
      // What is below stays where it is while a run goes, though the legend has other entries.
      this.root.style.minHeight = fresh.isPreview ? `${this.root.offsetHeight}px` : "";
      this.picture.pixels = null;
      this.scene = fresh;
    }
    this.options = options;
    this.picture.isBig = options.big;
    this.root.classList.toggle("big", options.big);
    this.root.style.setProperty("--map-height", `${options.height}px`);
    this.picture.over.setAttribute("aria-label", options.alt);
    const pins = JSON.stringify(pinned);
    if (pins !== JSON.stringify(this.pinned) && !options.card) this.selected = pinned.at(-1) ?? -1;
    this.pinned = pinned;
    if (JSON.stringify(lassoed) !== this.told) this.bright = lassoed.length ? new Set(lassoed) : null;
    this.told = JSON.stringify(lassoed);
    this.thumbs.take(thumbs);
    this.button("lasso").hidden = !options.lasso;
    this.isLassoing ??= options.lasso;
    this.button("lasso").setAttribute("aria-pressed", this.isLassoing);
    this.button("decisions").hidden = !(this.scene.predicted || this.scene.regions) || options.big;
    this.writeLegend();
    this.request(true);
    this.refresh();
  }

  /** Draw at the next frame; `all` draws the points again, too. */
  request(all = false) {
    this.isStale ||= all;
    this.pending ||= requestAnimationFrame(() => {
      this.pending = 0;
      if (!this.scene || !this.picture.under.clientWidth) return;
      if (this.isStale) {
        const isNew = !this.picture.pixels;
        this.picture.measure(this.scene);
        if (isNew) fillCard(this);
        this.picture.paint(this.scene, { decisions: this.decisions, bright: this.bright });
        this.isStale = false;
      }
      const near = this.selected < 0 ? [] : neighbours(this.scene, this.selected);
      this.picture.paintOver(this.scene, { ...this, near });
      Object.assign(this.root.dataset, { count: this.scene.count, selected: this.selected, pinned: this.pinned.length });
      Object.assign(this.root.dataset, { lassoed: this.bright?.size ?? 0, hovered: this.hovered });
    });
  }

  writeLegend() {
    const { scene } = this;
    const parts = scene.marks.filter(({ name }) => name).map(({ name, colour, shape, ring }) => [shape, colour, name, ring]);
    const rings = parts.some(([, , , ring]) => ring);
    const html = parts.map(([shape, colour, name]) => `<span>${svg(shape, colour)}${escape(name)}</span>`);
    if (scene.islands.length && rings) html.unshift(`<span>${svg("dot", "#8a93a0")}clean, by class</span>`);
    if (rings) html.push("<span>ring: claimed class</span>");
    if (scene.start.some(Number.isFinite)) html.push("<span>→ from its base image</span>");
    if (scene.target) html.push(`<span>${svg("cross", "#8a93a0")}target of stage 2</span>`);
    this.part("legend").innerHTML = html.join("");
    const far = scene.far
      ? `${scene.far.toLocaleString("en")} far ${scene.far === 1 ? "point is" : "points are"} drawn in the margin, outside the dashed frame, not to scale. `
      : "";
    this.part("note").textContent = far + (this.decisions ? decisionWords(scene) : "");
  }

  /** Turn the head's decisions on or off. */
  toggleDecisions() {
    this.decisions = !this.decisions;
    this.button("decisions").setAttribute("aria-pressed", this.decisions);
    this.writeLegend();
    this.request(true);
  }

  toggleLasso() {
    this.isLassoing = !this.isLassoing;
    this.button("lasso").setAttribute("aria-pressed", this.isLassoing);
  }

  /** Images are wanted: the server is asked for them once. */
  wantImages() {
    if (this.hasAsked || this.options?.big) return;
    this.hasAsked = this.report("images", true) !== false;
  }

  /** Point at a row, -1 for none. */
  hover(row, place) {
    if (row === this.hovered && !place) return;
    this.hovered = row;
    fillTip(this, place);
    this.request();
  }

  /** Select a row, -1 for none, and tell others. */
  select(row) {
    this.show(row);
    announce(this.scene.run, row, this);
    this.report("picked", row);
  }

  /** Select a row without telling others. */
  show(row) {
    this.selected = row;
    if (row >= 0) this.wantImages();
    this.refresh();
    this.request();
    this.say(row);
  }

  say(row) {
    const { scene } = this;
    this.part("status").textContent = row < 0 ? "" : `${nameOf(scene, row)}. ${claimOf(scene, row)}. ${moreOf(scene, row)}`;
  }

  /** Take a finished loop of pixels. */
  lasso(rows) {
    this.loop = [];
    this.bright = rows.length ? new Set(rows) : null;
    this.told = JSON.stringify(rows);
    this.request(true);
    this.report("lasso", rows);
  }

  refresh() {
    if (!this.scene) return;
    fillCard(this);
    fillTip(this);
  }

  stop() {
    this.observer.disconnect();
    cancelAnimationFrame(this.pending);
    for (const end of this.ending) end();
  }
}

function escape(text) {
  const element = document.createElement("i");
  element.textContent = text;
  return element.innerHTML;
}

const maps = new WeakMap();

/** What Streamlit calls, again whenever the data or the theme change; returns what it calls at the end. */
export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".map");
  let map = maps.get(root);
  if (!map) {
    map = new FeatureMap(root);
    maps.set(root, map);
  }
  map.report = (name, value) => data.reports.includes(name) && tell(() => setStateValue(name, value));
  map.take(data);
  return () => {
    map.stop();
    maps.delete(root);
  };
}
