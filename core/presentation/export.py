"""Exports of a finished run: table, images, spec, command line and citation."""

import io
import json
import shlex
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.catalog.choices import resolve
from core.data.registry import is_user_supplied
from core.experiments.plot_data import PlotData
from core.spec import defaults
from core.spec.experiment import ExperimentSpec, parse_spec
from core.storage.runs import StoredRun
from core.system import finite_json
from core.system.arrays import Array
from core.system.errors import SpecError, StoreError
from core.system.files import spreadsheet_text
from core.system.versions import versions

TABLE_SUFFIXES = (".csv", ".parquet")
PAPER = """@inproceedings{lu2024indiscriminate,
  title         = {Indiscriminate Data Poisoning Attacks on Pre-trained Feature Extractors},
  author        = {Lu, Yiwei and Yang, Matthew Y. R. and Kamath, Gautam and Yu, Yaoliang},
  booktitle     = {IEEE Conference on Secure and Trustworthy Machine Learning (SaTML)},
  year          = {2024},
  eprint        = {2402.12626},
  archiveprefix = {arXiv},
}
"""
LAB = """@misc{poisonlab,
  title  = {{Poison Lab}: indiscriminate data poisoning of pre-trained feature extractors},
  author = {{Poison Lab authors}},
  year   = {2026},
  note   = {Version VERSION, experiment HASH},
}
"""


def table(run: StoredRun) -> pd.DataFrame:
    """One row per poisoned sample, in the order of `poison.npz`.

    All runs have the same columns; values that an attack does not have are missing:

        row                         its row in poison.npz; its image is poison/{row:05d}.png
        label, class                number and name of its label
        base_index                  row of its base point in the training set
        base_label, base_class      number and name of the base point's label
        shift                       distance from base to poison in feature space
        gap                         ‖f(x) - ζ‖ / ‖ζ‖, inversion gap of the image to its stage 2 feature
        pixel_change                largest change of a pixel from the base image, in [0, 1], of 8-bit images
        map_base_x, map_base_y      the base point on the map, in map units
        map_poison_x, map_poison_y  the poison on the map
        map_stage2_x, map_stage2_y  its stage 2 feature on the map

    Raises:
        StoreError: the run's arrays are missing or damaged.
    """
    plot, classes = require_plot(run), np.array(run.summary.classes)
    m = plot.n_poison
    nothing = np.full(m, np.nan, np.float32)
    columns: dict[str, Any] = {
        "row": np.arange(m),
        "label": plot.poison_y,
        "class": classes[plot.poison_y],
        "base_index": plot.base_index,
        "base_label": plot.base_y,
        "base_class": classes[plot.base_y],
        "shift": plot.shift,
        "gap": nothing if plot.gap is None else plot.gap,
        "pixel_change": nothing if plot.poison_x is None else _pixel_change(plot.base_x, plot.poison_x),
    }
    stage2_xy = np.column_stack([nothing, nothing]) if plot.stage2_xy is None else plot.stage2_xy
    for name, xy in (("base", plot.base_xy), ("poison", plot.poison_xy), ("stage2", stage2_xy)):
        columns |= {f"map_{name}_x": xy[:, 0], f"map_{name}_y": xy[:, 1]}
    return pd.DataFrame(columns)


def require_plot(run: StoredRun) -> PlotData:
    """The arrays of a run's figures.

    Raises:
        StoreError: they are missing or damaged, or the run has no map.
    """
    plot = run.plot()
    if plot is None:
        raise StoreError(f"Run {run.hash} was made without a map; run the experiment again to have it.")
    return plot


def _pixel_change(base: Array, poison: Array) -> Array:
    """Largest change of a pixel (m,), in [0, 1], between images (m, C, H, W) uint8."""
    change = np.abs(poison.astype(np.int16) - base).reshape(len(base), -1).max(axis=1)
    return np.asarray(change / 255, np.float32)


def table_file(run: StoredRun, suffix: str) -> bytes:
    """The table as a file.

    In CSV, class names are escaped by `spreadsheet_text`.

    Args:
        suffix: one of `TABLE_SUFFIXES`.

    Raises:
        SpecError: unknown suffix.
        StoreError: see `table`.
    """
    if suffix not in TABLE_SUFFIXES:
        raise SpecError(f"A table is a {' or '.join(TABLE_SUFFIXES)} file; got {suffix or 'no suffix'!r}.")
    if suffix == ".csv":
        lines = table(run)
        for name in ("class", "base_class"):
            lines[name] = lines[name].map(spreadsheet_text)
        return str(lines.to_csv(index=False, lineterminator="\n")).encode()
    return bytes(table(run).to_parquet(index=False))


def images_zip(run: StoredRun) -> bytes:
    """A zip of the poisoned images as PNG files, with labels.csv.

    Raises:
        StoreError: the attack makes no images, or a file is missing or damaged.
    """
    names = [f"poison/{path.name}" for path in run.images()]
    if not names:
        raise StoreError(f"Run {run.hash} has no images: its attack makes feature vectors.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in [*names, "poison/labels.csv"]:
            # The time stamp is fixed: same run, same bytes.
            archive.writestr(zipfile.ZipInfo(f"poison-{run.hash}/{Path(name).name}"), run.file(name))
    return buffer.getvalue()


def spec_json(spec: ExperimentSpec) -> str:
    """The experiment as JSON, for `read_spec` and `python -m core run --spec`."""
    return finite_json.dumps(spec.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"


def read_spec(path: Path) -> ExperimentSpec:
    """Read and validate the experiment in a file of `spec_json`, or in a result.json.

    Raises:
        SpecError: the file can't be read, is not a JSON object, or does not describe an experiment.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SpecError(f"The spec {path} can't be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise SpecError(f"The spec {path} is not JSON; give a spec as the lab exports it, or a result.json.") from error
    if isinstance(values, Mapping) and "spec" in values:
        values = values["spec"]
    if not isinstance(values, Mapping):
        raise SpecError(f"The spec {path} is not a JSON object; give a spec as the lab exports it, or a result.json.")
    if "data" not in values:
        # Every field has a default, so that an unrelated object would be taken for the default experiment.
        raise SpecError(f"The spec {path} names no data; give a spec as the lab exports it, or a result.json.")
    return resolve(parse_spec(values))


def command(spec: ExperimentSpec) -> str:
    """The command line of this experiment, without default values but with their version.

    Paths of plug-ins are private: they are replaced by FILE-OF-NAME.py.
    """
    default = ExperimentSpec()
    arguments = ["python", "-m", "core", "run", "--out", f"runs/{spec.hash}", "--defaults", str(defaults.CURRENT)]
    for name in ExperimentSpec.model_fields:
        value = getattr(spec, name)
        if name == "attack":
            parameters = spec.attack.model_dump(exclude={"name"})
            defaults_of_attack = type(spec.attack)().model_dump()
            arguments += ["--attack", spec.attack.name]
            for key, value in parameters.items():
                if value != defaults_of_attack.get(key):  # defaults of a plug-in that is not installed are unknown
                    arguments += ["--set", f"{key}={value}"]
        elif name == "plugins":
            for plugin, _ in spec.plugins:
                arguments += ["--plugin", f"FILE-OF-{plugin}.py"]
        elif name == "side" and not is_user_supplied(spec.data):
            continue  # it has no effect
        elif value is not None and value != getattr(default, name):
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(arguments)


def bibtex(spec: ExperimentSpec) -> str:
    """BibTeX entries for the paper and for Poison Lab, with its version and the experiment's hash."""
    return PAPER + "\n" + LAB.replace("VERSION", versions()["Poison Lab"]).replace("HASH", spec.hash)
