"""What freed memory that goes back to the system costs a network's passes: `python -m benchmarks.allocator`.

Forward and backward passes of the small ResNet-10 on 250 images of 28 x 28 pixels, as attacks on pixels do them, each
way in a process of its own: as the C library starts, as dask starts its workers, and as `core` has it
(core/system/allocator.py).
"""

import json
import os
import statistics
import subprocess
import sys

from benchmarks import report
from core.system.tables import markdown_table

ROUNDS = 3
WAYS = {
    "as the C library starts": ({}, ""),
    "as dask starts workers": ({"MALLOC_TRIM_THRESHOLD_": "65536"}, ""),
    "kept, as `core` has it": ({"MALLOC_TRIM_THRESHOLD_": "65536"}, "allocator.keep_freed()"),
}
"""Environment variables, and what is called, by the row's name."""
CODE = """
import json, resource, time, torch
from core.catalog.lookup import extractor_info
from core.extractors.build import build
from core.system import allocator

net = build(extractor_info("resnet10-small-fashion-mnist"), 28, torch.device("cpu"))
images = torch.rand(250, 1, 28, 28)
def one_pass():
    net(images.clone().requires_grad_()).sum().backward()
{start}
for _ in range(3):
    one_pass()
before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
for _ in range(10):
    one_pass()
seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([100 * seconds, 100 * (after.ru_stime - before.ru_stime), (after.ru_minflt - before.ru_minflt) / 10]))
"""


def measure(way: str) -> list[float]:
    """Milliseconds of a pass, those of them in the system, and pages that it had cleared."""
    environment, start = WAYS[way]
    command = [sys.executable, "-c", CODE.replace("{start}", start)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    values: list[float] = json.loads(done.stdout)
    return values


def main() -> None:
    """Measure in turns and write benchmarks/README.md and allocator.json."""
    load = report.load()
    rounds = [{way: measure(way) for way in WAYS} for _ in range(ROUNDS)]
    values = {
        way: [statistics.median(column) for column in zip(*(one[way] for one in rounds), strict=True)] for way in WAYS
    }
    rows = [[way, f"{of[0]:.0f}", f"{of[1]:.0f}", f"{of[2]:,.0f}"] for way, of in values.items()]
    header = ["Freed memory", "A pass, ms", "of it in the system, ms", "Pages cleared"]
    text = f"{markdown_table(header, rows)}\n\nMedians of {ROUNDS} rounds in turn. On {report.machine()}. {load}"
    report.write("allocator", text, {"machine": report.machine(), "rounds": rounds})
    print(text)


if __name__ == "__main__":
    main()
