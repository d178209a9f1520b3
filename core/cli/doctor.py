"""`doctor`: what a maintainer would ask for in one screen, and what is wrong here and how to fix it."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from core.cli.checks.check import Check, as_text, worst
from core.system import finite_json, paths
from core.system.errors import described


@dataclass(frozen=True)
class Report:
    """All that was looked at.

    Attributes:
        checks: in the order in which they are printed.
        extractors, data: whether the weights of each extractor and each data set are here.
        problems: how to get what is missing, optional things included.
        device: the name of the device on which runs compute; "none" where torch is missing or broken.
        packages: their versions; None where they are missing.
    """

    checks: Sequence[Check]
    extractors: dict[str, bool]
    data: dict[str, bool]
    problems: Sequence[str]
    device: str

    packages: dict[str, str | None]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "state": worst(self.checks),
            "checks": [asdict(check) for check in self.checks],
            "python": platform.python_version(),
            "packages": self.packages,
            "device": self.device,
            "extractors": self.extractors,
            "data": self.data,
            "home": str(paths.home()),
            "problems": list(self.problems),
        }


def doctor(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """What is installed and how this machine is set up; what is wrong, and what to do. Exit code 1 on a fault."""
    report = examine()
    typer.echo(finite_json.dumps(report.to_json(), indent=1) if as_json else as_text(report.checks))
    if worst(report.checks) == "fault":
        raise typer.Exit(1)


def examine() -> Report:
    """Look at this machine; nothing is written."""
    from core.cli.checks import contents, home, machine, software

    looks: dict[str, Callable[[], Sequence[Check]]] = {
        "Poison Lab": lambda: [software.product(), software.python(), software.system()],
        "Packages": software.packages,
        "Processor": lambda: [machine.processor()],
        "Compute": machine.devices,
        "Open files": lambda: [machine.open_files()],
        "Home": lambda: [home.home()],
        "Runs": lambda: [home.runs()],
        "Environment": home.environment,
        "Plug-ins": contents.plugins,
        "Assets": lambda: [contents.assets()],
        "Data sets": contents.data,
        "Extractors": contents.extractors,
    }
    checks = [check for name, look in looks.items() for check in _guarded(name, look)]
    missing = [check for check in checks if check.name == "Packages" and check.state == "fault"]
    return Report(
        checks=checks,
        extractors=contents.extractors_here(),
        data=contents.data_here(),
        problems=[*(f"{check.text}: {check.remedy}" for check in missing), *contents.missing()],
        device=machine.device_name(),
        packages=software.installed(),
    )


def _guarded(name: str, look: Callable[[], Sequence[Check]]) -> Sequence[Check]:
    """What a look has come to; one that fails is a fault itself, and the others go on."""
    try:
        return look()
    except Exception as error:
        return [
            Check(name, "fault", f"can't be looked at ({described(error)})", "See the other faults; else report it.")
        ]
