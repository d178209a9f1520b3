"""`doctor`: what is installed, which device computes, and what is missing and how to get it."""

import json
import platform
from typing import Annotated, Any

import typer

from core.system import paths
from core.system.versions import PACKAGES, versions


def doctor(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """What is installed, which device is used, and what is missing."""
    report = examine()
    if as_json:
        typer.echo(json.dumps(report, indent=1))
    else:
        typer.echo("\n".join(lines(report)))


def examine() -> dict[str, Any]:
    """Look at this machine. Keys: python, packages, device, extractors, data, home, problems."""
    from core.data import torchvision_sets
    from core.data.registry import DATA
    from core.extractors.registry import EXTRACTORS, present

    installed = versions()
    packages = {name: installed.get(name) for name in PACKAGES}
    problems = [
        f"Package {name} is missing: pip install -r requirements.txt."
        for name, version in packages.items()
        if version is None
    ]
    device = "none"
    extractors: dict[str, bool] = {}
    if packages["torch"] and packages["torchvision"] and packages["timm"]:
        from core.system import device as devices

        device = devices.describe(devices.choose("auto"))
        extractors = {name: present(record) for name, record in EXTRACTORS.items()}
        problems += [
            f"Weights of {name} are not here: put {EXTRACTORS[name].weights} into {paths.weights()}, or let the "
            "first run fetch them."
            for name, there in extractors.items()
            if not there
        ]
    data = {name: _readable(name) for name in DATA}
    problems += [
        f"Data set {name} can't be read: restore assets/data."
        if DATA[name].embedded
        else f"Data set {name} is {torchvision_sets.availability(DATA[name])}."
        for name, there in data.items()
        if not there
    ]
    return {
        "python": platform.python_version(),
        "packages": packages,
        "device": device,
        "extractors": extractors,
        "data": data,
        "home": str(paths.home()),
        "problems": problems,
    }


def lines(report: dict[str, Any]) -> list[str]:
    """The report as lines to print."""
    packages = [f"{name} {version or 'MISSING'}" for name, version in report["packages"].items()]
    return [
        f"Python     {report['python']}",
        f"Packages   {', '.join(packages)}",
        f"Device     {report['device']}",
        f"Extractors {', '.join(name for name, there in report['extractors'].items() if there) or 'none'}",
        f"Data       {', '.join(name for name, there in report['data'].items() if there) or 'none'}",
        f"Home       {report['home']}",
        *(f"Missing    {problem}" for problem in report["problems"]),
    ]


def _readable(name: str) -> bool:
    from core.data import torchvision_sets
    from core.data.readers import read
    from core.data.registry import DATA
    from core.system.errors import DataError

    record = DATA[name]
    if not record.embedded:  # up to gigabytes: whether its files are here has to do
        return torchvision_sets.present(record)
    try:
        read(record, "test", record.domains[0] if record.domains else None)
    except DataError:
        return False
    return True
