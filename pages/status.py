"""The state of the server: its queue, the outcomes of runs, disk and memory."""

import sqlite3
import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.serving.metrics import DiskUsage, ServerMetrics, measure
from core.serving.status import EngineStatus
from core.system.errors import PoisonLabError
from core.system.numbers import about, duration
from core.system.retention import format_size

REFRESH_SECONDS = 5.0
INTRODUCTION = (
    "For the administrator of this server. The numbers name no person and no experiment. They are available to "
    "Prometheus at `/metrics` below the lab's address; `/ready` reports whether runs can start."
)


@st.cache_data(ttl=2.0, show_spinner=False)
def measured() -> ServerMetrics:
    """The server now; shared, so that many viewers cost no more than one."""
    from core.serving.engine import current

    return measure(current())


@st.fragment(run_every=REFRESH_SECONDS)
def numbers() -> None:
    """Everything that changes."""
    try:
        server = measured()
    except (PoisonLabError, OSError, sqlite3.Error) as error:
        st.error(str(error), title="The server can't be measured", icon=":material/error:")
        return
    if server.engine is None or not server.engine.alive:
        st.warning("The engine is not running: runs can't start.", icon=":material/power_off:")
    if server.engine is not None:
        queue(server.engine)
        outcomes(server.engine, server.time)
    disk(server)
    memory(server)
    st.caption(f"At {time.strftime('%H:%M:%S', time.localtime(server.time))}, every {duration(REFRESH_SECONDS)}.")


def queue(engine: EngineStatus) -> None:
    """What is in flight."""
    st.subheader("Queue")
    row = st.columns(4)
    row[0].metric("Running", f"{engine.running:,}", border=True)
    row[1].metric("Waiting", f"{engine.queued:,}", border=True)
    wait = about(engine.wait) if engine.wait else "none"
    row[2].metric("Expected wait", wait, border=True, help="Of a run that is started now.")
    row[3].metric(
        "Workers",
        f"{len(engine.workers)} of {engine.slots}",
        border=True,
        help="Those that respond; each computes one run at a time.",
    )
    if engine.alive and not engine.slots:
        st.warning("No worker is available yet: runs wait until one connects.", icon=":material/hourglass_empty:")


def outcomes(engine: EngineStatus, now: float) -> None:
    """How runs have ended.

    Args:
        engine: its status.
        now: epoch seconds at which that was taken.
    """
    st.subheader(f"Runs since the engine was started, {duration(now - engine.since)} ago")
    titles = {"done": "Done", "failed": "Failed", "cancelled": "Cancelled", "refused": "Refused"}
    for column, (name, count) in zip(st.columns(4), engine.outcomes.items(), strict=True):
        column.metric(titles[name], f"{count:,}", border=True)


def disk(server: ServerMetrics) -> None:
    """What lies on the disk, against its limits."""
    st.subheader("Disk")
    left, right = st.columns(2)
    store, pinned = server.store, f", {server.store.pinned:,} of them pinned"
    used(left, "Results", store, counted(store.count, "run") + (pinned if store.pinned else ""))
    used(right, "Cache", server.cache, counted(server.cache.count, "file") + ": features, maps and decoders")


def counted(count: int, what: str) -> str:
    """A number of things in words."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def used(place: DeltaGenerator, title: str, part: DiskUsage, what: str) -> None:
    """One part of the disk.

    Args:
        place: where it is drawn.
        title: its name.
        part: what it takes.
        what: the same in words.
    """
    with place.container(border=True):
        share = part.size / part.limit
        st.progress(min(1.0, share), text=f"**{title}**: {format_size(part.size)} of {format_size(part.limit)}")
        over = " Over the limit: the remaining files are pinned or in use." if share > 1 else ""
        st.caption(f"{what}.{over}")


def memory(server: ServerMetrics) -> None:
    """What the processes take."""
    st.subheader("Memory")
    rows: list[tuple[str, int, int | None, int | None]] = []
    if server.memory is not None:
        rows.append(("Server", server.memory, None, None))
    workers = () if server.engine is None else server.engine.workers
    rows += [
        (f"Worker {i}", worker.memory, worker.gpu_used, worker.gpu_total) for i, worker in enumerate(workers, start=1)
    ]
    lines = ["| Process | Memory | GPU memory |", "| --- | ---: | ---: |"]
    for name, taken, gpu_used, gpu_total in rows:
        gpu = "—" if gpu_used is None or gpu_total is None else f"{format_size(gpu_used)} of {format_size(gpu_total)}"
        lines.append(f"| {name} | {format_size(taken)} | {gpu} |")
    st.markdown("\n".join(lines))


st.title("Status")
st.markdown(INTRODUCTION)
numbers()
