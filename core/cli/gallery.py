"""`gallery`: the experiments that ship."""

from typing import Annotated

import typer

from core.cli.progress import ProgressLine


def gallery(
    again: Annotated[bool, typer.Option("--again", help="Recompute all, and say what has changed.")] = False,
) -> None:
    """Compute the experiments that ship in assets/gallery, where they are missing."""
    from core.storage import assets
    from core.storage import gallery as shipped
    from core.system.device import use_all_cores

    use_all_cores()
    for built in shipped.build(ProgressLine(), again=again):
        typer.echo(f"{built.folder}  {built.change}")
    assets.write_checksums()
