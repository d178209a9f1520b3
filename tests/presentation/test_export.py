"""What people take away from a run: that it says what the run's own arrays say, and that it reproduces the run."""

import io
import json
import re
import shlex
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core import __version__
from core.attacks.registry import RECORDS
from core.catalog import choices
from core.presentation import export
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.registry import ATTACKS
from core.storage.runs import Store, StoredRun
from core.system.errors import PoisonLabError, SpecError, StoreError
from core.system.versions import versions
from tests.drawn import drawn_result
from tests.fakes import tiny_result, tiny_spec

COLUMNS = [
    *("row", "label", "class", "base_index", "base_label", "base_class", "shift", "gap", "pixel_change"),
    *("map_base_x", "map_base_y", "map_poison_x", "map_poison_y", "map_stage2_x", "map_stage2_y"),
]
EXPERIMENTS: list[dict[str, Any]] = [
    {},
    {"attack": "label-flip", "constraint": "perturbation", "delta": 4 / 255},
    {"attack": {"name": "gc-feature", "target": "gradpc", "radius": 2.5}, "ridge": 1e-4},
    {"data": "emoji", "extractor": "efficientnet-lite0-random", "input_size": 128, "train_size": 90, "test_size": 60},
]


def stored(folder: Path, attack: str = "ft-matching", gap: bool = False) -> StoredRun:
    result = drawn_result(tiny_spec(attack=attack))
    if gap:
        assert result.plot is not None
        result = replace(result, plot=replace(result.plot, gap=np.array([0.5, 0.75], np.float32)))
    return Store(folder / "results", shipped=None).put(result)


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_every_table_has_the_same_columns_and_a_line_for_each_poison(attack: str, tmp_path: Path) -> None:
    run = stored(tmp_path, attack)
    table = export.table(run)
    assert list(table.columns) == COLUMNS
    assert len(table) == run.spec.n_poison
    feature_only = not RECORDS[attack].makes_images
    assert table["pixel_change"].isna().all() == feature_only
    assert table["map_stage2_x"].isna().all() == ("stage2" not in [stage.name for stage in RECORDS[attack].stages])


def test_table_says_what_the_arrays_say(tmp_path: Path) -> None:
    run = stored(tmp_path, gap=True)
    table, plot, poison = export.table(run), run.plot(), run.poison()
    assert plot is not None
    classes = run.summary.classes
    np.testing.assert_array_equal(table["label"], poison["y"])
    np.testing.assert_array_equal(table["base_index"], poison["base_index"])
    assert list(table["class"]) == [classes[y] for y in poison["y"]]
    assert list(table["base_class"]) == [classes[y] for y in plot.base_y]
    np.testing.assert_array_equal(table["shift"], plot.shift)
    assert list(table["gap"]) == [0.5, 0.75]
    np.testing.assert_allclose(table["pixel_change"], 10 / 255, rtol=1e-6)
    for name, xy in (("base", plot.base_xy), ("poison", plot.poison_xy), ("stage2", plot.stage2_xy)):
        np.testing.assert_array_equal(table[[f"map_{name}_x", f"map_{name}_y"]], xy)
    np.testing.assert_array_equal(plot.train_xy[table["base_index"]], table[["map_base_x", "map_base_y"]])


def test_both_files_hold_the_table(tmp_path: Path) -> None:
    run = stored(tmp_path, gap=True)
    for suffix, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        again = read(io.BytesIO(export.table_file(run, suffix)))
        pd.testing.assert_frame_equal(again, export.table(run), check_dtype=False)
    assert pd.read_parquet(io.BytesIO(export.table_file(run, ".parquet")))["shift"].dtype == np.float32


def test_spreadsheets_see_no_formula_in_names_of_classes(tmp_path: Path) -> None:
    names = ["=1+1", "@sum", "+1", "-1", "\tx", "a=b", "sneaker", "", "'quoted", "ünï"]
    result = replace(drawn_result(parse_spec({"train_size": 100, "test_size": 20, "budget": 0.3})), classes=names)
    run = Store(tmp_path / "results", shipped=None).put(result)
    safe = {*(f"'{name}" for name in names[:5]), *names[5:]}
    read = {"keep_default_na": False, "dtype": {"class": str, "base_class": str}}
    table = pd.read_csv(io.BytesIO(export.table_file(run, ".csv")), **read)
    labels = pd.read_csv(run.folder / "poison" / "labels.csv", **read)
    assert set(table["class"]) | set(table["base_class"]) == safe
    assert set(labels["class"]) <= safe
    assert set(pd.read_parquet(io.BytesIO(export.table_file(run, ".parquet")))["class"]) <= set(names)


