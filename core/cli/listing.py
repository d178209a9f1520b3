"""`list`: all available choices by name."""

from typing import Annotated

import typer

from core.system import finite_json


def list_(as_json: Annotated[bool, typer.Option("--json", help="All details, as JSON.")] = False) -> None:
    """Every extractor, data set, attack, defence, constraint and label rule by name."""
    from core.catalog import choices
    from core.data.registry import DATA
    from core.data.torchvision_sets import availability
    from core.system.tables import text_table

    everything = choices.listing()
    if as_json:
        typer.echo(finite_json.dumps(everything, indent=1))
        return
    for kind in ("data", "extractors", "attacks", "defenses", "constraints", "label_rules"):
        typer.echo(kind)
        rows = []
        for name, details in everything[kind].items():
            description = details if isinstance(details, str) else details.get("about", details["title"])
            if kind == "data" and not details["embedded"]:
                description += f": {'on this machine' if details['here'] else availability(DATA[name])}"
            rows.append([name, description])
        typer.echo(text_table(rows, align="ll", indent=2))
