"""What the browser does beside Streamlit's own scripts, on every page: one element without room."""

import streamlit as st

ONE_STEP = """
// One entry of the browser's history for what a person does: Streamlit pushes one for the page, another for its query.
let acted = false;
for (const kind of ["pointerdown", "click", "keydown"])
  window.addEventListener(kind, () => { acted = true; }, {capture: true, passive: true});
const push = window.history.pushState.bind(window.history);
const replace = window.history.replaceState.bind(window.history);
window.history.pushState = (...entry) => {
  (acted ? push : replace)(...entry);
  acted = false;
};
"""

ONE_PRESS = """
// Streamlit sends all that changes within one turn of the event loop as one message, for one part of the page: of two
// changes that a busy browser hands over together, the second would be done and never shown. So a press waits for what
// changed before it: another press, a field that was left, what a component tells (turn.js, which waits likewise).
window.poisonLabSending ??= 0;
const sending = () => {
  window.poisonLabSending += 1;
  // Streamlit's timer has no delay. It is set within this turn, so that it ends before one that is set in the next.
  setTimeout(() => setTimeout(() => { window.poisonLabSending -= 1; }, 1), 0);
};
window.addEventListener("focusout", sending, {capture: true});
window.addEventListener("click", (event) => {
  const [target] = event.composedPath();
  if (target.closest("label") && !target.matches("input")) return; // its input is pressed next
  if (window.poisonLabSending < 1) {
    sending();
    return;
  }
  event.stopImmediatePropagation();
  event.preventDefault();
  setTimeout(() => target.dispatchEvent(new MouseEvent("click", event)), 5);
}, {capture: true});
"""

CLOSE_DRAWER = """
// On a phone the controls are a drawer above the page: once a run is asked for, the page shows how it goes.
window.addEventListener("click", ({ target }) => {
  if (window.innerWidth >= 768 || !target.closest?.(".st-key-run button, .st-key-again button")) return;
  setTimeout(() => document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click(), 0);
});
"""

LISTS = """
// The drawer of a phone: Streamlit puts groups of pages between the items of one list; a screen reader gets none then.
// Each group is a list of its own here, by its heading.
const items = "[data-testid=stSidebarNavItems]";
const roles = () => {
  const all = document.querySelector(items);
  if (!all) return;
  all.setAttribute("role", "none");
  for (const child of all.children) {
    const heading = child.querySelector("[data-testid=stNavSectionHeader] p");
    child.setAttribute("role", heading ? "list" : "none");
    if (heading) child.setAttribute("aria-label", heading.textContent);
  }
};
new MutationObserver(roles).observe(document.body, {childList: true, subtree: true});
roles();
"""

TABLES = """
// A table that is wider than the screen is scrolled in its own frame, by keys as well.
const reach = () => {
  for (const frame of document.querySelectorAll("[data-testid=stMarkdownContainer]:has(> table)")) {
    if (frame.scrollWidth <= frame.clientWidth || frame.tabIndex === 0) continue;
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", "Table, scrolled sideways");
  }
};
let reaching = 0;
const reachSoon = () => { reaching ||= setTimeout(() => { reaching = 0; reach(); }, 200); };
new MutationObserver(reachSoon).observe(document.body, {childList: true, subtree: true});
window.addEventListener("resize", reachSoon);
"""

SPOKEN = """
// What changes by itself is said to screen readers in the words of the page: a run's stage, and how far it is now and
// then; what the poison does; how a prediction compares.
const PAUSE_MS = 15000;
const status = document.createElement("p");
status.id = "spoken";
status.setAttribute("role", "status");
status.style.cssText = "position: fixed; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0";
document.body.append(status);
const known = new Map();
const wordsOf = (place) => {
  const parts = place.querySelectorAll("p");
  const isIcon = (node) => node.parentElement.closest("[role=img], [data-testid=stIconMaterial], [aria-hidden=true]");
  return Array.from(parts, (part) => {
    const walk = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    let text = "";
    while (walk.nextNode()) if (!isIcon(walk.currentNode)) text += walk.currentNode.data;
    return text.trim();
  }).join(" ");
};
let timer = 0;
const speak = () => {
  timer = 0;
  const bars = Array.from(document.querySelectorAll("[data-testid=stProgress]"));
  const places = [...bars, ...document.querySelectorAll(".st-key-story, .st-key-verdict")];
  const texts = places.map(wordsOf);
  const gists = texts.map((text, i) => (i < bars.length ? text.split(/, step| ·/)[0] : text));
  places.forEach((place, i) => {
    const [text, gist, isBar] = [texts[i], gists[i], i < bars.length];
    if (isBar) place.querySelector("[role=progressbar]")?.setAttribute("aria-label", gist);
    const key = isBar ? i : place.className;
    const before = known.get(key) ?? {gist: "", text: "", time: 0};
    const isLate = isBar && Date.now() - before.time > PAUSE_MS && before.text !== text;
    if (!text || (gist === before.gist && !isLate)) return;
    if (gists.some((other) => other !== gist && other.endsWith(gist))) return; // another bar says it with more words
    known.set(key, {gist, text, time: Date.now()});
    status.textContent = text;
  });
  for (const key of known.keys()) if (Number.isInteger(key) && key >= bars.length) known.delete(key);
};
const soon = () => { timer ||= setTimeout(speak, 200); };
new MutationObserver(soon).observe(document.body, {childList: true, subtree: true, characterData: true});
"""


def show() -> None:
    """Start the scripts, once in a browser's window."""
    scripts = "".join((ONE_STEP, ONE_PRESS, CLOSE_DRAWER, LISTS, TABLES, SPOKEN))
    once = f"if (!window.poisonLab) {{ window.poisonLab = true;{scripts}}}"
    st.html(f"<script>{once}</script>", unsafe_allow_javascript=True)
