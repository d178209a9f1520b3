"""`list`: everything that can be chosen, by name."""

import json
from typing import Annotated

import typer


def list_(as_json: Annotated[bool, typer.Option("--json", help="All details, as JSON.")] = False) -> None:
    """Every extractor, data set, attack, defence, constraint and label rule by name."""
    from core.catalog import choices
    from core.data.registry import DATA
    from core.data.torchvision_sets import availability
    from core.system.tables import text_table

    everything = choices.listing()
    if as_json:
        typer.echo(json.dumps(everything, indent=1))
        return
    for kind in ("data", "extractors", "attacks", "defenses", "constraints", "label_rules"):
        typer.echo(kind)
        rows = []
        for name, about in everything[kind].items():
            words = about if isinstance(about, str) else about.get("about", about["title"])
            if kind == "data" and not about["embedded"]:
                words += f": {'on this machine' if about['here'] else availability(DATA[name])}"
            rows.append([name, words])
        typer.echo(text_table(rows, align="ll", indent=2))
