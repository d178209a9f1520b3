"""Slides as one HTML file that can be shown offline, and printed to PDF: a slide a page, notes on demand."""

from collections.abc import Sequence
from html import escape

from core.presentation.slides.deck import Slide

STYLE = """
.slide { --u: min(.78vh, .49vw); display: grid; grid-template-rows: auto 1fr; gap: calc(2.2 * var(--u));
  font-size: calc(4.1 * var(--u)); line-height: 1.38; }
.slide h1 { font-size: calc(6.4 * var(--u)); line-height: 1.12; margin: 0; padding: 0; font-weight: 700; }
.slide h2 { font-size: calc(3.6 * var(--u)); line-height: 1.2; margin: 0 0 .4em; padding: 0; font-weight: 600; }
.slide p { font-size: inherit; margin: 0 0 .6em; }
.slide small { font-size: calc(3 * var(--u)); }
.slide .body { display: grid; gap: calc(2.2 * var(--u)); grid-template-rows: 1fr; grid-auto-rows: auto; min-height: 0; }
.slide .columns { display: grid; grid-template-columns: var(--weights); gap: calc(5 * var(--u)); align-items: center;
  min-height: 0; }
.slide .columns > div { min-width: 0; }
.slide .big { font-size: calc(14.5 * var(--u)); font-weight: 700; line-height: 1.08; }
.slide .counts { font-size: calc(4.4 * var(--u)); margin: .2em 0 .7em; }
.slide img.fill { width: 100%; display: block; }
.slide img.map { max-height: calc(76 * var(--u)); object-fit: contain; }
.slide .tiles { display: flex; flex-wrap: wrap; gap: calc(2.2 * var(--u)); justify-content: space-between; }
.slide figure { margin: 0; max-width: calc(19 * var(--u) * var(--wide)); }
.slide img.tile { height: calc(17 * var(--u)); display: block; image-rendering: pixelated; border-radius: 4px; }
.slide figcaption { font-size: calc(2.9 * var(--u)); line-height: 1.2; margin-top: .3em; }
.slide .bars { display: grid; grid-template-columns: auto 1fr; gap: calc(2.8 * var(--u)) 1em; align-items: center; }
.slide .bars .name { font-weight: 600; max-width: 9em; overflow-wrap: anywhere; }
.slide .bars .line { display: flex; align-items: center; gap: .4em; white-space: nowrap; margin-block: .15em; }
.slide .bars .bar { height: calc(5.4 * var(--u)); flex-shrink: 1; min-width: 3px; border-radius: 3px; }
.slide .cards { display: grid; gap: calc(1.6 * var(--u)); }
.slide .card { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .4em;
  padding: calc(1.6 * var(--u)) calc(2.2 * var(--u)); font-size: calc(3.7 * var(--u)); }
.slide .card p { margin: 0; }
.slide .card ul { margin: 0; padding-left: 1.1em; font-size: inherit; }
.slide .card li { margin-bottom: .45em; font-size: inherit; }
@media (max-width: 700px), (orientation: portrait) {
  .slide { --u: max(1.15vw, 4.4px); display: block; }
  .slide h1 { margin-bottom: .5em; }
  .slide .body, .slide .columns { display: block; }
  .slide .columns > div, .slide .row { margin-bottom: 1.2em; }
  .slide .tiles { justify-content: flex-start; }
  .slide .bars { grid-template-columns: 1fr; gap: .4em; }
}
"""
"""Of slides, on a page and in a file: every size is a multiple of `--u`, which grows with the screen."""

_DOCUMENT_STYLE = """
:root { color-scheme: light; }
body { margin: 0; color: #1b2430; background: #fff; font-family: system-ui, sans-serif; }
section { box-sizing: border-box; width: 100vw; min-height: 100vh; padding: 4vh 4vw; display: grid;
  page-break-after: always; }
.note { display: none; font: 1rem/1.5 system-ui, sans-serif; border-top: 1px solid #d5dbe3; padding-top: 1em; }
body.notes .note { display: block; }
@page { size: 1280px 720px; margin: 0; }
@media screen { html { scroll-snap-type: y mandatory; } section { scroll-snap-align: start; } }
"""
_SCRIPT = """
const slides = [...document.querySelectorAll('section')];
const here = () => slides.findIndex(slide => slide.getBoundingClientRect().bottom > innerHeight / 2);
addEventListener('keydown', event => {
  const step = {ArrowRight: 1, ArrowDown: 1, PageDown: 1, ' ': 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1}[event.key];
  if (step) {
    event.preventDefault();
    slides[Math.min(slides.length - 1, Math.max(0, here() + step))].scrollIntoView();
  }
  if (event.key === 'n') document.body.classList.toggle('notes');
});
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def slide_html(slide: Slide) -> str:
    """One slide, for a page that has `STYLE`."""
    return f'<div class="slide"><h1>{escape(slide.title)}</h1><div class="body">{slide.body}</div></div>'


def document(slides: Sequence[Slide]) -> str:
    """All slides as one HTML file; it loads nothing else. Arrow keys turn, n shows the speaker's notes."""
    sections = "\n".join(
        f'<section>{slide_html(slide)}<div class="note"><b>Speaker’s note</b> {escape(slide.note)}</div></section>'
        for slide in slides
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(slides[0].title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}{_DOCUMENT_STYLE}</style>\n</head>\n<body>\n{sections}\n<script>{_SCRIPT}</script>\n"
        "</body>\n</html>\n"
    )
