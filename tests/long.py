"""Which tests `make test-fast` leaves out beside whole kinds: those in `long.txt`, which this measures and writes."""

import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from xml.etree import ElementTree

FILE = Path(__file__).with_name("long.txt")
MEAN_SECONDS = 0.15
"""What a test may take, on average over its parameters."""
MOST_SECONDS = 0.5
"""What it may take with any of its parameters."""


def names() -> frozenset[str]:
    """The tests that take long, as `tests/heads/test_fit.py::test_name`, without parameters."""
    return frozenset(FILE.read_text(encoding="utf-8").split())


def without_parameters(node: str) -> str:
    """The name of a test of all its parameters."""
    return node.partition("[")[0]


def measured(xml: str) -> dict[str, list[float]]:
    """Seconds of each test with each of its parameters, from a report in JUnit's form."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for case in ElementTree.fromstring(xml).iter("testcase"):
        file = case.get("classname", "").replace(".", "/") + ".py"
        seconds[without_parameters(f"{file}::{case.get('name')}")].append(float(case.get("time", 0)))
    return dict(seconds)


def long_ones(seconds: Mapping[str, Sequence[float]]) -> list[str]:
    """The tests that take long."""
    return sorted(name for name, each in seconds.items() if mean(each) >= MEAN_SECONDS or max(each) >= MOST_SECONDS)


def main() -> None:
    """Run the tests that pytest selects by the arguments of this command, and write which ones take long."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *sys.argv[1:]]
        subprocess.run(command, check=True)
        found = long_ones(measured(report.read_text(encoding="utf-8")))
    FILE.write_text("\n".join([*found, ""]), encoding="utf-8")
    print(f"{FILE.name}: {len(found)} tests take long")


if __name__ == "__main__":
    main()
