"""What this machine computes with: cores, memory, GPUs, open files, and whether a device gives right numbers."""

import os
import subprocess

import psutil

from core.cli.checks import software
from core.cli.checks.check import Check
from core.system import retention

FEW_FILES = 1024
"""Open files below which a server with many visitors, each with two connections, can run out."""
_SMI_SECONDS = 20
_SMI = ("nvidia-smi", "--query-gpu=name,memory.total,memory.used,driver_version", "--format=csv,noheader,nounits")


def processor() -> Check:
    """Cores and memory, those of a container where it has limits."""
    memory = psutil.virtual_memory()
    limit = min(memory.total, _memory_limit() or memory.total)
    cores = os.cpu_count() or 1
    text = (
        f"{_of(_usable_cores() or cores, cores)} core{'' if cores == 1 else 's'}, {retention.format_size(limit)} memory"
    )
    if limit < memory.total:
        text += f" of {retention.format_size(memory.total)}"
    return Check("Processor", "ok", f"{text}, {retention.format_size(memory.available)} of it free on the machine")


def _of(usable: int, there: int) -> str:
    return str(there) if usable == there else f"{usable} of {there}"


def _usable_cores() -> int | None:
    """Cores that processes may use here, as dask counts them; None without dask."""
    try:
        from dask.system import CPU_COUNT
    except Exception:  # whatever is wrong with it, `software.packages` or a run says so
        return None
    return int(CPU_COUNT)


def _memory_limit() -> int | None:
    """Bytes that processes may take here, as dask reads them of the container; None without dask."""
    try:
        from distributed.system import MEMORY_LIMIT
    except Exception:  # see above
        return None
    return int(MEMORY_LIMIT)


def gpus() -> list[str]:
    """NVIDIA's GPUs with their memory and driver, as the driver lists them; empty where there is none."""
    try:
        done = subprocess.run(_SMI, capture_output=True, text=True, timeout=_SMI_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode != 0:
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]
    return [
        f"{name}, {total} MiB, {used} MiB of it taken, driver {driver}"
        for name, total, used, driver in (row for row in rows if len(row) == 4)
    ]


def devices() -> list[Check]:
    """The GPUs, and a tiny computation on each device that torch sees; torch is imported here and not before."""
    listed = gpus()
    try:
        import torch

        from core.system import device
    except Exception as error:  # a broken installation fails in many ways
        text = f"torch can't be imported ({type(error).__name__}: {error})"
        return [Check("Compute", "fault", text, f"Install it again: {software.install()}")]
    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    faults = {name: fault for name in ("cpu", *(f"cuda:{i}" for i in range(seen))) if (fault := _fault_of(name))}
    right = [name for name in ("cpu", *(f"cuda:{i}" for i in range(seen))) if name not in faults]
    checks = [_gpus(listed, seen, torch.version.cuda)]
    if right:
        used = f"runs use {device.choose('auto').type}"
        checks.append(Check("Compute", "ok", f"a product and its gradient are right on {', '.join(right)}; {used}"))
    for name, fault in faults.items():
        remedy = "Compare the driver with torch's version of CUDA, or compute on the CPU (--device cpu)."
        if name == "cpu":
            remedy = f"This processor may lack what torch is built for, or torch is damaged: {software.install()}"
        checks.append(Check("Compute", "fault", f"on {name}, {fault}", remedy))
    return checks


def _gpus(listed: list[str], seen: int, cuda: str | None) -> Check:
    """The GPUs of the machine, and whether torch sees them."""
    if not listed and not seen:
        return Check("GPU", "ok", "none: runs compute on the CPU")
    built = f"torch is built for {'CUDA ' + cuda if cuda else 'the CPU alone'}"
    text = f"{'; '.join(listed) or 'nvidia-smi says nothing'}; {built} and sees {seen}"
    if seen >= len(listed):
        return Check("GPU", "ok", text)
    remedy = (
        "Install torch for CUDA, a driver that it knows, or see CUDA_VISIBLE_DEVICES; else runs compute on the CPU."
    )
    return Check("GPU", "warning", text, remedy)


def _fault_of(name: str) -> str | None:
    """What is wrong with a small computation on a device; None where nothing is."""
    import torch

    try:
        # The gradient of the sum of squares of A @ B by A is 2 (A @ B) @ B.T: whole numbers, which floats hold exactly.
        left = torch.arange(12, dtype=torch.float64, device=name).reshape(3, 4).requires_grad_()
        right = torch.arange(8, dtype=torch.float64, device=name).reshape(4, 2)
        product = left @ right
        (gradient,) = torch.autograd.grad(product.square().sum(), left)
        numbers = [product.detach().cpu().tolist(), gradient.cpu().tolist()]
    except Exception as error:  # torch raises many kinds
        return f"a small computation fails ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
    a = [[4 * i + j for j in range(4)] for i in range(3)]
    b = [[2 * i + j for j in range(2)] for i in range(4)]
    ab = [[sum(x * b[k][j] for k, x in enumerate(row)) for j in range(2)] for row in a]
    by_hand = [[2 * sum(row[j] * b[k][j] for j in range(2)) for k in range(4)] for row in ab]
    return None if numbers == [ab, by_hand] else "a small computation gives wrong numbers"


def open_files() -> Check:
    """How many files and connections a process may hold open."""
    limit = _soft_limit()
    if limit is None:
        return Check("Open files", "ok", "no limit that is known of")
    text = f"at most {limit:,} at a time in a process"
    if limit >= FEW_FILES:
        return Check("Open files", "ok", text)
    return Check("Open files", "warning", text, f"Before a server for many people: ulimit -n {4 * FEW_FILES}.")


def _soft_limit() -> int | None:
    """The soft limit of open files; None where there is none, as on Windows."""
    try:
        import resource
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def device_name() -> str:
    """The device on which runs compute, as results name it; "none" where torch is missing or broken."""
    try:
        from core.system import device
    except Exception:  # `devices` says what is wrong
        return "none"
    return device.describe(device.choose("auto"))
