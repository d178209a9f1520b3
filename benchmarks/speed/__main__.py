"""Measure parts, or all, and write benchmarks/README.md.

.venv/bin/python -m benchmarks.speed [--device cpu|cuda] [PART...]    # both devices by default, where there is a GPU

What was measured on the other device before, on this machine or another, stays in the tables.
"""

import argparse
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from pydantic import TypeAdapter

from benchmarks import report
from benchmarks.speed import canceling, growth, head, heads, matching, placing, roofline
from benchmarks.speed.measure import Row
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


RESULTS: dict[str, TypeAdapter[Any]] = {
    **dict.fromkeys(PARTS, TypeAdapter(list[Row])),
    "growth": TypeAdapter(growth.Timings),
    "roofline": TypeAdapter(roofline.DeviceResult),
}
"""What each part finds on a device, to read it from JSON."""


def stored(name: str) -> dict[str, Any]:
    """A part's JSON as it was written last, with what was found on each device as the part returned it."""
    document: dict[str, Any] = json.loads((report.FOLDER / "speed" / f"{name}.json").read_text())
    return {**document, "found": {key: RESULTS[name].validate_python(each) for key, each in document["found"].items()}}


def joined(name: str, found: Mapping[str, Any], machine: str, load: str) -> dict[str, Any]:
    """A part's document: what was found now, and on the other device before."""
    before = stored(name)
    ran = {"machine": machine, "load": load} if "cpu" in found else {key: before[key] for key in ("machine", "load")}
    gpu = f"{load} On {machine}." if "cuda" in found else before.get("gpu")
    return {**ran, "gpu": gpu, "found": {**before["found"], **found}}


def written(name: str, document: Mapping[str, Any]) -> str:
    """The text of a part's document."""
    gpu = f"GPU: {document['gpu']}" if document["gpu"] else "No GPU at hand: its column is empty."
    of_cpu = f"{document['load']} On {document['machine']}."
    return f"{PARTS[name].text(document['found'])}\n\nMedians of rounds in turn. {of_cpu} {gpu}"


def main() -> None:
    """Measure part by part."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    report.add_device(parser)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works; prints only")
    arguments = parser.parse_args()
    if unknown := [part for part in arguments.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; allowed: {', '.join(PARTS)}.")
    torch.set_num_threads(os.cpu_count() or 1)
    machine, load = report.machine(), report.load()
    devices = [torch.device(name) for name in report.devices(parser, arguments.device)]
    for name in arguments.parts or PARTS:
        part, start = PARTS[name], time.perf_counter()
        document = joined(
            name, {place.type: part.rows(place, quick=arguments.quick) for place in devices}, machine, load
        )
        text = written(name, document)
        print(f"{name}, {time.perf_counter() - start:.0f} s\n\n{text}\n", flush=True)
        if not arguments.quick:
            report.write(f"speed/{name}", text, json.loads(finite_json.dumps(document, default=asdict)))


if __name__ == "__main__":
    main()
