"""The command line: `python -m core COMMAND`; without a command it lists the commands.

Each file of this package holds a group of commands. Slow imports, above all torch, happen only after a command has
checked its arguments.
"""

import sys
from collections.abc import Callable

import typer
from typer.exceptions import TyperException

from core.cli import (
    app,
    audit,
    challenge,
    cluster,
    doctor,
    evidence,
    finished,
    gallery,
    listing,
    plugins,
    pretrain,
    run,
    store,
    sweep,
    verify,
)
from core.system.errors import Cancelled, PoisonLabError

COMMANDS: dict[str, Callable[..., None]] = {
    "app": app.app,
    "run": run.run,
    "sweep": sweep.sweep,
    "audit": audit.audit,
    "verify": verify.verify,
    "calibrate": verify.calibrate,
    "report": finished.report,
    "defend": finished.defend,
    "certify": finished.certify,
    "reach": finished.reach,
    "store": store.store,
    "scheduler": cluster.scheduler,
    "worker": cluster.worker,
    "list": listing.list_,
    "doctor": doctor.doctor,
    "gallery": gallery.gallery,
    "pretrain": pretrain.pretrain,
    "compare-extractors": evidence.compare_extractors,
    "compare-settings": evidence.compare_settings,
    "reproduce": evidence.reproduce,
}
CHALLENGE_COMMANDS: dict[str, Callable[..., None]] = {
    "open": challenge.open_,
    "list": challenge.list_,
    "judge": challenge.judge,
    "pack": challenge.pack,
}
"""Of `challenge`."""
PASS_THROUGH = ("scheduler", "worker")
"""Commands that pass unknown options on to the program that they start."""


def _assemble() -> typer.Typer:
    group = typer.Typer(
        help="Poison Lab: indiscriminate data poisoning of pre-trained feature extractors.",
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    group.callback()(plugins.start)
    for name, command in COMMANDS.items():
        settings = {"allow_extra_args": True, "ignore_unknown_options": True} if name in PASS_THROUGH else None
        group.command(name, context_settings=settings)(plugins.with_plugins(command))
    for name, command in CHALLENGE_COMMANDS.items():
        challenge.challenge.command(name)(plugins.with_plugins(command))
    group.add_typer(challenge.challenge, name="challenge")
    return group


cli = _assemble()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 is success, 2 a usage error (one line on standard error), 130 a cancelled run; bugs raise.

    Args:
        arguments: None for those of this process.
    """
    parameters = sys.argv[1:] if arguments is None else arguments
    try:
        code = cli(parameters or ["--help"], standalone_mode=False)
    except Cancelled as error:
        sys.stderr.write(f"{error}\n")
        return 130
    except PoisonLabError as error:
        sys.stderr.write(f"poison-lab: {error}\n")
        return 2
    except TyperException as error:  # an unknown option, or text where a number goes
        sys.stderr.write(f"poison-lab: {' '.join(error.format_message().split())}\n")
        return error.exit_code
    return code if isinstance(code, int) else 0
