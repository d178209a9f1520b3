"""Audits of data that they were not made for: many and uneven classes, domains, images that somebody brings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.audit.audit import conduct
from core.audit.folder import read_report
from core.audit.plan import Plan, make_plan
from core.catalog.choices import resolve
from core.cli.main import main
from core.spec import defaults
from core.spec.experiment import parse_spec


def brief(values: dict[str, Any], attacks: tuple[str, ...] = ("flips", "tgda-feature")) -> Plan:
    """The plan of an audit at the reference budget with one seed, and nothing that has to evade."""
    base = resolve(parse_spec({**values, defaults.KEY: defaults.CURRENT}))
    whole = make_plan(base, 60)
    cells = tuple(
        cell
        for cell in whole.cells
        if cell.attack in attacks and cell.spec.budget == 0.03 and cell.spec.seed == 0 and not cell.is_evaded
    )
    return Plan(whole.base, cells, (0.03,), (0,), attacks, 1.0, whole.left_out)


def gaussian(path: Path, counts: list[int], distance: float) -> str:
    """Synthetic Gaussian features with so many training points of each class, and half as many test points."""
    rng = np.random.default_rng(0)
    centres = distance * np.eye(len(counts), 24)
    parts: dict[str, Any] = {}
    for part, share in (("train", 1.0), ("test", 0.5)):
        y = np.repeat(np.arange(len(counts)), [max(2, int(share * count)) for count in counts])
        parts[f"{part}_features"] = centres[y] + rng.normal(size=(len(y), 24))
        parts[f"{part}_labels"] = y
    np.savez(path, **parts)
    return f"features:{path}"


@pytest.mark.parametrize("counts", [[30] * 12, [240, 60, 20, 8, 5]], ids=["twelve classes", "uneven classes"])
def test_many_and_uneven_classes(counts: list[int], tmp_path: Path) -> None:
    name = gaussian(tmp_path / "a.npz", counts, 4.0)
    plan = brief({"data": name, "train_size": sum(counts), "test_size": sum(max(2, count // 2) for count in counts)})
    content = conduct(plan, tmp_path / "audit")
    assert content["measured"] == content["planned"] == len(plan.cells) == 3
    assert len(content["classes"]) == len(content["attacks"][0]["class_drops"]) == len(counts)
    assert sum(content["dirt"]["issues_by_class"]) == content["dirt"]["n_issues"]
    assert len(content["defences"]) >= 9
    uneven = max(counts) > 2 * min(counts)
    assert ("balanced" in content["verdict"]) == uneven


def test_domains_of_emoji(tmp_path: Path) -> None:
    values = {"data": "emoji", "train_domain": "google", "test_domain": "twitter", "train_size": 60, "test_size": 40}
    plan = brief({**values, "extractor": "resnet10-small-mnist"}, ("flips",))
    assert {(cell.spec.train_domain, cell.spec.test_domain) for cell in plan.cells} == {("google", "twitter")}
    content = conduct(plan, tmp_path)
    assert read_report(tmp_path)["subject"][0].endswith("(google → twitter)")
    assert content["n_train"] == 60


def test_the_command_takes_domains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["audit", "--data", "emoji", "--train-domain", "google", "--test-domain", "nowhere", "--plan"]
    assert main([*arguments, "--out", str(tmp_path / "a")]) != 0
    assert "nowhere" in capsys.readouterr().err


def test_a_folder_of_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label, name in enumerate(("rings", "stripes")):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for i in range(50):
            pixels = rng.integers(0, 90, (32, 40, 3), dtype=np.uint8)
            if label:
                pixels[:: 4 + i % 3] += 150
            else:
                y, x = np.mgrid[:32, :40]
                pixels[np.abs(np.hypot(y - 16, x - 20) - 6 - i % 8) < 2] += 150
            Image.fromarray(pixels).save(folder / f"{i}.png")
    name = f"image-folder:{tmp_path / 'pictures'}"
    plan = brief(
        {"data": name, "extractor": "resnet10-small-fashion-mnist", "train_size": 60, "test_size": 20}, ("flips",)
    )
    content = conduct(plan, tmp_path / "audit")
    assert content["classes"] == ["rings", "stripes"]
    assert content["clean"] > 0.8
    assert "rings" in (tmp_path / "audit" / "audit.html").read_text()
