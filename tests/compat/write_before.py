"""Write what a person has of version 0.1.0: a home folder, a run's folder, links, and the interface of that version.

The tests in `test_before.py` open these with the version of today. They are written once, by the code of the version
itself, and never again: what they hold is what people hold.

    git worktree add ../before v0.1.0   # the last commit of that version
    cd ../before && OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python .../tests/compat/write_before.py .../tests/compat

results-0.1.0.tar.xz    home/, as a server left it (see `write_home`), and run/, as `core run --out` wrote it
links-0.1.0.json        links, each with the page, the hash of the experiment that it meant, and the view of the page
interface-0.1.0.json    commands with their options, environment variables, the keys of result.json, hashes that ship,
                        what the runs above answered, and the machine that computed them

All runs are tiny: 44 images of 28 x 28 pixels, and 34 of 8 x 8 that were uploaded. One archive packs all, since equal
features of several runs take room once in it.
"""

# ruff: noqa: I001 (modules of before are none of this version)
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

VERSION = "0.1.0"
sys.path.insert(0, os.getcwd())
SMALL = {"train_size": 24, "test_size": 20, "budget": 0.15}
RUNS: dict[str, dict[str, Any]] = {
    "label-flip": {"attack": "label-flip"},
    "ft-matching": {
        "attack": {"name": "ft-matching", "steps": 3, "match_steps": 3, "finish_steps": 2},
        "constraint": "perturbation",
        "delta": 16 / 255,
    },
    "gc-feature": {"attack": {"name": "gc-feature", "target": "gradpc", "steps": 20}},
    "evading": {"attack": {"name": "tgda-feature", "steps": 3}, "evade": "sphere"},
    "damaged": {"attack": "noise", "label_rule": "random"},
    "set aside": {"attack": "label-flip", "label_rule": "random"},
}
INTERRUPTED = {**SMALL, "attack": "noise", "seed": 3}
CHAINS = (["sphere"], ["knn", "loss:share=0.1"])
PARTITIONS = 5
OWNER = "browser:somebody"
LINKS: list[tuple[str, dict[str, str]]] = [
    ("lab", {}),
    ("lab", {"attack": "label-flip", "labels": "random", "budget": "12.5", "seed": "7"}),
    ("lab", {"data": "emoji", "from": "google", "to": "twitter", "extractor": "efficientnet-lite0-imagenet"}),
    ("lab", {"data": "mnist", "extractor": "resnet10-small-mnist", "train": "500", "test": "300", "ridge": "0.01"}),
    ("lab", {"extractor": "efficientnet-lite0-imagenet", "px": "224"}),
    ("lab", {"constraint": "perturbation", "delta": "4", "evade": "slab"}),
    ("lab", {"attack": "tgda-feature", "constraint": "none", "labels": "random"}),
    ("lab", {"labels": "clean"}),
    ("lab", {"attack": "noise", "evade": "loss"}),
    ("lab", {"attack": "tgda-input", "steps": "5", "lr": "0.02"}),
    ("lab", {"attack": "gc-input", "target": "gradpc", "radius": "2", "steps": "7", "lr": "0.05"}),
    ("lab", {"attack": "ue-input", "steps": "9", "constraint": "perturbation", "delta": "16"}),
    ("lab", {"attack": "tgda-feature", "steps": "12", "lr": "0.5"}),
    ("lab", {"attack": "gc-feature", "target": "search", "steps": "90"}),
    ("lab", {"attack": "ft-matching", "stage2": "gc", "target": "gradpc", "radius": "4", "bases": "sample"}),
    ("lab", {"match_steps": "11", "restarts": "2", "beta": "0.01", "finish_steps": "0", "steps": "13", "lr": "0.1"}),
    ("lab", {"attack": "ft-decoder", "finish_steps": "5", "budget": "1"}),
    ("lab", {"attack": "ft-donor", "stage2": "gc"}),
    ("lab", {"attack": "label-flip", "lock": "attack,budget", "hide": "seed,ridge"}),
    ("lab", {"lock": "data"}),
    ("lessons", {"lesson": "gap", "step": "1", "answers": "0"}),
    ("lessons", {"lesson": "gap", "step": "2", "answers": "0", "done": "gap1.flips2"}),
    ("lessons", {"lesson": "gap", "budget": "5", "hide": "attack"}),
    ("features", {"attack": "label-flip", "map": "plane", "left": "Sandal", "right": "Coat", "colour": "loss"}),
    ("features", {"head": "clean", "moves": "off", "lasso": "3,7,2001", "pin": "5"}),
    ("features", {"attack": "label-flip", "seed": "9", "run": "RUN", "map": "pca", "lasso": "~LASSO", "page": "2"}),
    ("sweep", {"kind": "budget", "attacks": "noise,label-flip", "budgets": "5,20", "seeds": "2"}),
    ("sweep", {"attacks": "label-flip,tgda-feature", "budgets": "1,3,10", "turn": "label-flip", "at": "10"}),
    ("sweep", {"kind": "matrix", "attacks": "label-flip", "extractors": "resnet10-small-mnist", "budget": "10"}),
]
"""Every key of the sidebar, of locks, of lessons and of the pages' own views; `RUN` stands for a run that ships."""
PAGES = {
    "compare": "compare?runs=RUN,OTHER",
    "stages": "stages?run=FIRST&step=2",
    "defend": "defend?run=RUN&with=knn,loss&share=10",
    "present": "present?run=RUN&step=3",
}
"""Links to pages without a sidebar."""


