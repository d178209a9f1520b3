"""What has to go, against a slow and obvious way to say it."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from core.system import retention
from core.system.retention import Entry

NOW, YOUNG = 1000.0, 100.0
entries = st.lists(
    st.builds(Entry, st.text("abc", max_size=3), st.integers(0, 9), st.sampled_from([0.0, 5.0, 900.0, 950.0, 2000.0]))
    | st.builds(Entry, st.text("abc", max_size=3), st.integers(0, 9), st.just(1.0), st.just(True)),
    max_size=8,
    unique_by=lambda entry: entry.name,
)


def slowly(there: list[Entry], limit: int, stuck: set[str]) -> list[Entry]:
    """One at a time: while it is too much, the oldest of those that may go and can."""
    gone: list[Entry] = []
    while sum(entry.size for entry in there if entry not in gone) > limit:
        may = [p for p in there if p not in gone and not p.protected and p.used <= NOW - YOUNG and p.name not in stuck]
        if not may:
            break
        gone.append(min(may, key=lambda entry: (entry.used, entry.name)))
    return gone


@given(entries, st.integers(0, 40), st.sets(st.text("abc", max_size=3), max_size=3))
def test_the_least_recently_used_go_until_the_rest_fits(there: list[Entry], limit: int, stuck: set[str]) -> None:
    cleaned = retention.evict(there, limit, lambda entry: entry.name not in stuck, now=NOW, young=YOUNG)
    assert list(cleaned.deleted) == slowly(there, limit, stuck)
    assert cleaned.size == sum(entry.size for entry in there) - cleaned.freed
    assert cleaned.limit == limit


def test_sizes_are_those_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"x" * 10_000)
    assert retention.size_of(tmp_path / "deep" / "file") >= 10_000
    assert retention.size_of(tmp_path) >= retention.size_of(tmp_path / "deep" / "file")
    assert retention.size_of(tmp_path / "none") == 0


def test_sizes_are_told_in_megabytes() -> None:
    assert [retention.format_size(size) for size in (0, 12_345_678, 20_000 * retention.MEGABYTE)] == [
        "0.0 MB",
        "12.3 MB",
        "20,000 MB",
    ]
