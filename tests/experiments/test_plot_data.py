"""What is drawn of a run: read as it was written, by this version or an earlier one."""

import io
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from core.experiments.plot_data import REQUIRED, PlotData
from core.experiments.run_folder import write_npz
from core.system.paths import GALLERY
from tests.drawn import drawn_result
from tests.fakes import tiny_spec

SHIPPED = sorted(path.parent.name for path in GALLERY.glob("*/view.npz"))


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_written_again_to_the_byte(name: str, tmp_path: Path) -> None:
    content = (GALLERY / name / "view.npz").read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        plot = PlotData.from_arrays({key: archive[key] for key in archive.files})
    assert plot is not None
    write_npz(tmp_path / "view.npz", plot.to_arrays())
    assert (tmp_path / "view.npz").read_bytes() == content


def test_arrays_of_an_earlier_version_leave_the_others_none() -> None:
    arrays = drawn_arrays()
    plot = PlotData.from_arrays({name: arrays[name] for name in REQUIRED})
    assert plot is not None
    assert not plot.has_points
    assert {field.name for field in fields(plot) if getattr(plot, field.name) is None} == {
        field.name for field in fields(plot)
    } - set(REQUIRED)


def test_arrays_of_a_later_version_are_left_out() -> None:
    assert PlotData.from_arrays({**drawn_arrays(), "new": np.zeros(3)}) is not None


@pytest.mark.parametrize("missing", ["train_xy", "base_x", "noise_floor"])
def test_a_run_without_a_map_has_no_plot(missing: str) -> None:
    assert PlotData.from_arrays({}) is None
    assert PlotData.from_arrays({name: array for name, array in drawn_arrays().items() if name != missing}) is None


def test_counts_are_those_of_the_arrays() -> None:
    plot = drawn_result(tiny_spec()).plot
    assert plot is not None
    assert (plot.n_clean, plot.n_poison, plot.makes_images) == (20, 2, True)
    assert not replace(plot, poison_x=None).makes_images


def drawn_arrays() -> dict[str, np.ndarray]:
    plot = drawn_result(tiny_spec()).plot
    assert plot is not None
    return plot.to_arrays()
