"""The report: that it holds everything itself, says what the run says, and lets nothing of a person's text act."""

import math
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.attacks.registry import RECORDS
from core.catalog import choices
from core.catalog.descriptions import describe
from core.defences.registry import RECORDS as DEFENCES
from core.experiments.result import Result
from core.presentation import export, report
from core.spec.experiment import parse_spec
from core.spec.registry import ATTACKS
from core.storage.runs import Store, StoredRun
from core.system.errors import StoreError
from core.system.paths import ROOT
from tests.drawn import drawn_result
from tests.fakes import tiny_result, tiny_spec


class Page(HTMLParser):
    """Every tag with its attributes, and the text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._silent = 0
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def put(folder: Path, result: Result) -> StoredRun:
    return Store(folder / "results", shipped=None).put(result)


@pytest.fixture
def run(tmp_path: Path) -> StoredRun:
    return put(tmp_path, drawn_result(tiny_spec()))


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_every_attack_has_a_report(attack: str, tmp_path: Path) -> None:
    run = put(tmp_path, drawn_result(tiny_spec(attack=attack)))
    page = Page(report.report(run))
    assert "80.0 %" in page.text
    assert "60.0 %" in page.text
    assert "20.0" in page.text
    assert RECORDS[attack].title in page.text
    assert ("makes feature vectors, not images" in page.text) == (not RECORDS[attack].makes_images)
    assert ("What the budget can reach" in page.text) == (attack == "gc-feature")
    assert not re.search(r"\bNone\b|\bnan\b|Undefined|\{\w+", page.text.split("The settings")[0])


def test_report_asks_the_network_for_nothing(run: StoredRun) -> None:
    html = report.report(run)
    page = Page(html)
    for attributes in (attributes for _, attributes in page.tags):
        for name in ("src", "href"):
            assert re.match(r"data:|#", attributes.get(name) or "#"), attributes
    assert not page.all("link")
    policy = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert len(policy) == 1
    assert "default-src 'none'" in str(policy[0])
    assert html.count("* plotly.js v") == 1, "plotly.js is there once"


def test_sections_link_to_what_is_there(run: StoredRun) -> None:
    page = Page(report.report(run))
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert {str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")} <= ids


def test_report_says_how_to_do_it_again(run: StoredRun) -> None:
    page = Page(report.report(run))
    assert export.command(run.spec) in page.text
    assert " ".join(export.spec_json(run.spec).split()) in page.text
    assert " ".join(export.bibtex(run.spec).split()) in page.text
    saved = {str(a.get("download")) for a in page.all("a") if a.get("download")}
    assert saved == {f"poison-lab-{run.hash}{end}" for end in ("-spec.json", "-points.csv", ".bib")}
    for word in ("torch ", "plotly ", "Python ", "Seed", "cpu", "arXiv 1708.07747", "MIT"):
        assert word in page.text


def test_versions_are_those_of_the_run(tmp_path: Path) -> None:
    result = drawn_result(tiny_spec())
    assert "versions that were not recorded" in Page(report.report(put(tmp_path, result))).text
    page = Page(report.report(put(tmp_path, replace(result, versions={"torch": "1.2.3"}))))
    assert "Computed by torch 1.2.3" in page.text.replace("Computed bytorch", "Computed by torch")


def test_same_run_gives_the_same_report(run: StoredRun) -> None:
    assert report.report(run) == report.report(run)


def test_images_are_capped_and_described(tmp_path: Path) -> None:
    many = choices.resolve(parse_spec({"train_size": 100, "test_size": 20, "budget": 0.3}))
    run = put(tmp_path, drawn_result(many))
    page = Page(report.report(run))
    shown = page.all("img")
    assert len(shown) == report.MOST_IMAGES
    assert all(image["alt"] and str(image["src"]).startswith("data:image/png;base64,") for image in shown)
    assert "Shown: 24 of 30, those whose features moved farthest first." in page.text
    assert "Poison 29: " in str(shown[0]["alt"]), "the farthest moved comes first"


def test_few_images_are_all_shown(tmp_path: Path) -> None:
    result = drawn_result(tiny_spec())
    unmoved = {**result.view, "shift": np.zeros(2, np.float32)}
    page = Page(report.report(put(tmp_path, replace(result, view=unmoved))))
    assert "All 2 are shown, in the order of the data." in page.text
    assert [str(image["alt"])[:8] for image in page.all("img")] == ["Poison 0", "Poison 1"]


def test_text_that_somebody_brought_does_not_act(tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    result = drawn_result(tiny_spec())
    run = put(tmp_path, replace(result, classes=[evil, *result.classes[1:]]))
    html = report.report(run)
    assert evil not in html
    assert "<img src=x" not in html
    assert evil in Page(html).text


def test_a_run_without_a_map_says_so(tmp_path: Path) -> None:
    run = put(tmp_path, tiny_result(tiny_spec()))
    with pytest.raises(StoreError, match="without a map"):
        report.report(run)


def summary(**values: Any) -> dict[str, Any]:
    return {**drawn_result(tiny_spec()).summary(), **values}


def score(accuracy: float) -> dict[str, Any]:
    return {"accuracy": accuracy, "per_class": [accuracy] * 10}


@pytest.mark.parametrize(
    ("m", "attack", "poisoned", "words"),
    [
        (60, "ft-matching", 0.7, "60 poisoned images cost a classifier of Fashion-MNIST 10.0 points of accuracy"),
        (1, "ft-matching", 0.7, "1 poisoned image costs a classifier of Fashion-MNIST 10.0 points of accuracy"),
        (1200, "gc-feature", 0.8, "1,200 poisoned feature vectors cost a classifier of Fashion-MNIST no accuracy"),
        (2, "label-flip", 0.85, "2 poisoned images cost a classifier of Fashion-MNIST no accuracy"),
    ],
)
def test_headline_says_what_happened(m: int, attack: str, poisoned: float, words: str) -> None:
    result = summary(n_poison=m, clean=score(0.8), poisoned=score(poisoned))
    assert report.headline(result, tiny_spec(attack=attack)) == words


@pytest.mark.parametrize(("n_test", "proves_little"), [(100, True), (10_000, False)])
def test_a_drop_is_compared_with_chance(n_test: int, proves_little: bool) -> None:
    result = summary(n_test=n_test, clean=score(0.8), poisoned=score(0.75))
    last = report.findings(result, tiny_spec())[-1]
    error = 100 * math.sqrt((0.8 * 0.2 + 0.75 * 0.25) / n_test)
    assert f"standard error is {error:.1f} points" in last
    assert ("proves little" in last) == proves_little


@pytest.mark.parametrize(("lost", "gained", "proves_little"), [(30, 10, False), (12, 8, True)])
def test_images_that_are_lost_and_gained_are_counted(lost: int, gained: int, proves_little: bool) -> None:
    poisoned = {**score(0.8 - (lost - gained) / 1000), "lost": lost, "gained": gained}
    counts, last = report.findings(summary(n_test=1000, clean=score(0.8), poisoned=poisoned), tiny_spec())[-2:]
    assert counts.startswith(f"Of 1,000 test images, {lost} that were right are now wrong, and {gained} that")
    assert ("proves little" in last) == proves_little


def test_findings_name_the_class_that_is_hit_hardest() -> None:
    per_class = [0.8] * 9 + [0.2]
    result = summary(clean=score(0.8), poisoned={"accuracy": float(np.mean(per_class)), "per_class": per_class})
    assert "Hardest hit is Ankle boot, from 80.0 % to 20.0 %." in report.findings(result, tiny_spec())


def test_tiles_show_a_dash_where_the_attack_has_no_such_head() -> None:
    values = {tile["label"]: tile["value"] for tile in report.tiles(summary(target=None))}
    assert values == {"Clean": "80.0 %", "Target": "—", "Stage 2": "50.0 %", "Poisoned": "60.0 %", "Drop": "20.0"}


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ({"attack": "label-flip"}, ["Copy training images"]),
        ({"attack": {"name": "gc-feature", "target": "search"}}, ["several radii", "cancel the gradient"]),
        ({"attack": {"name": "gc-input", "target": "gradpc", "radius": 2}}, ["at radius 2", "pixels"]),
        ({"attack": {"name": "ft-matching", "finish_steps": 0}}, ["errs as much as possible", "for 30 steps"]),
        ({"attack": {"name": "ft-donor", "stage2": "gc"}}, ["GradPC", "cancel the gradient", "as it is"]),
        (
            {"attack": {"name": "ft-decoder", "finish_steps": 7}},
            ["most harm as", "decoder", "for 7 more steps"],
        ),
        ({"attack": "ft-donor", "label_rule": "random"}, ["drawn at random", "nearest"]),
    ],
)
def test_method_tells_the_steps_that_were_run(values: dict[str, Any], steps: list[str]) -> None:
    told = describe(choices.resolve(parse_spec(values))).report_steps
    assert len(told) == len(steps)
    assert all(words in step for words, step in zip(steps, told, strict=True)), told


def test_method_tells_how_the_poison_is_scored() -> None:
    for values, words in (
        ({}, "rounded to the 8 bits"),
        ({"attack": "noise", "constraint": "none"}, "not as 8-bit files"),
        ({"attack": "tgda-feature"}, "feature vectors are added"),
    ):
        spec = choices.resolve(parse_spec(values))
        assert any(words in sentence for sentence in report.measurement(summary(), spec))


def test_perturbation_is_told_in_grey_levels() -> None:
    spec = choices.resolve(parse_spec({"constraint": "perturbation", "delta": 4 / 255}))
    assert any("δ = 4/255" in sentence for _, sentence in report.threat_model(spec))


def test_a_defence_that_the_attacker_expects_is_told() -> None:
    spec = choices.resolve(parse_spec({"evade": "svd"}))
    (told,) = (words for heading, words in report.threat_model(spec) if "SVD residual" in heading)
    assert DEFENCES["svd"].words in told
    assert "SVD residual" in choices.words(spec)
    assert not any("defence" in heading for heading, _ in report.threat_model(choices.resolve(parse_spec({}))))


def test_data_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    spec = tiny_spec().model_copy(update={"data": "upload:pets-0123456789abcdef"})
    assert report.sources(spec)[0] == {
        "kind": "Data",
        "title": "upload:pets-0123456789abcdef",
        "source": "No longer here",
        "licence": "unknown",
    }
    assert report.headline(summary(), spec).endswith("upload:pets-0123456789abcdef 20.0 points of accuracy")


def test_accuracy_won_is_no_loss() -> None:
    result = summary(clean=score(0.6), poisoned=score(0.7))
    assert not any("Hardest" in sentence for sentence in report.findings(result, tiny_spec()))
    assert [row["lost"] for row in report.classes(result)] == pytest.approx([-10.0] * 10)


def test_report_needs_no_streamlit() -> None:
    code = "import sys; import core.presentation.report; sys.exit('streamlit' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
