"""A class at one server for five minutes: `python -m benchmarks.load`.

Simulated students speak a browser's protocol to a server on this machine, and to no other. *Page*: from opening a link,
or a click on a page, until its script has ended and all of it has come. *Rerun*: from moving a widget or pressing a
button until the same. *Poll*: a part of a page that refreshes itself. *Queue*: from pressing Run until the page no
longer says that the run waits, which it looks up once a second. *Run*: from pressing Run to the result on the page.

`--challenge` lets the class take part in a challenge instead, beside its teacher and a projector: see
`benchmarks.load.challenge`. *Verdict*: from a submission that was confirmed to what it is worth.
"""

import argparse
import asyncio
import contextlib
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.load import challenge, measure, student
from benchmarks.load.protocol import Tab
from benchmarks.load.servers import own_server, ready
from core.system.tables import markdown_table

MAX_STUDENTS = 100
MAX_SECONDS = 1800
ARRIVAL_SECONDS = 30.0
"""Within which the class comes in, or a fifth of the time."""
WARM_SECONDS = 60.0
"""Of memory, or a fifth of the time."""
TIMES = ("page", "rerun", "poll", "queue", "run")


@dataclass
class Lesson:
    """What was measured.

    Attributes:
        times: seconds by what took them, see `TIMES`.
        problems: how often each error came.
        actions: how often students did what.
        memory: of the server's processes.
        processor: seconds that processes have spent.
        late: seconds by which the students themselves were late.
    """

    times: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in TIMES})
    problems: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    memory: measure.Memory = field(default_factory=measure.Memory)
    processor: dict[str, float] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)


def rejection(address: str | None, students: int, seconds: float) -> str | None:
    """Why such a test is rejected, in a sentence; None if it is allowed.

    Args:
        address: of the server; None for one of its own.
        students: number of students.
        seconds: duration.
    """
    if address is not None and not re.fullmatch(r"http://127\.0\.0\.1:\d{1,5}", address):
        return f"{address} is refused: students only come to a server of this machine, as in http://127.0.0.1:8501."
    if not 1 <= students <= MAX_STUDENTS:
        return f"{students} students are refused: 1 to {MAX_STUDENTS} are allowed."
    if not 1 <= seconds <= MAX_SECONDS:
        return f"{seconds:g} seconds are refused: 1 to {MAX_SECONDS:,} are allowed."
    return None


async def lesson(
    address: str,
    students: int,
    seconds: float,
    seed: int,
    pace: float = 1.0,
    member: Callable[..., student.Student] = lambda number, *parts: student.Student(*parts),
) -> Lesson:
    """Let a class work at a server that is ready, and measure it.

    Args:
        address: of the server.
        students: number of students.
        seconds: duration.
        seed: of all choices.
        pace: times as long as a person do students think.
        member: makes who comes as so many-th, from 0; takes that number, then what `Student` takes.

    Raises:
        ValueError: such a test is refused.
        LookupError: nothing listens there.
    """
    why = rejection(address, students, seconds)
    if why:
        raise ValueError(why)
    measured, server = Lesson(), measure.listener(int(address.rpartition(":")[2]))
    start, spent = time.monotonic(), measure.processor_seconds(server)
    arrival = min(ARRIVAL_SECONDS, seconds / 5)

    def did(what: str, took: float) -> None:
        measured.times[what].append(took)

    def problem(text: str) -> None:
        measured.problems[text] += 1

    async def come(number: int) -> None:
        await asyncio.sleep(arrival * number / students)
        tab = Tab(address, problem, lambda took: did("poll", took))
        who = member(number, tab, 1000 * seed + number, start + seconds, did, problem, pace)
        await who.attend()
        measured.actions.update(who.actions)

    watching = [
        asyncio.create_task(measure.watch(server, measured.memory)),
        asyncio.create_task(measure.lateness(measured.late)),
    ]
    await asyncio.gather(*(come(number) for number in range(students)))
    for task in watching:
        task.cancel()
    after = measure.processor_seconds(server)
    measured.processor = {name: after[name] - spent[name] for name in after}
    return measured


def values(measured: Lesson, seconds: float, log: list[str]) -> dict[str, Any]:
    """All measurements as plain data.

    Args:
        measured: the measurements.
        seconds: duration of the test.
        log: errors in the server's log.
    """
    warm = min(WARM_SECONDS, seconds / 5)
    return {
        "times": {name: measure.summary(took) for name, took in measured.times.items()},
        "problems": dict(measured.problems.most_common()),
        "log": log,
        "actions": dict(measured.actions.most_common()),
        "memory": {
            name: measure.growth(measured.memory.seconds, mib, warm) for name, mib in measured.memory.mib.items()
        },
        "memory by minute": {
            name: measure.by_minute(measured.memory.seconds, mib) for name, mib in measured.memory.mib.items()
        },
        "processor": measured.processor,
        "late": measure.summary(measured.late),
    }


