/** The controls beside the picture: what they do, what they show, and which of them a link has locked. */

import { colour, sign } from "./shapes.js";
import { legend, percent, points, pointWords, sentence, withIcon } from "./words.js";

/** Milliseconds without a change after which the sentence is read aloud. */
const QUIET_MS = 700;

/** The panel of a playground. */
export class Panel {
  constructor(root, playground) {
    this.root = root;
    this.playground = playground;
    this.budget = root.querySelector("#pg-budget");
    this.list = root.querySelector(".points");
    this.list.ontoggle = () => playground.request();
    this.controls = Object.fromEntries(
      [...root.querySelectorAll("[data-control]")].map((element) => [element.dataset.control, element]),
    );
    this.lock();
    this.makeLabels();
    this.listen();
  }

  /** The element of a name. */
  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  /** Whether a link keeps a control as it is. */
  isLocked(key) {
    const { lock, hide } = this.playground.locks;
    return lock.includes(key) || hide.includes(key);
  }

  /** Disable or hide what a link locks. */
  lock() {
    const { lock, hide } = this.playground.locks;
    for (const element of this.root.querySelectorAll("[data-lock]")) {
      const key = element.dataset.lock;
      element.hidden = hide.includes(key);
      if (!lock.includes(key)) continue;
      const inside = element.matches("button") ? [element] : element.querySelectorAll("input, select, button");
      for (const control of inside) {
        control.disabled = true;
        control.title = "Locked by the link.";
      }
    }
  }

  /** A button for each class. */
  makeLabels() {
    const buttons = this.playground.scene.classes.map((name, k) => {
      const button = withIcon("button", "<i></i>", name);
      button.type = "button";
      button.disabled = this.isLocked("label");
      button.title = "New poison gets this label, and the influence field is of it.";
      button.onclick = () => this.playground.set({ label: k });
      return button;
    });
    this.part("labels").replaceChildren(...buttons);
  }

  /** Let every control do what it is for. */
  listen() {
    const { playground } = this;
    this.budget.oninput = () => {
      this.shownState = null; // the playground may keep another one
      playground.set({ budget: Number(this.budget.value) });
    };
    for (const [name, element] of Object.entries(this.controls))
      element.onchange = () => {
        if (name === "field") playground.set({ field: element.checked });
        else playground.set({ [name]: name === "ridge" ? Number(element.value) : element.value });
      };
    const actions = {
      add: () => playground.addBest(),
      flip: () => playground.flip(),
      delete: () => playground.remove(),
      clear: () => playground.clear(),
      attack: () => playground.toggleAttack(),
      "search-1": () => playground.startSearch(1),
      "search-2": () => playground.startSearch(2),
    };
    for (const button of this.root.querySelectorAll("[data-do]")) button.onclick = actions[button.dataset.do];
  }

  /** Show a state: `result` of `Scene.evaluate`, `field` of `Scene.field` or null. */
  show(result, field, dark) {
    const { scene, selected, attacker } = this.playground;
    const { view } = scene;
    const lost = result.clean - result.poisoned;
    this.write("clean", percent(result.clean));
    this.write("poisoned", percent(result.poisoned));
    this.write("lost", points(lost));
    const text = sentence(scene, result, field);
    this.write("sentence", text);
    this.say(selected < 0 ? text : `Point ${pointWords(scene, result, selected)}. ${text}`);
    this.showList(result, dark);
    this.showLegend(dark);
    // What does not follow from where the poison lies is as it was while a point is dragged.
    const state = [view.poison.length, view.budget, view.constraint, view.defence, view.ridge, view.field, view.label];
    const key = [...state, selected, attacker !== null, dark].join();
    if (key !== this.shownState) this.showState(dark);
    this.shownState = key;
  }

  /** Change a text where it is another. */
  write(name, text) {
    const element = this.part(name);
    if (element.textContent !== text) element.textContent = text;
  }

  /** Show how the controls stand. */
  showState(dark) {
    const { scene, selected, attacker, mayEdit } = this.playground;
    const { view } = scene;
    this.budget.value = String(view.budget);
    const share = ((100 * view.budget) / scene.train.y.length).toFixed(1);
    this.write("used", `${view.poison.length} of ${view.budget} points (${share} % of the training set)`);
    const meter = this.part("meter");
    meter.max = view.budget;
    meter.value = view.poison.length;
    for (const name of ["constraint", "defence", "ridge"]) this.controls[name].value = String(view[name]);
    this.controls.field.checked = view.field;
    const isPlaying = attacker !== null;
    const attack = this.root.querySelector('[data-do="attack"]');
    attack.textContent = isPlaying ? "Stop the attacker" : "Let the attacker play";
    attack.setAttribute("aria-pressed", String(isPlaying));
    attack.disabled = !mayEdit || this.isLocked("attacker");
    const off = { add: view.poison.length >= view.budget, flip: selected < 0 || this.isLocked("label") };
    Object.assign(off, { delete: selected < 0, clear: view.poison.length === 0 });
    for (const [name, isOff] of Object.entries(off))
      this.root.querySelector(`[data-do="${name}"]`).disabled = !mayEdit || isOff;
    this.write("count", `(${view.poison.length})`);
    this.showLabels(dark);
  }

  /** Which label new poison gets. */
  showLabels(dark) {
    const { label } = this.playground.scene.view;
    [...this.part("labels").children].forEach((button, k) => {
      button.setAttribute("aria-pressed", String(k === label));
      if (this.shownDark !== dark) button.firstElementChild.outerHTML = sign(k, colour(k, dark));
    });
    this.shownDark = dark;
  }

  /** The list of poison, one button each, by which a point is selected without a mouse; only where it is open. */
  showList(result, dark) {
    if (!this.list.open) return;
    const { scene, selected } = this.playground;
    const list = this.part("list");
    const rows = scene.view.poison.map((point, i) => {
      const fill = colour(point.label, dark);
      const icon = result.removed[i] ? sign("removed", fill, true) : sign("poison", fill);
      return { icon, text: pointWords(scene, result, i), isSelected: i === selected };
    });
    while (list.children.length > rows.length) list.lastElementChild.remove();
    rows.forEach((row, i) => {
      let button = list.children[i]?.firstElementChild;
      if (!button) {
        const item = document.createElement("li");
        button = document.createElement("button");
        button.type = "button";
        button.onclick = () => this.playground.choose(i);
        item.append(button);
        list.append(item);
      }
      if (button.textContent !== row.text || button.icon !== row.icon) {
        button.replaceChildren(...withIcon("span", row.icon, row.text).childNodes);
        button.icon = row.icon;
      }
      button.setAttribute("aria-pressed", String(row.isSelected));
    });
  }

  /** The legend, where what it explains has changed. */
  showLegend(dark) {
    const { defence, field, label } = this.playground.scene.view;
    const key = [dark, defence === "none", field, label].join();
    if (this.shownLegend !== key) legend(this.part("legend"), this.playground.scene, dark);
    this.shownLegend = key;
  }

  /** Read a sentence aloud once nothing has changed for a while: 60 a second would drown each other. */
  say(text) {
    if (text === this.said) return;
    this.said = text;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.part("status").textContent = text), QUIET_MS);
  }
}
