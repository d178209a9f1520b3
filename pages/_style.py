"""Styles of all pages, beside the theme of `.streamlit/config.toml`, for what that can't say."""

STYLE = """<style>
/* A table that is wider than the screen is scrolled in its own frame, and not the page. */
[data-testid=stMarkdownContainer]:has(> table) { overflow-x: auto; }
/* Captions at Streamlit's 60 % of the text's colour are 4.2 : 1 on white; WCAG 2.1 AA wants 4.5 : 1. */
[data-testid=stCaptionContainer] { opacity: 1; color: color-mix(in srgb, currentColor 78%, transparent); }
[data-testid=stCaptionContainer] [data-testid=stCaptionContainer] { color: inherit; }
/* The primary colour carries white letters; as the colour of letters on dark it is lightened. */
[data-testid=stButtonGroup] :is([data-selected=true], [aria-checked=true]),
[data-testid=stButtonGroup] :is([data-selected=true], [aria-checked=true]) p,
[kind$=Active], [kind$=Active] p, [data-testid=stSliderThumbValue] { color: light-dark(#1f5fb0, #8ab8f2) !important; }
/* A formula breaks at its signs where it is wider than its column: a frame to scroll is out of reach of keys. */
.stApp .katex-display { font-size: 0.92em; padding-block: 0.3em; overflow: visible; }
.katex-display > .katex, .katex-display > .katex > .katex-html { white-space: normal; }
/* A closed drawer lies beside the screen: what is in it is out of reach of Tab and of screen readers, too. */
[data-testid=stSidebar][data-collapsed=true], [data-testid=stSidebar][data-collapsed=true] * {
  visibility: hidden !important;
  transition: visibility 0s 0.3s;
}
/* Room for what a page shows: Streamlit leaves 80 pixels at each side, and 96 above it. */
@media (min-width: 768px) { [data-testid=stMainBlockContainer] { padding-inline: 2rem; } }
/* What a run says while it goes has its room in the sidebar from the beginning, so that nothing moves. */
.st-key-run-row { min-height: 8rem; }
.st-key-run-row [data-testid=stProgress] p { font-size: 0.875rem; }
/* Commands to copy are read, not highlighted: some colours of their parts are too pale. */
[data-testid=stCode] code .token { color: inherit !important; }
/* Options side by side go on in the next line where the screen ends. */
[data-testid=stButtonGroup], [data-testid=stButtonGroup] :has(> button) { flex-wrap: wrap; overflow: visible; }
/* The way through a lesson is in reach of a thumb, whatever is scrolled. */
@media (max-width: 640px) {
  .st-key-lesson-way {
    position: fixed; z-index: 100; inset: auto 0 0 0; padding: 0.5rem 1rem; width: 100%;
    background: light-dark(#ffffff, #12161d); border-top: 1px solid light-dark(#d5dbe3, #343c49);
  }
  [data-testid=stMainBlockContainer]:has(.st-key-lesson-way) { padding-bottom: 6rem; }
}
</style>"""
