"""Fuzzing by atheris: `pip install -r requirements-fuzz.txt`, then

    python -m tests.fuzz TARGET [OPTIONS OF LIBFUZZER]   until it crashes, or -runs or -max_total_time end it
    python -m tests.fuzz all -runs=100000                every target so often; crashes are kept, and counted

Half of the inputs are those of libFuzzer, the other half sound ones of which a few bytes are others.
`all` prints for each target how many inputs it had, which part of a sample of them passed the first check of the
parser, which lines were reached, and the crashes.
"""

import hashlib
import importlib.util
import json
import os
import random
import string
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

SAMPLE = 500
"""Inputs of a target that are kept to look at what they reach, drawn from all with equal chances."""
MOST_OF_CORPUS = 1000
"""Inputs by which the fuzzer reached something new that are looked at, too, the latest first."""
CRASHES = Path("fuzz-crashes")
KINDS = (
    b"0123456789",
    string.ascii_lowercase.encode(),
    string.ascii_uppercase.encode(),
    bytes([*range(32), *range(127, 256)]),
)
"""Bytes of which one may stand for another."""
_OF_IMAGES = ("PIL", "zipfile")
PARSERS = {"spec": ("pydantic", "json"), "images": _OF_IMAGES, "image": _OF_IMAGES, "pixels": _OF_IMAGES}
"""Libraries whose branches guide the fuzzer, too, by target; each makes all inputs slower."""
RECORD = "--record="
"""The option by which `all` tells the process of a target where to keep its record."""


class Recorder:
    """A target that counts its inputs, keeps a sample of them, and survives crashes.

    Args:
        target: to run.
        past: returns how many inputs have passed the first check; None where the target does not count them.
        folder: for the sample, the counts and the inputs that crash.
    """

    def __init__(self, target: Callable[[bytes], None], past: Callable[[], int | None], folder: Path) -> None:
        self._target = target
        self._past = past
        self._folder = folder
        self._inputs = 0
        self._crashes: dict[str, str] = {}
        self._random = random.Random(0)

    def __call__(self, data: bytes) -> None:
        """Run the target."""
        self._inputs += 1
        place = self._inputs - 1 if self._inputs <= SAMPLE else self._random.randrange(self._inputs)
        if place < SAMPLE:
            (self._folder / "sample" / str(place)).write_bytes(data)
        try:
            self._target(data)
        except Exception as error:
            self._keep(data, error)
        # The fuzzer ends the process without a word; a file that is written now and then is all that is left.
        if self._inputs % 100 == 0:
            self.write()

    def write(self) -> None:
        """Write the counts."""
        counts = {"inputs": self._inputs, "past": self._past(), "crashes": self._crashes}
        (self._folder / "counts.json").write_text(json.dumps(counts))

    def _keep(self, data: bytes, error: Exception) -> None:
        """Keep the first input that crashes at a line."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} at {last.filename}:{last.lineno}"
        if where not in self._crashes:
            path = CRASHES / hashlib.sha256(data).hexdigest()[:16]
            CRASHES.mkdir(exist_ok=True)
            path.write_bytes(data)
            self._crashes[where] = f"{error}"[:200] + f" ({path})"
            self.write()


def slightly_changed(sound: Sequence[bytes], rng: random.Random) -> bytes:
    """Sound input of which a few characters are others of their kind, so that most of it passes the first checks.

    Args:
        sound: inputs to choose from.
        rng: what is random.
    """
    content = bytearray(rng.choice(sound))
    for _ in range(rng.randint(1, 4) if content else 0):
        place = rng.randrange(len(content))
        kinds = [kind for kind in KINDS if content[place] in kind]
        if kinds:  # else it is punctuation
            content[place] = rng.choice(kinds[0])
    return bytes(content)


def fuzz(name: str, options: list[str], folder: Path | None = None) -> None:
    """Fuzz a target; the fuzzer ends the process.

    Args:
        name: of the target.
        options: of libFuzzer.
        folder: where to keep a record; without one, the first crash ends it.
    """
    import atheris
    import torch  # before: its code would take long to instrument

    torch.set_num_threads(1)  # tensors are small
    with atheris.instrument_imports(include=["core", "pages", *PARSERS.get(name, ())]):
        # Not before: what is imported already is not instrumented.
        from tests.fuzz.targets import REACHED, TARGETS, seeds
    if name not in TARGETS:
        sys.exit(f"Which target? all, {', '.join(TARGETS)}. For example: python -m tests.fuzz spec -max_total_time=60")

    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as scratch:
        os.environ["POISON_LAB_HOME"] = home
        corpus = Path(scratch) if folder is None else folder / "corpus"
        corpus.mkdir(exist_ok=True)
        sound = seeds(name)
        for i, data in enumerate(sound):
            (corpus / str(i)).write_bytes(data)
        target = TARGETS[name] if folder is None else Recorder(TARGETS[name], lambda: REACHED.get(name), folder)

        def mutate(data: bytes, max_size: int, seed: int) -> bytes:
            rng = random.Random(seed)
            return atheris.Mutate(data, max_size) if rng.random() < 0.5 else slightly_changed(sound, rng)[:max_size]

        atheris.Setup([sys.argv[0], *options, str(corpus)], target, custom_mutator=mutate)
        atheris.Fuzz()


def report(name: str, options: list[str]) -> bool:
    """Fuzz a target in a process of its own, and print what its inputs reached; returns whether nothing crashed."""
    from tests.fuzz.report import reach
    from tests.fuzz.targets import TARGETS

    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as home:
        folder = Path(scratch)
        (folder / "sample").mkdir()
        command = [sys.executable, "-m", "tests.fuzz", name, f"{RECORD}{folder}", *options]
        begun = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begun
        counts = json.loads((folder / "counts.json").read_text()) if (folder / "counts.json").exists() else {}
        os.environ["POISON_LAB_HOME"] = home
        corpus = sorted((folder / "corpus").iterdir(), key=lambda path: -path.stat().st_mtime)[:MOST_OF_CORPUS]
        contents = [[path.read_bytes() for path in paths] for paths in ((folder / "sample").iterdir(), corpus)]
        result = reach(TARGETS[name], *contents)
    inputs, past = counts.get("inputs", 0), counts.get("past")
    passed = f"{result.past / max(1, result.inputs):.0%}, by a sample," if past is None else f"{past / inputs:.0%}"
    print(
        f"{name}: {inputs:,} inputs in {seconds:,.0f} s; {passed} pass the first check; "
        f"{sum(result.reached.values()):,} of {sum(result.lines.values()):,} lines reached; "
        f"{len(counts.get('crashes', {}))} crashes",
        flush=True,
    )
    print("\n".join(result.as_text()))
    for where, words in counts.get("crashes", {}).items():
        print(f"  CRASH {where}: {words}")
    if done.returncode:
        print(f"  The fuzzer ended with {done.returncode}: {done.stderr[-2000:]}")
    return not counts.get("crashes") and not done.returncode


def main(arguments: list[str]) -> None:
    """Read the command line."""
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is not installed: pip install -r requirements-fuzz.txt")
    name = arguments[0] if arguments else ""
    options = [text for text in arguments[1:] if not text.startswith(RECORD)]
    if name == "all":
        from tests.fuzz.targets import TARGETS

        sound = [report(each, options) for each in TARGETS]
        sys.exit(0 if all(sound) else 1)
    folders = [Path(text.removeprefix(RECORD)) for text in arguments[1:] if text.startswith(RECORD)]
    fuzz(name, options, folders[0] if folders else None)


if __name__ == "__main__":
    main(sys.argv[1:])
