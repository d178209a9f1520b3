/**
 * The playground: poison in the plane, and the head solved to convergence at every move, all in the browser.
 *
 * Streamlit calls the default export with the state of a link, and gets back what stands in the address after a change.
 * While a person drags, nothing is sent.
 */

import { tell } from "../map/turn.js";
import { Attacker, GRIDS, search } from "./attack.js";
import { Panel } from "./controls.js";
import { Picture } from "./draw.js";
import { damage } from "./influence.js";
import { listen } from "./input.js";
import { linkOf } from "./link.js";
import { Scene } from "./scene.js";
import { foundWords } from "./words.js";

/** Milliseconds without a change after which the address is told. */
const REPORT_MS = 400;
/** Milliseconds of each frame that a search may take. */
const SEARCH_MS = 9;
/** Frames between two points that the attacker adds. */
const FRAMES_A_POINT = 10;

/** One playground on a page. */
export class Playground {
  /**
   * @param root the element of class "playground".
   * @param data {plane, view, locks}: see `Scene`; `locks` has the lists `lock` and `hide` of names of controls.
   */
  constructor(root, { plane, view, locks }) {
    this.root = root;
    this.locks = locks;
    this.scene = new Scene(plane, structuredClone(view));
    this.scene.enforce();
    this.picture = new Picture(root.querySelector("canvas"));
    this.selected = -1;
    this.attacker = null;
    this.searching = null;
    this.found = [];
    this.isBusy = false;
    this.report = () => {};
    this.reported = JSON.stringify(linkOf(this.scene.view));
    this.panel = new Panel(root, this);
    listen(this);
    this.observer = new ResizeObserver(() => this.request());
    this.observer.observe(this.picture.canvas);
    this.request();
  }

  /** Whether the poison may be changed. */
  get mayEdit() {
    return !this.panel.isLocked("poison");
  }

  /** The labels that an attacker may give to poison. */
  get labels() {
    return this.panel.isLocked("label") ? [this.scene.view.label] : this.scene.classes.map((_, k) => k);
  }

  /** Stop everything that goes on by itself. */
  stop() {
    this.observer.disconnect();
    cancelAnimationFrame(this.pending);
    clearTimeout(this.reporting);
    clearTimeout(this.panel.timer);
  }

  /** Draw at the next frame. */
  request() {
    this.pending ||= requestAnimationFrame(() => {
      this.pending = 0;
      this.frame();
    });
  }

  /** Solve, draw, and let the attacker or the search go on. */
  frame() {
    try {
      if (this.attacker !== null) this.playAttacker();
      const result = this.scene.evaluate();
      this.result = result;
      this.picture.fit(this.scene);
      const { field: wanted, label } = this.scene.view;
      this.field = this.scene.field(result, label, ...this.picture.grid(), this.picture.area());
      this.picture.draw(this.scene, result, wanted ? this.field : null, this.selected, this.found);
      this.panel.show(result, this.field, this.picture.dark);
      if (this.searching !== null) this.goOnSearching();
    } catch (error) {
      // Only a converged head is measured: no number stays of one that is not.
      for (const name of ["poisoned", "lost"]) this.panel.part(name).textContent = "–";
      this.panel.part("sentence").textContent = error.message;
      this.attacker = this.searching = this.result = null;
    }
    Object.assign(this.root.dataset, this.scene.solved);
    if (this.attacker !== null || this.searching !== null) this.request();
  }

  /** Something was changed: draw it, and tell the address once nothing changes any more. */
  changed() {
    this.request();
    clearTimeout(this.reporting);
    this.reporting = setTimeout(() => {
      const link = linkOf(this.scene.view);
      if (this.isBusy || this.attacker !== null || JSON.stringify(link) === this.reported || !this.result) return;
      this.reported = JSON.stringify(link);
      const { clean, poisoned } = this.result;
      this.report({ link, result: { clean, poisoned, tests: this.scene.test.y.length } });
    }, REPORT_MS);
  }

  /** A person changed the poison or a rule: what the search found was of the state before. */
  edited() {
    this.found = [];
    this.searching = null;
    this.panel.part("found").textContent = "";
    this.changed();
  }

