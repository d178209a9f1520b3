"""What ships of the extractors' quality is there for all, and is what is measured here."""

from pathlib import Path

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from core.cli.main import main
from core.data.registry import DATA
from core.data.split import draw
from core.evidence import quality
from core.extractors.registry import EXTRACTORS
from core.pretraining.probes import NEIGHBOURS
from core.system import paths


def test_every_extractor_that_ships_was_measured_on_every_embedded_data_set() -> None:
    result = quality.read()
    shipped = [name for name, record in EXTRACTORS.items() if record.library == "own" or "lite0" in name]
    assert result.keys() >= {quality.PIXELS, *shipped}
    assert result.keys() <= {quality.PIXELS, *EXTRACTORS}
    for row in result.values():
        assert set(row) == set(quality.EMBEDDED)
        for name, one in row.items():
            assert 1 / len(DATA[name].classes) < min(one.knn, one.linear_probe) < 1
            assert one.train_images == min(quality.PROBED, DATA[name].train_images)


def test_a_number_of_features_that_ships_is_measured_again() -> None:
    data, name = DATA["emoji"], "resnet10-small-mnist"
    measured, shipped = quality.measure(name, data, torch.device("cpu")), quality.read()[name]["emoji"]
    assert measured.linear_probe == pytest.approx(shipped.linear_probe, abs=2 / data.test_images)
    assert measured.knn == pytest.approx(shipped.knn, abs=2 / data.test_images)
    assert (measured.train_images, measured.test_images) == (shipped.train_images, shipped.test_images)


@pytest.mark.slow
def test_a_number_of_pixels_that_ships_is_measured_again() -> None:
    data = DATA["emoji"]
    measured = quality.measure(quality.PIXELS, data, torch.device("cpu"))
    shipped = quality.read()[quality.PIXELS]["emoji"]
    assert measured.linear_probe == pytest.approx(shipped.linear_probe, abs=2 / data.test_images)
    split = draw(data, train_size=data.train_images, test_size=data.test_images, seed=0, **dict.fromkeys(
        ("train_domain", "test_domain"), data.domains[0]
    ))  # fmt: skip
    x, test_x = (part.reshape(len(part), -1) / 255.0 for part in (split.train_x, split.test_x))
    peer = KNeighborsClassifier(NEIGHBOURS, metric="cosine", algorithm="brute").fit(x, split.train_y)
    # The votes there have no weights, so that only the size of the number is the same.
    assert measured.knn == pytest.approx(peer.score(test_x, split.test_y), abs=0.05)


def test_what_was_measured_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = quality.Quality(0.5, 0.6, 20, 10)
    monkeypatch.setattr(quality, "measure", lambda *_: one)
    cpu, path = torch.device("cpu"), tmp_path / "extractors.json"
    quality.measure_all([quality.PIXELS], ["mnist", "emoji"], cpu, path)
    quality.measure_all(["efficientnet-lite0-random"], ["mnist"], cpu, path)
    assert quality.read(path) == {
        quality.PIXELS: {"mnist": one, "emoji": one},
        "efficientnet-lite0-random": {"mnist": one},
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--data", "cats"], "Known: fashion-mnist, mnist, emoji"), (["--extractor", "eyes"], "Known: ")],
)
def test_bad_names_are_refused_in_a_line(
    options: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    assert main(["compare-extractors", "--out", str(tmp_path), *options]) == 2
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_file_lies_with_the_assets() -> None:
    assert quality.FILE == paths.ASSETS / "extractors.json"
