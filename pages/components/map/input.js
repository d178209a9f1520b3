/** Mouse, touch and keyboard on the map. */

import { towards, within } from "./near.js";

const REACH = 12;
/** Pixels by which a poisoned sample counts as nearer than a quiet dot. */
const BONUS = 5;
/** Pixels of movement up to which a press is a click. */
const STILL = 4;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Listen on a map; returns a function that ends it. */
export function listen(map) {
  const canvas = map.picture.over;
  const end = new AbortController();
  const on = (target, name, handler, options = {}) =>
    target.addEventListener(name, handler, { signal: end.signal, ...options });
  let press = null;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const rowAt = (x, y) => {
    const { scene, picture } = map;
    if (!picture.near || map.options.big) return -1;
    return picture.near.at(x, y, REACH, (row) => (scene.marks[scene.mark[row]].shape === "dot" ? 0 : BONUS));
  };

  on(canvas, "pointerenter", () => map.wantImages());
  on(canvas, "focus", () => map.wantImages());
  on(canvas, "pointerdown", (event) => {
    if (event.button !== 0 || map.options.big) return;
    const at = place(event);
    press = { at, last: at, isLasso: map.options.lasso && map.isLassoing !== event.shiftKey, moved: false };
    if (event.pointerType !== "touch") canvas.setPointerCapture(event.pointerId);
  });
  on(canvas, "pointermove", (event) => {
    const at = place(event);
    if (press === null) {
      const row = rowAt(...at);
      canvas.classList.toggle("points", row >= 0);
      canvas.classList.toggle("lasso", map.options.lasso && map.isLassoing);
      map.hover(row, row >= 0 ? at : undefined);
      return;
    }
    press.moved ||= Math.hypot(at[0] - press.at[0], at[1] - press.at[1]) > STILL;
    if (!press.moved || event.pointerType === "touch") return;
    map.hover(-1);
    if (press.isLasso) {
      map.loop = [...(map.loop.length ? map.loop : [press.at]), at];
      map.request();
    } else {
      map.picture.view.pan(at[0] - press.last[0], at[1] - press.last[1]);
      map.request(true);
    }
    press.last = at;
  });
  on(canvas, "pointerup", (event) => {
    const was = press;
    press = null;
    if (was === null) return;
    if (!was.moved) map.select(rowAt(...place(event)));
    else if (map.loop.length > 2) map.lasso(within(map.picture.pixels, map.loop));
    map.loop = [];
    map.request();
  });
  on(canvas, "pointercancel", () => {
    press = null;
    map.loop = [];
    map.request();
  });
  on(canvas, "pointerleave", () => map.hover(-1));
  on(
    canvas,
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      map.picture.view.zoomBy(Math.exp(-event.deltaY / 300), ...place(event));
      map.request(true);
    },
    { passive: false },
  );
  on(canvas, "keydown", (event) => {
    if (key(map, event)) event.preventDefault();
  });
  on(map.root, "click", (event) => act(map, event.target.closest("[data-do]")?.dataset.do));
  return () => end.abort();
}

function act(map, name) {
  const { view } = map.picture;
  if (name === "decisions") map.toggleDecisions();
  else if (name === "lasso") map.toggleLasso();
  else if (name === "in") view.zoomBy(1.6);
  else if (name === "out") view.zoomBy(1 / 1.6);
  else if (name === "reset") view.reset();
  if (["in", "out", "reset"].includes(name)) map.request(true);
}

/** Whether a key was for the map. */
function key(map, event) {
  const { scene, picture } = map;
  if (!scene || !picture.pixels || event.ctrlKey || event.metaKey || map.options.big) return false;
  const marked = [];
  for (let row = 0; row < scene.count; row++) {
    if (event.altKey || scene.marks[scene.mark[row]].shape !== "dot") marked.push(row);
  }
  const now = map.hovered >= 0 ? map.hovered : map.selected;
  const goTo = (row) => {
    if (row < 0) return;
    map.hover(row, [picture.pixels[2 * row], picture.pixels[2 * row + 1]]);
    map.say(row);
  };
  if (event.key in ARROWS) goTo(now < 0 ? (marked[0] ?? -1) : towards(picture.pixels, marked, now, ARROWS[event.key]));
  else if (event.key === "n" || event.key === "p") {
    const by = event.key === "n" ? 1 : -1;
    const at = marked.indexOf(now);
    if (marked.length) goTo(marked[at < 0 ? (by > 0 ? 0 : marked.length - 1) : (at + by + marked.length) % marked.length]);
  } else if (event.key === "Enter" || event.key === " ") {
    if (map.hovered >= 0) map.select(map.hovered);
  } else if (event.key === "Escape") {
    map.hover(-1);
    map.select(-1);
  } else if (event.key === "+" || event.key === "=") act(map, "in");
  else if (event.key === "-") act(map, "out");
  else if (event.key === "0") act(map, "reset");
  else return false;
  return true;
}
