/** Mouse, touch and keyboard on the card of images. */

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Listen on a card; returns a function that ends it. */
export function listen(card) {
  const end = new AbortController();
  const on = (target, name, handler) => target.addEventListener(name, handler, { signal: end.signal });
  const slider = card.root.querySelector("input");
  on(card.root, "click", (event) => act(card, event.target.closest("[data-do]")?.dataset.do));
  on(card.part("strip"), "click", (event) => {
    const button = event.target.closest("[data-item]");
    if (button) card.select(Number(button.dataset.item));
  });
  on(card.part("strip"), "keydown", (event) => {
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    card.step(STEPS[event.key]);
  });
  on(card.part("order"), "change", ({ target }) => card.setOrder(target.value));
  on(slider, "input", () => {
    card.play(false);
    card.setBlend(Number(slider.value));
  });
  return () => end.abort();
}

function act(card, name) {
  if (["pair", "blink", "difference"].includes(name)) card.setMode(name);
  else if (name === "previous") card.step(-1);
  else if (name === "next") card.step(1);
  else if (name === "pause") card.play(!card.timer);
}
