"""What a number of seats needs, computed from the load test of one class: `python -m benchmarks.sizing`.

A seat costs what one student of the load test cost on average. Everything beyond the class that was measured is
extrapolated in proportion, which is pessimistic for runs: the more people there are, the more ask for the same ones.
"""

import json
import math
import statistics
from dataclasses import dataclass
from typing import Any

from benchmarks import report
from core.system.paths import ROOT
from core.system.tables import markdown_table

DOCUMENT = ROOT / "docs" / "deploy.md"
BUSY = 0.7
"""The part of a core that a process may use: about what the one worker of the load test was, with its queue."""
MIB_PER_GIB = 1024.0
ROWS = (
    ("a class of 40", 40, True),
    ("200 seats", 200, True),
    ("1,000 seats", 1000, True),
    ("demo without new runs, 200 visitors at a time", 200, False),
)


@dataclass(frozen=True)
class Figures:
    """What one seat costs, and what a process needs before anybody comes.

    Attributes:
        seats: of the class that was measured.
        cores: that one seat keeps busy, by process: server, scheduler, workers.
        session_mib: memory that the server gained for each seat, its shared caches included.
        process_mib: memory of a server without sessions, a scheduler and a worker.
        runs: finished runs a minute and seat.
        worker_runs: runs a minute of a worker that is always busy.
        rerun_seconds: processor seconds of a server for one script run.
    """

    seats: int
    cores: dict[str, float]
    session_mib: float
    process_mib: dict[str, float]
    runs: float
    worker_runs: float
    rerun_seconds: float


@dataclass(frozen=True)
class Plan:
    """What to start.

    Attributes:
        processes: number of servers, schedulers and workers.
        cores: that they keep busy, all together.
        gib: memory of all of them.
        limit: the process that is full first.
        limit_seats: number of seats at which it is.
    """

    processes: dict[str, int]
    cores: float
    gib: float
    limit: str
    limit_seats: int


def figures(load: dict[str, Any]) -> Figures:
    """The figures of a measurement, i.e. of `load.json`, with one server, one scheduler and one worker."""
    seats, seconds, memory = int(load["students"]), float(load["seconds"]), load["memory"]
    names = ("server", "scheduler", "workers")
    server_mib = float(load["memory by minute"]["server"][0])  # of the minute in which people come
    runs = int(load["times"]["run"]["count"])
    reruns = sum(load["times"][name]["count"] for name in ("page", "rerun", "poll"))
    return Figures(
        seats=seats,
        cores={name: load["processor"][name] / seconds / seats for name in names},
        session_mib=(memory["server"]["last"] - server_mib) / seats,
        process_mib={"server": server_mib, **{name: memory[name]["last"] for name in names[1:]}},
        runs=runs / seats / (seconds / 60),
        worker_runs=60 * runs / load["processor"]["workers"],
        rerun_seconds=load["processor"]["server"] / reruns,
    )


def plan(seats: int, measured: Figures, *, with_runs: bool = True) -> Plan:
    """What a number of seats needs.

    Args:
        seats: people at a time.
        measured: what one costs.
        with_runs: whether they start runs; without, one idle worker is there, as a server always starts one.

    Raises:
        ValueError: there are no seats.
    """
    if seats < 1:
        raise ValueError(f"{seats} seats need nothing; at least 1 is allowed.")
    per_seat = measured.cores if with_runs else {"server": measured.cores["server"]}
    needed = {name: math.ceil(seats * cores / BUSY) for name, cores in per_seat.items()}
    processes = {name: needed.get(name, 1) for name in measured.cores}
    full_at = {name: math.floor(processes[name] / cores) for name, cores in per_seat.items()}
    limit = min(full_at, key=full_at.__getitem__)
    mib = seats * measured.session_mib + sum(n * measured.process_mib[name] for name, n in processes.items())
    return Plan(processes, seats * sum(per_seat.values()), mib / MIB_PER_GIB, limit, full_at[limit])


def text(load: dict[str, Any], pages: dict[str, Any]) -> str:
    """The table of docs/deploy.md with what it rests on, as Markdown.

    Args:
        load: content of `load.json`.
        pages: content of `pages.json`.
    """
    measured = figures(load)
    words = {"server": "the servers: pages get slow", "workers": "the workers: runs wait"}
    rows = []
    for title, seats, with_runs in ROWS:
        needs = plan(seats, measured, with_runs=with_runs)
        counts = [str(needs.processes[name]) for name in ("server", "scheduler", "workers")]
        runs = f"{seats * measured.runs:,.0f}" if with_runs else "none"
        limit = f"{words.get(needs.limit, 'the scheduler: everything waits')} (from {needs.limit_seats:,} seats)"
        rows.append([title, *counts, f"{needs.cores:.1f}", f"{needs.gib:.1f}", runs, limit])
    header = ["For", "Servers", "Schedulers", "Workers", "Cores in use", "Memory, GiB", "Runs a minute", "Full first"]
    single = math.floor(BUSY / measured.cores["scheduler"])
    opening = statistics.median(one["server"] for page in pages["warm"].values() for one in page)
    return "\n\n".join(
        [
            markdown_table(header, rows, "lrrrrrrl"),
            f"Measured: a class of {measured.seats} on one server, one scheduler and one worker ({load['machine']}). A "
            f"rerun of a page's script takes {measured.rerun_seconds * 1000:.0f} ms of a processor, a session "
            f"{measured.session_mib:.1f} MiB, shared caches included; a seat keeps {measured.cores['server']:.3f} "
            f"cores of a server and {measured.cores['workers']:.3f} of a worker busy and finishes {measured.runs:.2f} "
            f"runs a minute, mostly small ones, of which a busy worker does {measured.worker_runs:.0f} a minute. The "
            f"worker was busy for {100 * load['processor']['workers'] / load['seconds']:.0f} % of the time; one run in "
            f"twenty waited for {load['times']['queue']['p95']:.0f} s or longer. Opening a page in a browser takes "
            f"{opening:.2f} s of a server's processor ({pages['machine']}).",
            f"Extrapolated: everything else, in proportion, each process at most {100 * BUSY:.0f} % busy. No more than "
            f"{measured.seats} seats were measured. One scheduler serves about {single:,} seats by this count; where "
            "the table says two, run two labs, each with its share of servers and workers. Runs of the default size "
            "take longer than those of the load test: see [benchmarks]"
            "(../benchmarks/README.md#the-default-experiment-python--m-benchmarkstiming).",
        ]
    )


def current() -> str:
    """docs/deploy.md with the table of the measurements as they are now."""
    load, pages = (json.loads((report.FOLDER / name).read_text()) for name in ("load.json", "pages.json"))
    return report.placed(DOCUMENT, "sizing", text(load, pages))


if __name__ == "__main__":
    DOCUMENT.write_text(current())