  /** Change controls. */
  set(values) {
    const { view } = this.scene;
    const asked = { ...values };
    if ("budget" in asked) asked.budget = Math.max(asked.budget, view.poison.length);
    Object.assign(view, asked);
    this.scene.enforce();
    this.edited();
  }

  /** Select a poisoned point, or none by -1. */
  choose(index) {
    this.selected = index;
    this.request();
  }

  /** Select the next point, or the one before. */
  step(by) {
    const count = this.scene.view.poison.length;
    if (count) this.choose((Math.max(this.selected, by < 0 ? 0 : -1) + by + count) % count);
  }

  /** Add poison at a place; its index, or -1 where none may be added. */
  add(x) {
    const { poison, label, budget } = this.scene.view;
    if (!this.mayEdit || poison.length >= budget) return -1;
    poison.push(this.scene.point(x, label));
    this.selected = poison.length - 1;
    this.edited();
    return this.selected;
  }

  /** Add poison where its influence is largest. */
  addBest() {
    this.add(this.field?.place ?? this.scene.range.map(([low, high]) => (low + high) / 2));
  }

  /** Move a point towards a place. */
  move(index, x) {
    const point = this.scene.view.poison[index];
    if (!this.mayEdit || !point) return;
    point.x = this.scene.project(x, point.base);
    this.edited();
  }

  /** Give the selected point the next label. */
  flip() {
    const point = this.scene.view.poison[this.selected];
    if (!this.mayEdit || !point || this.panel.isLocked("label")) return;
    point.label = (point.label + 1) % this.scene.c;
    this.edited();
  }

  /** Remove the selected point. */
  remove() {
    const { poison } = this.scene.view;
    if (!this.mayEdit || !poison[this.selected]) return;
    poison.splice(this.selected, 1);
    this.selected = Math.min(this.selected, poison.length - 1);
    this.edited();
  }

  /** Remove all poison. */
  clear() {
    if (!this.mayEdit) return;
    this.scene.view.poison.length = 0;
    this.selected = -1;
    this.edited();
  }

  /** Let the attacker play, or stop it. */
  toggleAttack() {
    if (!this.mayEdit) return;
    this.attacker = this.attacker === null ? new Attacker() : null;
    this.wait = 0;
    this.edited();
  }

  playAttacker() {
    const { poison, budget } = this.scene.view;
    if (poison.length < budget && this.wait-- > 0) return;
    this.wait = FRAMES_A_POINT;
    this.found = [];
    if (!this.attacker.play(this.scene, this.scene.evaluate(), this.labels)) {
      this.attacker = null;
      this.panel.part("found").textContent = "The attacker rests: no small step raises the loss any more.";
      this.changed();
    }
  }

  /** Begin a search for the best `count` points, 1 or 2, of the present rules. */
  startSearch(count) {
    if (this.panel.isLocked("search")) return;
    this.attacker = null;
    this.edited();
    const outerOf = (theta) => damage(theta, this.scene.c, this.scene.train).value;
    this.searching = { count, steps: search(this.scene, count, this.labels, outerOf) };
  }

  goOnSearching() {
    const { count, steps } = this.searching;
    const end = performance.now() + SEARCH_MS;
    let progress = this.searching.last ?? { tried: 0, total: 0, best: null };
    let next = { done: false };
    while (performance.now() < end && !(next = steps.next()).done) progress = next.value;
    this.searching.last = progress;
    this.panel.part("found").textContent = foundWords(this.scene, count, GRIDS[count], progress, this.result.clean);
    if (!next.done) return;
    this.found = progress.best?.poison ?? [];
    this.searching = null;
    this.request();
  }
}

const playgrounds = new WeakMap();

/** What Streamlit calls, again whenever the data or the theme change; returns what it calls at the end. */
export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".playground");
  let playground = playgrounds.get(root);
  if (!playground) {
    playground = new Playground(root, data);
    playgrounds.set(root, playground);
  }
  playground.report = (state) => tell(() => setStateValue("state", state));
  playground.request();
  return () => {
    playground.stop();
    playgrounds.delete(root);
  };
}
