"""`python -m tests.fuzz TARGET [OPTIONS OF LIBFUZZER]`, by atheris: pip install -r requirements-fuzz.txt."""

import os
import sys
import tempfile
from pathlib import Path

import atheris
import torch

with atheris.instrument_imports(include=["core", "pages", "PIL", "zipfile", "pydantic", "json"]):
    from tests.fuzz.targets import TARGETS, seeds

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"Which target? {', '.join(TARGETS)}. For example: python -m tests.fuzz spec -max_total_time=60")
    name = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as corpus:
        os.environ["POISON_LAB_HOME"] = home
        for i, sound in enumerate(seeds(name)):
            (Path(corpus) / str(i)).write_bytes(sound)
        torch.set_num_threads(1)  # tensors are small
        atheris.Setup([*sys.argv, corpus], TARGETS[name])
        atheris.Fuzz()
