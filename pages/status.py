"""What the server does at the moment: its queue, what it has done, and the room that it takes."""

import sqlite3
import time

import streamlit as st

from core.serving.metrics import Disk, Snapshot, snapshot
from core.system.errors import PoisonLabError
from core.system.retention import words
from pages import _runs

REFRESH_SECONDS = 5.0
INTRODUCTION = (
    "For whoever looks after this server. It counts and measures, and tells nobody's name or experiment. "
    "The same numbers for Prometheus are at `/metrics`, and `/ready` says whether runs can start."
)


@st.cache_data(ttl=2.0, show_spinner=False)
def measured() -> Snapshot:
    """The server now; shared, so that many viewers cost no more than one."""
    from core.serving.engine import current

    return snapshot(current())


@st.fragment(run_every=REFRESH_SECONDS)
def numbers() -> None:
    """Everything that changes."""
    try:
        found = measured()
    except (PoisonLabError, OSError, sqlite3.Error) as error:
        st.error(str(error), title="The server can't be measured", icon=":material/error:")
        return
    if found.census is None or not found.census.alive:
        st.warning("No engine is there at the moment: runs can't start.", icon=":material/power_off:")
    if found.census is not None:
        queue(found)
        outcomes(found)
    disk(found)
    memory(found)
    st.caption(f"At {time.strftime('%H:%M:%S', time.localtime(found.time))}, every {REFRESH_SECONDS:.0f} seconds.")


def queue(found: Snapshot) -> None:
    """What is in flight."""
    census = found.census
    assert census is not None
    st.subheader("Queue")
    row = st.columns(4)
    row[0].metric("Running", f"{census.running:,}", border=True)
    row[1].metric("Waiting", f"{census.queued:,}", border=True)
    wait = _runs.seconds_words(census.wait) if census.wait else "none"
    row[2].metric("Expected wait", wait, border=True, help="Of a run that is asked for now.")
    row[3].metric(
        "Workers", f"{len(census.workers)} of {census.slots}", border=True, help="Those that answer; each runs one."
    )
    if census.alive and not census.slots:
        st.warning("No worker is there yet: runs wait until one comes.", icon=":material/hourglass_empty:")


def outcomes(found: Snapshot) -> None:
    """How runs have ended."""
    census = found.census
    assert census is not None
    st.subheader(f"Runs since the engine was started, {_runs.seconds_words(found.time - census.since)} ago")
    titles = {"done": "Done", "failed": "Failed", "cancelled": "Cancelled", "refused": "Refused"}
    for column, (name, count) in zip(st.columns(4), census.outcomes.items(), strict=True):
        column.metric(titles[name], f"{count:,}", border=True)


def disk(found: Snapshot) -> None:
    """What lies on the disk, against its limits."""
    st.subheader("Disk")
    left, right = st.columns(2)
    store, kept = found.store, f", {found.store.pinned:,} of them kept for good"
    used(left, "Results", store, counted(store.count, "run") + (kept if store.pinned else ""))
    used(right, "Cache", found.cache, counted(found.cache.count, "file") + ": features, maps and decoders")


def counted(count: int, what: str) -> str:
    """A number of things in words."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def used(place: "st.delta_generator.DeltaGenerator", title: str, part: Disk, what: str) -> None:
    """One part of it."""
    with place.container(border=True):
        share = part.size / part.limit
        st.progress(min(1.0, share), text=f"**{title}**: {words(part.size)} of {words(part.limit)}")
        over = " More than is allowed: the rest is kept for good or in use." if share > 1 else ""
        st.caption(f"{what}.{over}")


def memory(found: Snapshot) -> None:
    """What the processes take."""
    st.subheader("Memory")
    rows: list[tuple[str, int, int | None, int | None]] = []
    if found.memory is not None:
        rows.append(("Server", found.memory, None, None))
    workers = () if found.census is None else found.census.workers
    rows += [(f"Worker {i}", one.memory, one.gpu_used, one.gpu_total) for i, one in enumerate(workers, start=1)]
    lines = ["| Process | Memory | Its GPU's memory |", "| --- | ---: | ---: |"]
    for name, taken, gpu, total in rows:
        beside = "—" if gpu is None or total is None else f"{words(gpu)} of {words(total)}"
        lines.append(f"| {name} | {words(taken)} | {beside} |")
    st.markdown("\n".join(lines))


st.title("Status")
st.markdown(INTRODUCTION)
numbers()
