"""The table of sizes: its arithmetic on figures that can be reckoned by hand, and that the document has it."""

import pytest

from benchmarks import sizing

LOAD = {
    "machine": "a machine",
    "students": 10,
    "seconds": 600.0,
    "times": {
        "page": {"count": 100},
        "rerun": {"count": 300},
        "poll": {"count": 200},
        "run": {"count": 60},
        "queue": {"p95": 9.0},
    },
    "memory": {"server": {"last": 300.0}, "scheduler": {"last": 100.0}, "workers": {"last": 1000.0}},
    "memory by minute": {"server": [200.0, 280.0]},
    "processor": {"server": 120.0, "scheduler": 6.0, "workers": 240.0, "students": 1.0},
}


def test_figures_of_a_class() -> None:
    measured = sizing.figures(LOAD)
    assert measured.cores == pytest.approx({"server": 0.02, "scheduler": 0.001, "workers": 0.04})
    assert measured.session_mib == pytest.approx(10.0)
    assert measured.process_mib == {"server": 200.0, "scheduler": 100.0, "workers": 1000.0}
    assert measured.runs == pytest.approx(0.6)
    assert measured.worker_runs == pytest.approx(15.0)
    assert measured.rerun_seconds == pytest.approx(0.2)


def test_processes_are_at_most_so_busy_and_the_fullest_is_named() -> None:
    needs = sizing.plan(100, sizing.figures(LOAD))
    assert needs.processes == {"server": 3, "scheduler": 1, "workers": 6}  # 2.0, 0.1 and 4.0 cores at 70 %
    assert needs.cores == pytest.approx(6.1)
    assert needs.gib == pytest.approx((3 * 200 + 100 + 6 * 1000 + 100 * 10) / 1024)
    assert (needs.limit, needs.limit_seats) == ("server", 150)


def test_a_demo_needs_servers_and_one_idle_worker() -> None:
    needs = sizing.plan(100, sizing.figures(LOAD), with_runs=False)
    assert needs.processes == {"server": 3, "scheduler": 1, "workers": 1}
    assert needs.cores == pytest.approx(2.0)
    assert (needs.limit, needs.limit_seats) == ("server", 150)


def test_at_a_thousand_seats_the_scheduler_counts() -> None:
    needs = sizing.plan(1000, sizing.figures(LOAD))
    assert needs.processes["scheduler"] == 2


def test_no_seats_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sizing.plan(0, sizing.figures(LOAD))


def test_the_document_has_the_table_of_what_was_measured() -> None:
    assert sizing.DOCUMENT.read_text() == sizing.current(), "run python -m benchmarks.sizing"
