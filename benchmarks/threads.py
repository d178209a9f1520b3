"""What waiting threads cost on a busy machine: `python -m benchmarks.threads`.

Several processes at once do the products of a head's Newton step, as worker processes and a server that share
a machine do: once with threads that spin while they wait, once with threads that sleep (as `core` sets it).
"""

import os
import subprocess
import sys

from benchmarks import report
from core.system.tables import markdown_table

PROCESSES = (1, 3)
CODE = """
import time, torch
torch.set_num_threads({threads})
z, w = torch.randn(2060, 1281, dtype=torch.float64), torch.randn(1281, 10, dtype=torch.float64)
def product():
    u = z @ w
    return torch.softmax(u, 1).T @ z
for _ in range(20):
    product()
start = time.perf_counter()
for _ in range(200):
    product()
print((time.perf_counter() - start) / 200)
"""


def measure(policy: str, processes: int) -> float:
    """Mean milliseconds of a product in `processes` processes at once."""
    code = CODE.format(threads=os.cpu_count())
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_WAIT_POLICY": policy},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    return 1000 * sum(float(process.communicate()[0]) for process in running) / processes


def main() -> None:
    """Measure and write benchmarks/README.md and threads.json."""
    values = {policy: {n: measure(policy, n) for n in PROCESSES} for policy in ("active", "passive")}
    rows = [[policy, *(f"{values[policy][n]:.1f}" for n in PROCESSES)] for policy in values]
    header = ["Milliseconds a product", *(f"{n} at once" for n in PROCESSES)]
    text = f"{markdown_table(header, rows)}\n\nOn {report.machine()}. {report.load()}"
    report.write("threads", text, {"machine": report.machine(), "milliseconds": values})
    print(text)


if __name__ == "__main__":
    main()
