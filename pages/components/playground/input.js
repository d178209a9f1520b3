/** Mouse, touch and keyboard on the picture, as calls of the playground. */

import { POISON_RADIUS } from "./draw.js";

const REACH = { mouse: 5, pen: 9, touch: 14 };
/** Pixels that a finger may move in a tap. */
const TAP = 8;
/** How far an arrow key moves a point, in parts of the frame; with Shift. */
const KEY_STEP = 0.02;
const FINE_STEP = 0.004;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Listen on the canvas of a playground. */
export function listen(playground) {
  const { canvas } = playground.picture;
  let drag = null;
  let tap = null;

  const position = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left - canvas.clientLeft, event.clientY - box.top - canvas.clientTop];
  };

  const hit = ([px, py], kind) => {
    const reach = POISON_RADIUS + (REACH[kind] ?? REACH.touch);
    const distances = playground.scene.view.poison.map((point) => {
      const [x, y] = playground.picture.pixel(point.x);
      return Math.hypot(x - px, y - py);
    });
    const least = Math.min(...distances, Infinity);
    return least <= reach ? distances.indexOf(least) : -1;
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const at = position(event);
    const index = hit(at, event.pointerType);
    tap = null;
    if (index >= 0) {
      playground.choose(index);
      // Where on the point it was taken hold of, so that it does not jump.
      const centre = playground.picture.pixel(playground.scene.view.poison[index].x);
      drag = playground.mayEdit ? { index, offset: [centre[0] - at[0], centre[1] - at[1]] } : null;
    } else if (event.pointerType === "mouse") {
      const added = playground.add(playground.picture.place(at));
      drag = added < 0 ? null : { index: added, offset: [0, 0] };
    } else tap = at; // a finger may be about to scroll the page
    if (drag !== null) {
      playground.isBusy = true;
      canvas.setPointerCapture(event.pointerId);
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    const at = position(event);
    if (drag !== null) playground.move(drag.index, playground.picture.place(at.map((p, i) => p + drag.offset[i])));
    else if (tap !== null && Math.hypot(at[0] - tap[0], at[1] - tap[1]) > TAP) tap = null;
    else if (event.pointerType === "mouse") canvas.classList.toggle("grab", hit(at, "mouse") >= 0);
  });

  const release = (event) => {
    if (event.type === "pointerup" && tap !== null) playground.add(playground.picture.place(tap));
    [drag, tap] = [null, null];
    playground.isBusy = false;
    playground.changed();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);

  canvas.addEventListener(
    "touchstart",
    (event) => {
      // Else the page would scroll while a point is dragged.
      if (hit(position(event.touches[0]), "touch") >= 0) event.preventDefault();
    },
    { passive: false },
  );

  canvas.addEventListener("dblclick", (event) => {
    const index = hit(position(event), "mouse");
    if (index < 0) return;
    playground.choose(index);
    playground.flip();
  });

  canvas.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (key(playground, event)) event.preventDefault();
  });
}

/** Do what a key means; whether it means anything. */
function key(playground, event) {
  const { scene, selected } = playground;
  if (event.key in ARROWS) {
    if (selected < 0) return false;
    const step = event.shiftKey ? FINE_STEP : KEY_STEP;
    const point = scene.view.poison[selected];
    const length = Math.max(...scene.frame.map(([low, high]) => high - low));
    playground.move(selected, point.x.map((x, axis) => x + step * length * ARROWS[event.key][axis]));
    return true;
  }
  switch (event.key) {
    case "Enter":
      playground.addBest();
      return true;
    case "Delete":
    case "Backspace":
      playground.remove();
      return true;
    case "f":
    case "F":
      playground.flip();
      return true;
    case "n":
    case "N":
      playground.step(1);
      return true;
    case "p":
    case "P":
      playground.step(-1);
      return true;
    case "Escape":
      playground.choose(-1);
      return true;
    default:
      return false;
  }
}
