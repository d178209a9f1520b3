"""Writes that are killed leave no half result, and what they leave goes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from core.storage.runs import Store
from core.system.paths import ROOT
from tests.fakes import tiny_result, tiny_spec


def test_leftovers_of_killed_writes_go_after_an_hour(store: Store) -> None:
    old, young = store.root / ".0123456789abcdef.a", store.root / ".0123456789abcdef.b"
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (time.time() - 3700,) * 2)
    Store(store.root, shipped=None)
    assert not old.exists()
    assert young.exists()


WRITER = """
import sys, time
from pathlib import Path
import core.experiments.run_folder
from core.storage.runs import Store
from tests.fakes import tiny_result, tiny_spec

written = core.experiments.run_folder.write_json
def stall(path, value):
    if path.name == sys.argv[2]:
        print("half-way", flush=True)
        time.sleep(60)
    written(path, value)
core.experiments.run_folder.write_json = stall
Store(Path(sys.argv[1]), shipped=None).put(tiny_result(tiny_spec()))
"""


@pytest.mark.parametrize("at", ["result.json", "manifest.json"])
def test_a_killed_write_leaves_no_half_result(store: Store, at: str) -> None:
    spec = tiny_spec()
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.root), at],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"half-way\n"
        process.send_signal(signal.SIGKILL)
    assert list(store.root.glob(".*/poison.npz")), "the write had begun"
    assert spec.hash not in store
    assert store.get(spec.hash) is None
    assert store.list() == []
    assert store.put(tiny_result(spec)).features()
