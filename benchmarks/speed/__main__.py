"""Measure parts, or all, on the CPU and, where there is one, on the GPU, and write benchmarks/README.md.

.venv/bin/python -m benchmarks.speed [PART...]
"""

import argparse
import json
import os
import time
from dataclasses import asdict

import torch

from benchmarks import report
from benchmarks.speed import canceling, growth, head, heads, matching, placing, roofline
from core.system import finite_json

PARTS = {
    "head": head,
    "heads": heads,
    "canceling": canceling,
    "matching": matching,
    "placing": placing,
    "growth": growth,
    "roofline": roofline,
}


def main() -> None:
    """Measure part by part."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works; prints only")
    arguments = parser.parse_args()
    if unknown := [part for part in arguments.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; allowed: {', '.join(PARTS)}.")
    torch.set_num_threads(os.cpu_count() or 1)
    machine, load = report.machine(), report.load()
    devices, gpu = [torch.device("cpu")], "No GPU at hand: its column is empty."
    if torch.cuda.is_available():
        devices.append(torch.device("cuda"))
        gpu = f"GPU: {torch.cuda.get_device_name()}."
    for name in arguments.parts or PARTS:
        part, start = PARTS[name], time.perf_counter()
        results = {place.type: part.rows(place, quick=arguments.quick) for place in devices}
        text = f"{part.text(results)}\n\nMedians of rounds in turn. {gpu} {load} On {machine}."
        print(f"{name}, {time.perf_counter() - start:.0f} s\n\n{text}\n", flush=True)
        if not arguments.quick:
            values = json.loads(finite_json.dumps(results, default=asdict))
            report.write(f"speed/{name}", text, {"machine": machine, "load": load, "found": values})


if __name__ == "__main__":
    main()