def write_home(home: Path) -> dict[str, Any]:
    """A home folder: runs (sound, pinned, damaged, set aside) and what was made of them, uploads, an interrupted run.

    Returns:
        What a test has to know of it.
    """
    from core import certified, defended, uploads
    from core.catalog import resolve
    from core.cost import record
    from core.run import run
    from core.spec import parse_spec
    from core.store import Store

    store = Store(home / "results", shipped=None)
    images = uploads.add_images("My Pets.zip", _pictures(), OWNER)
    weights = uploads.add_weights("own", "", "mine.safetensors", _weights(), OWNER)
    specs = {name: resolve(parse_spec({**SMALL, **values})) for name, values in RUNS.items()}
    specs["uploaded"] = resolve(
        parse_spec({"data": images.name, "attack": "label-flip", "train_size": 20, "test_size": 10, "budget": 0.1})
    )
    for spec in specs.values():
        result = run(spec, device="cpu")
        store.put(result)
        record(result.summary())
    hashes = {name: spec.hash for name, spec in specs.items()}
    store.pin(hashes["gc-feature"])
    verdicts = [[hashes["label-flip"], chain] for chain in CHAINS]
    verdicts = [[*asked, defended.judge(str(store.root), *asked)] for asked in verdicts]
    certificate = certified.certify(str(store.root), hashes["label-flip"], PARTITIONS)
    _damage(store.root / hashes["set aside"])
    assert store.get(hashes["set aside"]) is None
    rows = [row.hash for row in store.list()]  # writes the index, in which the run that is damaged next still stands
    _damage(store.root / hashes["damaged"])
    # A server that is killed: its lock is let go of by the kernel, its note stays.
    killed = (
        "import json, os, sys; from pathlib import Path; from core.journal import Journal; from core.catalog import "
        "resolve; from core.spec import parse_spec\n"
        "Journal(Path(sys.argv[1])).begin(resolve(parse_spec(json.loads(sys.argv[2])))); os._exit(1)"
    )
    arguments = [sys.executable, "-c", killed, str(store.root), json.dumps(INTERRUPTED)]
    subprocess.run(arguments, env={**os.environ, "PYTHONPATH": os.getcwd()}, check=False)
    return {
        "runs": {name: {"hash": spec.hash, "spec": spec.model_dump(mode="json")} for name, spec in specs.items()},
        "listed": sorted(rows),
        "verdicts": verdicts,
        "certificate": {"hash": hashes["label-flip"], "partitions": PARTITIONS, "result": certificate},
        "interrupted": resolve(parse_spec(INTERRUPTED)).hash,
        "uploads": {
            "owner": OWNER,
            "images": images.name,
            "weights": weights.name,
            "of both": resolve(
                parse_spec({"data": images.name, "extractor": weights.name, "train_size": 20, "test_size": 10})
            ).hash,
        },
        "rates": json.loads((home / "rates.json").read_text()),
    }


def _damage(folder: Path) -> None:
    """Change a digit in a run's numbers."""
    path = folder / "result.json"
    content = path.read_text()
    path.write_text(content.replace('"seed": 0', '"seed": 9'))
    assert path.read_text() != content


def write_run(folder: Path) -> None:
    """A run's folder, by the command line."""
    words = "--attack label-flip --seed 0 --train-size 24 --test-size 20 --budget 0.2 --device cpu --quiet"
    command = [sys.executable, "-m", "core", "run", "--out", str(folder), *words.split()]
    subprocess.run(command, check=True)


