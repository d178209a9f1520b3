"""`python -m tests.fuzz TARGET [OPTIONS OF LIBFUZZER]`, by atheris: pip install -r requirements-fuzz.txt."""

import os
import sys
import tempfile

import atheris

with atheris.instrument_imports(include=["core", "pages", "PIL", "zipfile", "pydantic", "json"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"Which target? {', '.join(TARGETS)}. For example: python -m tests.fuzz spec -max_total_time=60")
    target = TARGETS[sys.argv.pop(1)]
    with tempfile.TemporaryDirectory() as home:
        os.environ["POISON_LAB_HOME"] = home
        atheris.Setup(sys.argv, target)
        atheris.Fuzz()