def text(measured: dict[str, Any], students: int, seconds: float, load: str) -> str:
    """The report as Markdown.

    Args:
        measured: from `values`.
        students: number of students.
        seconds: duration of the test.
        load: of the machine, in a sentence.
    """
    times = [
        [name.capitalize(), f"{of['count']:,}", *(f"{of[key]:.2f}" if key in of else "none" for key in KEYS)]
        for name, of in measured["times"].items()
    ]
    memory = [
        [name.capitalize(), *(f"{of[key]:,.0f}" if key in of else "none" for key in WINDOWS), f"{of['slope']:+.1f}"]
        for name, of in measured["memory"].items()
    ]
    problems = sum(measured["problems"].values()) + len(measured["log"])
    spent = ", ".join(f"{name} {took / seconds:.2f}" for name, took in measured["processor"].items())
    did = ", ".join(f"{name} {count:,}" for name, count in measured["actions"].items())
    low, high = student.THINK_BOUNDS
    return "\n\n".join(
        [
            markdown_table(["Seconds", "Count", "p50", "p95", "Largest"], times),
            markdown_table(["Memory, MiB", "First minute", "Middle", "Last", "Slope, MiB a minute"], memory),
            f"Errors: {problems}." + "".join(f"\n- {count} × {what}" for what, count in measured["problems"].items()),
            f"{students} students for {seconds:g} seconds. Between two clicks each thinks for {low:g} to {high:g} "
            f"seconds, {student.THINK_SECONDS:g} in the middle. Done: {did}. Cores in use: {spent}. The students "
            f"themselves were late by {1000 * measured['late'].get('p95', 0):.0f} ms (p95), which is in the times.",
            f"On {report.machine()}. {load}",
        ]
    )


KEYS = ("p50", "p95", "largest")
WINDOWS = ("first", "middle", "last")


def main() -> None:
    """Measure; write benchmarks/README.md and load.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--students", type=int, default=30, help=f"1 to {MAX_STUDENTS}")
    parser.add_argument("--seconds", type=float, default=300, help=f"1 to {MAX_SECONDS}")
    parser.add_argument("--seed", type=int, default=0, help="of all choices")
    parser.add_argument("--address", help="of a server on this machine; else one is started, with nothing in it")
    parser.add_argument("--challenge", action="store_true", help="the class takes part in a challenge")
    parser.add_argument("--try", dest="only_print", action="store_true", help="only print")
    arguments = parser.parse_args()
    why = rejection(arguments.address, arguments.students, arguments.seconds)
    if why:
        print(why, file=sys.stderr)
        sys.exit(2)
    load, log = report.load(), list[str]()
    if arguments.challenge:
        _challenge(arguments, load, log)
        return
    try:
        with own_server(log) if arguments.address is None else contextlib.nullcontext(arguments.address) as address:
            ready(address)
            measured = asyncio.run(lesson(address, arguments.students, arguments.seconds, arguments.seed))
    except LookupError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    _report("load", measured, arguments, load, log)


def _challenge(arguments: argparse.Namespace, load: str, log: list[str]) -> None:
    """Measure a challenge at a server of its own.

    Args:
        arguments: of the command line.
        load: of the machine, in a sentence.
        log: for errors in the server's log.
    """
    with tempfile.TemporaryDirectory() as home:
        game = challenge.Game.open(Path(home), arguments.seconds)
        with own_server(log, Path(home)) as address:
            members = arguments.students + challenge.OTHERS
            run = lesson(address, members, arguments.seconds, arguments.seed, member=game.member)
            measured = asyncio.run(run)
            game.wait()
        measured.times["verdict"] = game.verdict_seconds()
        measured.problems.update(game.losses())
        _report("challenge", measured, arguments, load, log, game.sentence())


def _report(
    name: str, measured: Lesson, arguments: argparse.Namespace, load: str, log: list[str], more: str = ""
) -> None:
    """Print the report, and write it unless it is only to be printed.

    Args:
        name: of its markers in README.md and of its JSON file.
        measured: the measurements.
        arguments: of the command line.
        load: of the machine, in a sentence.
        log: errors in the server's log.
        more: a paragraph below the tables.
    """
    report_values = values(measured, arguments.seconds, log)
    report_text = text(report_values, arguments.students, arguments.seconds, load)
    report_text += f"\n\n{more}" if more else ""
    print(report_text, *log, sep="\n")
    if not arguments.only_print:
        about = {"students": arguments.students, "seconds": arguments.seconds, "more": more}
        report.write(name, report_text, {"machine": report.machine(), "load": load, **about, **report_values})


if __name__ == "__main__":
    main()
