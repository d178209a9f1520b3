"""The HTML templates of reports, as they ship in `assets/`."""

import jinja2

from core.system import paths


def template(name: str) -> jinja2.Template:
    """A template that escapes what it shows, and fails where a value is missing.

    Args:
        name: of a file in `assets/`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(paths.ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
