"""The benchmark beside peers: all attacks get the same images and the same head judges them; the peer is a stand-in."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peer import images
from benchmarks.peer.image_task import ImageTask

STAND_IN = """
import sys
import numpy as np
with np.load(sys.argv[1]) as task:
    x, y, m = task["x"], task["y"], int(task["m"])
np.savez(sys.argv[2], x=x[:m].reshape(m, -1) / 255 + 0.001, y=1 - y[:m], seconds=1.5)
"""


@pytest.fixture(scope="module")
def task() -> ImageTask:
    return ImageTask.of(0, train=60, test=40)


def test_each_seed_draws_other_images_of_both_classes(task: ImageTask) -> None:
    assert (task.x.shape, task.test_x.shape, task.target.shape) == ((60, 1, 28, 28), (40, 1, 28, 28), (1, 1, 28, 28))
    assert {*task.y} == {*task.test_y} == {0, 1}
    assert not any(np.array_equal(task.target[0], x) for x in task.test_x)
    assert not np.array_equal(task.x, ImageTask.of(1, train=60, test=40).x)


def test_a_stand_in_for_a_peer_adds_its_images(task: ImageTask, tmp_path: Path) -> None:
    script = tmp_path / "peer.py"
    script.write_text(STAND_IN)
    seconds, x, y = images.theirs([sys.executable, str(script)], task, {"m": 5}, None)
    assert seconds == 1.5
    assert np.array_equal(x, task.x[:5])  # back to 8 bits
    assert np.array_equal(y, 1 - task.y[:5])
    row = images.measured("collision", task, (seconds, x, y))
    assert row["drop"] == pytest.approx(task.judged().accuracy - task.judged(x, y).accuracy)
    assert (row["images"], row["seconds"]) == (5, 1.5)
    assert row["target_hit"] is task.judged(x, y).target_hit
    assert images.measured("secml", task, (seconds, x, y))["target_hit"] is None


def test_the_head_moves_with_what_is_added(task: ImageTask) -> None:
    assert 60 < task.judged().accuracy <= 100
    # All training images under the other label, twice: the head is turned around.
    twice = np.concatenate([task.x, task.x])
    assert task.judged(twice, np.tile(1 - task.y, 2)).accuracy < 45


def test_our_attack_keeps_budget_and_label_rule(task: ImageTask) -> None:
    seconds, x, y = images.ours("fw-input", task, 0.05, 3)
    assert (x.shape, x.dtype, y.shape) == ((3, 1, 28, 28), np.uint8, (3,))
    assert {*y} <= {0, 1}
    assert seconds > 0
    assert np.array_equal(x, images.ours("fw-input", task, 0.05, 3)[1])


def test_what_is_known_is_not_measured_again(task: ImageTask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh(*_: object) -> None:
        raise AssertionError

    for name in ("ours", "theirs"):
        monkeypatch.setattr(images, name, fresh)
    row = {"clean": 80.0, "drop": 1.0, "images": 2, "seconds": 3.0, "target_hit": None, "target_missed_before": False}
    known = dict.fromkeys(images.TITLES, row)
    assert list(images.measure(task, 0, dict(known), "python", Path())) == []


def test_each_attack_is_written_down_as_it_comes(task: ImageTask, monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, images.Row] = {}
    monkeypatch.setattr(images, "ours", lambda *_: (4.0, task.x[:2], task.y[:2]))
    given = []
    monkeypatch.setattr(images, "theirs", lambda *at: given.append(at[2]["seconds"]) or (9.0, task.x[:2], task.y[:2]))
    for name in images.measure(task, 0, known, "python", Path()):
        assert name == list(known)[-1]
    assert list(known) == list(images.TITLES)
    assert given == [4.0] * 4  # peers get the time of the portfolio


def test_the_table_tells_means_and_targets() -> None:
    def row(drop: float, hit: bool | None) -> images.Row:
        return {"drop": drop, "seconds": 4.0, "target_hit": hit, "target_missed_before": hit is True}

    values = {"0": {"fw-input": row(4, None), "matching": row(0, True)}, "1": {"fw-input": row(6, None)}}
    lines = images.table(values).splitlines()[2:]
    assert len(lines) == len(images.TITLES)
    assert lines[0] == "| `best-input` | chosen | 0 | not measured |  |  |"
    assert [line for line in lines if "not measured" not in line] == [
        "| `fw-input` | own | 2 | 5.0 ± 1.4 | 4.0 ± 0.0 |  |",
        "| ART, gradient matching (targeted) | own | 1 | 0.0 | 4.0 | 1 of 1, 1 before |",
    ]
