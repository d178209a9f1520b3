"""`verify` and `calibrate`: what was handed on, confirmed; how much poison a filter lets through."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.options import Device
from core.system.errors import PoisonLabError
from core.system.numbers import fixed, percent


def verify(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a finished run or of an audit, or the HTML report of one alone.")
    ],
    *,
    repeat: Annotated[bool, typer.Option(help="Repeat the attack of a run, too; an audit's are repeated.")] = False,
    device: Device = "auto",
) -> None:
    """Refit the heads of a run to the digit and repeat its attack, or experiments of an audit.

    A report alone has no features to refit heads on: from it, everything is repeated.
    """
    from core.audit.folder import CONTENT, read_report
    from core.presentation import embedding
    from core.storage.runs import load

    stated = embedding.read_run(folder) if folder.suffix == ".html" else None
    is_audit = stated is None and (folder.is_file() or (folder / CONTENT).exists())
    content = read_report(folder) if is_audit else None
    run = load(folder) if stated is None and content is None else None
    from core.audit import verify as verifying

    checks = []
    if stated is not None:
        checks = verifying.verify_stated(stated, device=device)
    elif content is not None:
        checks = verifying.verify_audit(content, device=device)
    elif run is not None:
        checks = verifying.verify_run(run, repeat=repeat, device=device)
    for check in checks:
        word = "holds" if check.holds else "DIFFERS"
        typer.echo(
            f"{word}  {check.name}: {fixed(100 * check.stated, 2)} % stated, {fixed(100 * check.found, 2)} % found"
        )
    if failed := [check for check in checks if not check.holds]:
        raise PoisonLabError(f"{len(failed)} of {len(checks)} numbers of {folder} can't be confirmed on this machine.")


def calibrate(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs of one pipeline at rising budgets.")],
    scores: Annotated[
        list[Path] | None, typer.Option(help="CSV of scores from outside, one for each run, in the same order.")
    ] = None,
) -> None:
    """How much poison filters let through: recall at 1 % false alarms, and the smallest budget found to 90 %."""
    from core.storage.runs import load

    loaded = [load(folder) for folder in runs]
    if scores is not None and len(scores) != len(runs):
        raise PoisonLabError(f"{len(scores)} files of scores for {len(runs)} runs; needed: one for each.")
    from core.audit import calibration, detectors

    found = detectors.recalls(loaded, scores or ())
    for name, by_budget in found.items():
        least = calibration.smallest_found(by_budget)
        words = (
            f"found from a budget of {percent(least)} on" if least is not None else "not found at any of these budgets"
        )
        values = ", ".join(f"{percent(budget)}: {percent(recall, 0)}" for budget, recall in sorted(by_budget.items()))
        typer.echo(f"{name}: {words} ({values})")
