/** What components tell the server: one after the other, while the browser has nothing else to do.
 *
 * Streamlit sends what changes within one turn of the browser's event loop as one message, for one part of the page. A
 * press that falls together with what a component in another part tells would so be done and never shown.
 */

const LATEST_MS = 1000;
const waiting = (window.poisonLabTells ??= []); // all components share it, though each may have this module anew
const whenIdle = (act) => (window.requestIdleCallback ? requestIdleCallback(act, { timeout: LATEST_MS }) : setTimeout(act, 50));

/** Tell something in a turn of its own, soon; returns true. */
export function tell(act) {
  waiting.push(act);
  if (waiting.length === 1) whenIdle(next);
  return true;
}

function next() {
  // Streamlit sends by a timer without delay, which ends before this one.
  setTimeout(() => {
    waiting.shift();
    if (waiting.length) whenIdle(next);
  }, 1);
  waiting[0]();
}
