/** What links components of one page: a point that is selected in one is selected in all that show the same run. */

const EVENT = "poison-lab-select";

/** Tell the others; `row` counts clean points first, then poisoned samples; -1 for none. */
export function announce(run, row, sender) {
  if (run) window.dispatchEvent(new CustomEvent(EVENT, { detail: { run, row, sender } }));
}

/** Listen to the others; returns a function that ends it. */
export function follow(sender, select) {
  const listener = ({ detail }) => {
    if (detail.sender !== sender) select(detail.run, detail.row);
  };
  window.addEventListener(EVENT, listener);
  return () => window.removeEventListener(EVENT, listener);
}
