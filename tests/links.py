"""Every page of the app, and links on which it has something to show: for pictures, timings and tests of all pages."""

import re

from core.storage import gallery
from core.system.paths import ROOT

PAGES = tuple(re.findall(r'url_path="(\w+)"', (ROOT / "pages" / "shell.py").read_text()))
"""The paths of all pages, in the order of the navigation's list."""

_HASHES = [entry.spec.hash for entry in gallery.entries()]

LINKS = {
    **{page: page for page in PAGES},
    "lab-features": "lab?attack=gc-feature",
    "lessons-ask": "lessons?lesson=gap&step=1",
    "lessons-step": "lessons?lesson=gap&step=1&answers=0",
    "compare": f"compare?runs={','.join(_HASHES[:3])}",
    **{f"present-{step}": f"present?step={step}" for step in range(2, 7)},
}
"""Path and query by a name for the picture; runs that ship are shown, so that nothing has to be computed."""