def _pictures() -> io.BytesIO:
    """A zip of 17 pictures each of two classes, of 8 x 8 pixels."""
    import numpy as np
    from PIL import Image

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for kind, mean in (("cats", 60), ("dogs", 140)):
            for i in range(17):
                pixels = np.random.default_rng(mean + i).integers(mean - 40, mean + 60, (8, 8, 3), dtype=np.uint8)
                file = io.BytesIO()
                Image.fromarray(pixels).save(file, "PNG")
                archive.writestr(f"{kind}/{i}.png", file.getvalue())
    content.seek(0)
    return content


def _weights() -> io.BytesIO:
    """A weights file as `pretrain` writes it, of numbers that repeat, so that it packs to next to nothing."""
    import torch

    from core.pretraining.networks import network
    from core.pretraining.train import export

    model = network("resnet10-small")
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.sin(torch.arange(value.numel()) % 101.0).reshape(value.shape) / 10)
    about = {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": 28, "arch": "resnet10-small", "data": "mnist"}
    with tempfile.TemporaryDirectory() as folder:
        export(Path(folder) / "mine.safetensors", model, {**about, "method": "moco"})
        return io.BytesIO((Path(folder) / "mine.safetensors").read_bytes())


def links() -> list[dict[str, Any]]:
    """Every link with the experiment that it means, and the values of the page's own keys."""
    from streamlit.testing.v1 import AppTest

    from core.gallery import entries
    from pages._own import Rows

    run, other = (entry.spec for entry in entries()[4:6])
    hashes = {"RUN": run.hash, "OTHER": other.hash, "FIRST": entries()[0].spec.hash}
    lasso = Rows(run.train_size + run.n_poison, 2).text(list(range(0, 2000, 7)))
    read = []
    for page, link in LINKS:
        query = {key: text.replace("RUN", run.hash).replace("~LASSO", lasso) for key, text in link.items()}
        app = AppTest.from_file(str(Path("pages").resolve() / "shell.py"), default_timeout=120)
        app.switch_page(f"{page}.py")
        for key, text in query.items():
            app.query_params[key] = text
        app.run()
        assert not app.exception, (page, query, app.exception)
        state = app.session_state
        assert not state.problems, (page, query, state.problems)
        progress = state.progress
        read.append(
            {
                "page": page,
                "query": query,
                "hash": state.spec.hash,
                "locks": {"lock": state.locks.lock, "hide": state.locks.hide},
                "progress": {
                    "lesson": progress.lesson,
                    "step": progress.step,
                    "answers": {str(key): answer for key, answer in progress.answers.items()},
                    "done": dict(progress.done),
                },
                "own": {key: value for key, value in state.own_values.items() if key in query},
            }
        )
    plain = dict(PAGES)
    for word, spec_hash in hashes.items():
        plain = {page: text.replace(word, spec_hash) for page, text in plain.items()}
    return [*read, {"pages": plain}]


def interface() -> dict[str, Any]:
    """What else people rely on."""
    import numpy
    import torch
    from typer.main import get_command

    from core.__main__ import cli
    from core.spec import parse_spec

    commands = {
        name: sorted(option for parameter in command.params for option in (parameter.opts + parameter.secondary_opts))
        for name, command in get_command(cli).commands.items()  # type: ignore[attr-defined]
    }
    results = json.loads(Path("docs/results.json").read_text())
    assert all(parse_spec(entry["spec"]).hash == spec_hash for spec_hash, entry in results.items() if "spec" in entry)
    sources = [*Path("core").rglob("*.py"), *Path("pages").glob("*.py"), Path("app.py")]
    import re

    names = {name for path in sources for name in re.findall(r"POISON_LAB_[A-Z]+(?:_[A-Z]+)*", path.read_text())}
    return {
        "commands": commands,
        "environment": sorted(names),
        "gallery": sorted(path.name for path in Path("assets/gallery").iterdir()),
        "results": sorted(results),
        "machine": {
            "processor": platform.machine(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "python": platform.python_version(),
        },
    }


def main(target: Path) -> None:
    """Write all three files into a folder."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        os.environ["POISON_LAB_HOME"] = str(work / "home")
        known = write_home(work / "home")
        write_run(work / "run")
        for left in (work / "home").rglob("*.lock"):
            assert left.stat().st_size == 0
        shutil.rmtree(work / "home" / "cache" / "damaged", ignore_errors=True)
        with tarfile.open(target / f"results-{VERSION}.tar.xz", "w:xz", preset=9) as archive:
            for folder in ("home", "run"):
                archive.add(work / folder, folder, filter=_anonymous)
        os.environ["POISON_LAB_HOME"] = str(work / "empty")
        written = {f"links-{VERSION}.json": links(), f"interface-{VERSION}.json": {**interface(), "home": known}}
    for file, content in written.items():
        (target / file).write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
