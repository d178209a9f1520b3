"""The report: that it holds everything itself, says what the run says, and lets nothing of a person's text act."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from core.attacks.registry import RECORDS
from core.catalog import choices
from core.experiments.result import Result
from core.presentation import embedding, export, report, report_sections
from core.spec.experiment import parse_spec
from core.spec.registry import ATTACKS
from core.storage.runs import Store, StoredRun
from core.system.errors import StoreError
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
    assert ("Reachability of the target" in page.text) == (attack == "gc-feature")
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


def test_report_carries_what_verify_needs(run: StoredRun, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(report.report(run), "utf-8")
    stated = embedding.read_run(page)
    assert stated is not None
    assert parse_spec(stated["spec"]).hash == stated["hash"] == run.hash
    assert (stated["clean"], stated["poisoned"]) == (run.summary.clean.accuracy, run.summary.poisoned.accuracy)


def test_same_run_gives_the_same_report(run: StoredRun) -> None:
    assert report.report(run) == report.report(run)


def test_images_are_capped_and_described(tmp_path: Path) -> None:
    many = choices.resolve(parse_spec({"train_size": 100, "test_size": 20, "budget": 0.3}))
    run = put(tmp_path, drawn_result(many))
    page = Page(report.report(run))
    shown = page.all("img")
    assert len(shown) == report_sections.MAX_IMAGES
    assert all(image["alt"] and str(image["src"]).startswith("data:image/png;base64,") for image in shown)
    assert "Shown: 24 of 30, largest shift in feature space first." in page.text
    assert "Poisoned sample 29: " in str(shown[0]["alt"]), "the farthest moved comes first"


def test_few_images_are_all_shown(tmp_path: Path) -> None:
    result = drawn_result(tiny_spec())
    assert result.plot is not None
    unmoved = replace(result.plot, shift=np.zeros(2, np.float32))
    page = Page(report.report(put(tmp_path, replace(result, plot=unmoved))))
    assert "All 2 are shown, in the original order." in page.text
    assert [str(image["alt"]).split(":")[0] for image in page.all("img")] == ["Poisoned sample 0", "Poisoned sample 1"]


def test_one_image_is_no_list_and_no_class_loses_minus_nothing(tmp_path: Path) -> None:
    one = choices.resolve(parse_spec({"train_size": 40, "test_size": 20, "budget": 0.01}))
    page = Page(report.report(put(tmp_path, drawn_result(one, clean=0.5, poisoned=0.5 + 1e-9))))
    assert "The only one is shown." in page.text
    assert "-0.0" not in page.text
    assert "1 poisoned image costs" in page.text


def test_text_that_somebody_brought_does_not_act(tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    result = drawn_result(tiny_spec())
    run = put(tmp_path, replace(result, classes=[evil, *result.classes[1:]]))
    html = report.report(run)
    assert evil not in html
    assert "<img src=x" not in html
    assert evil in Page(html).text


def test_what_was_assumed_is_a_part_of_the_method(run: StoredRun, tmp_path: Path) -> None:
    heading = "Assumed of the data and the extractor"
    assert heading not in Page(report.report(run)).text
    remarked = put(
        tmp_path / "remarked", replace(drawn_result(tiny_spec()), remarks=("<b>12</b> heads.", "Raw weights."))
    )
    text = Page(report.report(remarked)).text
    assert heading in text
    assert "<b>12</b> heads." in text
    assert "Raw weights." in text


def test_a_run_without_a_map_says_so(tmp_path: Path) -> None:
    run = put(tmp_path, replace(tiny_result(tiny_spec()), plot=None))
    with pytest.raises(StoreError, match="without a map"):
        report.report(run)
