"""What threads that wait for each other cost: `python -m benchmarks.threads`.

Runs by command on all cores, one alone and two at once, as worker processes and a server that share a machine are: with
threads that spin while they wait, that spin briefly, and that sleep (as `core` sets it).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from core.system import paths
from core.system.tables import markdown_table

ROUNDS = 2
AT_ONCE = (1, 2)
WAYS = {
    "spin": {"OMP_WAIT_POLICY": "active"},
    "spin briefly": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "3000"},
    "sleep": {"OMP_WAIT_POLICY": "passive"},
}
"""Environment variables by the row's name."""


def measure(way: str, at_once: int) -> float:
    """Seconds until `at_once` runs, each with an empty home, have ended.

    Raises:
        CalledProcessError: one failed.
    """
    command = [sys.executable, "-m", "core", "run", "--attack", "ft-matching", "--out"]
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder) / str(i) for i in range(at_once)]
        start = time.perf_counter()
        running = [
            subprocess.Popen(
                [*command, str(home / "out")],
                env={**paths.environment(home), **WAYS[way]},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for home in homes
        ]
        words = [process.communicate()[1] for process in running]
        seconds = time.perf_counter() - start
    for process, said in zip(running, words, strict=True):
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command, stderr=said)
    return seconds


def main() -> None:
    """Measure in turns and write benchmarks/README.md and threads.json."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        os.environ.pop(name, None)
    load = report.load()
    rounds = [{way: [measure(way, n) for n in AT_ONCE] for way in WAYS} for _ in range(ROUNDS)]
    values = {
        way: [statistics.median(column) for column in zip(*(one[way] for one in rounds), strict=True)] for way in WAYS
    }
    rows = [[way, *(f"{seconds:.1f}" for seconds in of)] for way, of in values.items()]
    header = ["Threads that wait", "One run, s", "Two at once, s"]
    text = f"{markdown_table(header, rows)}\n\nMedians of {ROUNDS} rounds in turn. On {report.machine()}. {load}"
    report.write("threads", text, {"machine": report.machine(), "rounds": rounds})
    print(text)


if __name__ == "__main__":
    main()
