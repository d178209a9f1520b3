"""Seconds of each stage of the default experiment, with cold and with warm caches: `python -m benchmarks.timing`.

Each run is a process of its own, as a person's first run is, imports and all.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks import report
from core import paths
from core.events import STAGES


def measure(device: str, home: Path) -> dict[str, float]:
    """Seconds of each stage of one run, and in all, with the caches in `home`."""
    out = home / "run"
    command = [sys.executable, "-m", "core", "run", "--quiet", "--device", device, "--out", str(out)]
    began = time.perf_counter()
    subprocess.run(command, check=True, cwd=paths.ROOT, env=paths.environment(home), stdout=subprocess.DEVNULL)
    total = time.perf_counter() - began
    seconds: dict[str, float] = json.loads((out / "result.json").read_text())["seconds"]
    return {**seconds, "total": total}


def main() -> None:
    """Measure on the CPU and, where there is one, on the GPU; write benchmarks/README.md and timing.json."""
    measured = {}
    for device in ("cpu", "cuda"):
        if device == "cuda" and not torch.cuda.is_available():
            continue
        with tempfile.TemporaryDirectory() as folder:
            for state in ("cold", "warm"):
                measured[f"{device}, {state}"] = measure(device, Path(folder))
    columns = ["cpu, cold", "cpu, warm", "cuda, cold", "cuda, warm"]
    words = {**STAGES, "total": "**In all, imports included**"}
    rows = [
        [words[stage], *(f"{measured[c][stage]:.1f}" if c in measured else "not measured" for c in columns)]
        for stage in words
        if any(stage in seconds for seconds in measured.values())
    ]
    text = f"{report.table(['Seconds', *columns], rows)}\n\nOn {report.machine()}."
    report.write("timing", text, {"machine": report.machine(), "seconds": measured})
    print(text)


if __name__ == "__main__":
    main()
