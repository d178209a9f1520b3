"""What one step of Gradient Canceling costs beyond its matrix products: `.venv/bin/python -m benchmarks.canceling`."""

import os
import statistics
import time
from collections.abc import Callable

import torch

from benchmarks import report
from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.gradient_canceling import ADAM_STEP, Canceling
from core.heads import logistic as head
from core.system.tables import markdown_table

N, D, C, M = 50_000, 512, 10, 1_500
REPEATS = 300


def main() -> None:
    """Time whole steps and bare products in turn, so that a busy machine weighs on both."""
    torch.set_num_threads(os.cpu_count() or 1)
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(N, D, generator=generator) * 3 / D**0.5
    problem = head.HeadProblem(head.with_ones(z), torch.randint(0, C, (N,), generator=generator), C, 1e-3)
    theta = torch.randn(C, D + 1, generator=generator, dtype=torch.float64)
    start = time.perf_counter()
    canceling = Canceling.prepare(problem, theta, torch.randint(0, C, (M,), generator=generator))
    constant = time.perf_counter() - start
    low, high = z.amin(0).double(), z.amax(0).double()
    descent = Ascent(z[:M].double(), ADAM_STEP, 100 * REPEATS, lambda zeta: torch.clamp(zeta, low, high, out=zeta))
    direction = torch.empty_like(descent.x)

    def step() -> None:
        residual, _ = canceling.residual(descent.x, direction)
        float(residual.norm())
        descent.step(direction)

    zeta, p, pair = descent.x.clone(), torch.rand(M, C).double(), torch.rand(M, 2 * C).double()
    other, both = torch.randn_like(theta)[:, :-1], torch.randn(2 * C, D).double()

    def products() -> None:
        zeta @ theta[:, :-1].T  # logits
        p.T @ zeta  # the residual
        zeta @ other.T  # its product with the features
        pair @ both  # the gradient in the features

    for run in (step, products):
        run()
    seconds: dict[str, list[float]] = {"step": [], "products": []}
    for _ in range(REPEATS):
        for name, run in (("step", step), ("products", products)):
            seconds[name].append(_timed(run))
    whole, bare = (1e3 * statistics.median(seconds[name]) for name in ("step", "products"))
    rows = [[f"{bare:.2f}", f"{whole:.2f}", f"{whole / bare:.2f}", f"{1e3 * constant:.0f}"]]
    header = ["Its four matrix products, ms", "A whole step, ms", "Ratio", "The constant clean term, once, ms"]
    shape = f"{N:,} clean points, {M:,} poisoned samples, {D} features, {C} classes, float64"
    text = f"{markdown_table(header, rows)}\n\n{shape}; medians of {REPEATS}. On {report.machine()}. {report.load()}"
    report.write("canceling", text, {"machine": report.machine(), "seconds": seconds})
    print(text)


def _timed(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