@pytest.mark.parametrize("suffix", [".xlsx", "", ".CSV"])
def test_another_kind_of_table_is_refused(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"\.csv or \.parquet"):
        export.table_file(stored(tmp_path), suffix)


def test_a_run_without_a_map_says_so(tmp_path: Path) -> None:
    run = Store(tmp_path, shipped=None).put(replace(tiny_result(tiny_spec()), plot=None))
    with pytest.raises(StoreError, match="without a map"):
        export.table(run)


def test_archive_holds_every_image_and_the_labels(tmp_path: Path) -> None:
    run = stored(tmp_path)
    with zipfile.ZipFile(io.BytesIO(export.images_zip(run))) as archive:
        names = archive.namelist()
        labels = archive.read(f"poison-{run.hash}/labels.csv")
    assert names == [f"poison-{run.hash}/{name}" for name in ("00000.png", "00001.png", "labels.csv")]
    assert labels == (run.folder / "poison" / "labels.csv").read_bytes()
    assert export.images_zip(run) == export.images_zip(run)


def test_features_have_no_archive_of_images(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="makes feature vectors"):
        export.images_zip(stored(tmp_path, "tgda-feature"))


@pytest.mark.parametrize("values", EXPERIMENTS)
def test_spec_file_gives_the_same_experiment(values: dict[str, Any], tmp_path: Path) -> None:
    spec = choices.resolve(parse_spec(values))
    file = tmp_path / "spec.json"
    file.write_text(export.spec_json(spec))
    assert export.read_spec(file) == spec


def test_result_of_a_run_is_a_spec_file_too(tmp_path: Path) -> None:
    run = stored(tmp_path)
    assert export.read_spec(run.folder / "result.json") == run.spec


BAD_FILES = {
    "no JSON": ("{", "not JSON"),
    "no text": (b"\xff\xfe\x00\xd8", "not JSON"),
    "too deep": ("[" * 100_000, "not JSON"),
    "a list": ("[1]", "not a JSON object"),
    "a list as spec": ('{"spec": [1]}', "not a JSON object"),
    "something else": ('{"colour": "red"}', "names no data"),
    "an empty object": ("{}", "names no data"),
    "an unknown field": ('{"data": "mnist", "colour": "red"}', "'colour'"),
    "an unknown attack": ('{"data": "mnist", "attack": "magic"}', "'magic'"),
    "a strange attack": ('{"data": "mnist", "attack": ["magic"]}', "attack"),
    "a bad value": ('{"data": "mnist", "budget": 7}', "at most 1"),
    "no number": ('{"data": "mnist", "budget": NaN}', "budget"),
    "an impossible choice": ('{"data": "mnist", "attack": "label-flip", "label_rule": "clean"}', "flips nothing"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_spec_file_is_refused_in_words(case: str, tmp_path: Path) -> None:
    content, words = BAD_FILES[case]
    file = tmp_path / "spec.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PoisonLabError, match=re.escape(words)):
        export.read_spec(file)


def test_a_missing_spec_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.json", tmp_path):
        with pytest.raises(SpecError, match=re.escape(str(path))):
            export.read_spec(path)


def test_command_quotes_what_a_shell_would_split() -> None:
    spec = ExperimentSpec(data="image-folder:My pets & more")
    words = shlex.split(export.command(spec))
    assert words[words.index("--data") + 1] == "image-folder:My pets & more"


def test_citations_are_of_the_paper_and_of_this_version() -> None:
    spec = tiny_spec()
    text = export.bibtex(spec)
    assert "Indiscriminate Data Poisoning Attacks on Pre-trained Feature Extractors" in text
    assert re.findall(r"^@(\w+)\{", text, re.M) == ["inproceedings", "misc"]
    assert text.count("{") == text.count("}")
    version = versions()["Poison Lab"]
    assert f"Version {version}, experiment {spec.hash}" in text
    assert version == __version__, "of which the package is built, too"


def test_spec_file_is_json_that_people_can_read() -> None:
    text = export.spec_json(tiny_spec())
    assert json.loads(text)["attack"]["name"] == "ft-matching"
    assert text.count("\n") > 10
