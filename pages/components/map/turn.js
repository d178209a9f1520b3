/** What components tell the server: one after the other, while the browser has nothing else to do.
 *
 * Streamlit sends what changes within one turn of the browser's event loop as one message, for one part of the page. A
 * press that falls together with what a component in another part tells would so be done and never shown. Here and at
 * a press (pages/_scripts.py) window.poisonLabSending counts what is changed and not yet sent; each waits for the other.
 */

const LATEST_MS = 1000;
const RETRY_MS = 5;
const waiting = (window.poisonLabTells ??= []); // all components share it, though each may have this module anew
const whenIdle = (act) => (window.requestIdleCallback ? requestIdleCallback(act, { timeout: LATEST_MS }) : setTimeout(act, 50));

/** Tell something in a turn of its own, soon; returns true. */
export function tell(act) {
  waiting.push(act);
  if (waiting.length === 1) whenIdle(next);
  return true;
}

function next() {
  if (window.poisonLabSending > 0) {
    setTimeout(next, RETRY_MS);
    return;
  }
  window.poisonLabSending = (window.poisonLabSending ?? 0) + 1;
  // Streamlit's timer has no delay. It is set within this turn, so that it ends before one that is set in the next.
  setTimeout(() => setTimeout(sent, 1), 0);
  waiting[0]();
}

function sent() {
  window.poisonLabSending -= 1;
  waiting.shift();
  if (waiting.length) whenIdle(next);
}
