"""The remaining time of a run: the estimate of before, corrected by what it has taken."""

import pytest

from core.experiments.progress import ProgressEstimate


def play(progress: ProgressEstimate, stages: dict[str, float], steps: int = 10) -> list[tuple[float, float, float]]:
    """(now, fraction, seconds left) at each step of a run whose stages really take these seconds."""
    now, seen = 100.0, []
    for stage, seconds in stages.items():
        for done in range(steps):
            progress.update(stage, done, steps, now)
            seen.append((now - 100.0, progress.fraction(now), progress.seconds_left(now)))
            now += seconds / steps
    return seen


def test_progress_of_a_run_that_goes_as_estimated() -> None:
    stages = {"load": 2.0, "clean": 1.0, "stage2": 7.0}
    progress = ProgressEstimate(stages)
    assert progress.fraction(0.0) == 0.0
    assert progress.seconds_left(0.0) == 10.0
    for spent, fraction, left in play(progress, stages):
        assert fraction == pytest.approx(spent / 10, abs=1e-6)
        assert left == pytest.approx(10 - spent, abs=1e-6)


def test_progress_never_falls_and_corrects_itself() -> None:
    seen = play(ProgressEstimate({"clean": 1.0, "stage2": 10.0}), {"clean": 5.0, "stage2": 30.0})
    fractions = [fraction for _, fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] < 1.0
    spent, _, left = seen[-1]
    assert left == pytest.approx(35.0 - spent, rel=0.1)


def test_a_stage_without_steps_is_timed_by_its_estimate() -> None:
    progress = ProgressEstimate({"load": 4.0, "map": 6.0})
    progress.update("load", 0, 0, 0.0)
    assert progress.fraction(2.0) == pytest.approx(0.2)
    assert progress.seconds_left(2.0) == pytest.approx(8.0)
    assert progress.seconds_left(40.0) == pytest.approx(10.0)
    progress.update("map", 0, 0, 50.0)
    assert progress.fraction(500.0) < 1.0


def test_a_stage_that_was_not_expected_is_no_error() -> None:
    progress = ProgressEstimate({"load": 4.0})
    progress.update("pixels", 1, 2, 0.0)
    assert progress.seconds_left(3.0) == pytest.approx(3.0)


def test_slow_first_steps_do_not_frighten() -> None:
    """The first step of a stage compiles and allocates; it once made 30 seconds look like 70."""
    progress = ProgressEstimate({"stage2": 10.0, "pixels": 10.0})
    progress.update("stage2", 0, 100, 0.0)
    progress.update("stage2", 1, 100, 1.0)
    assert 18 < progress.seconds_left(1.0) < 27
    progress.update("stage2", 10, 100, 1.9)
    assert 17 < progress.seconds_left(1.9) < 23


def test_later_stages_take_as_much_longer_as_the_finished_ones() -> None:
    progress = ProgressEstimate({"load": 1.0, "stage2": 9.0, "pixels": 10.0})
    progress.update("load", 0, 0, 0.0)
    progress.update("stage2", 0, 10, 2.0)
    progress.update("pixels", 0, 10, 20.0)
    assert progress.seconds_left(20.0) == pytest.approx(10 * (4 + 20) / (4 + 10))
    assert progress.seconds_left(21.0) == pytest.approx(10 * (4 + 20) / (4 + 10) - 1)


def test_estimates_of_nothing_leave_the_steps_to_say() -> None:
    progress = ProgressEstimate({})
    progress.update("stage2", 5, 10, 0.0)
    assert progress.seconds_left(5.0) == pytest.approx(5.0)
    assert 0 < progress.fraction(5.0) < 1
