"""A finished run as slides for people who do not build models: shown one by one, and as a file to take along."""

from core.presentation.slides.deck import Material, Slide, deck
from core.presentation.slides.document import STYLE, document, slide_html

__all__ = ["STYLE", "Material", "Slide", "deck", "document", "slide_html"]
