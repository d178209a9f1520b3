"""Freed memory is kept while something computes, and given back after it: in processes of their own."""

import os
import platform
import subprocess
import sys

import pytest

from core.system import paths

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc"),
]

BLOCK, ROUNDS = 16 * 2**20, 10
PAGES = BLOCK // os.sysconf("SC_PAGESIZE")
AS_DASK_STARTS_WORKERS = {"MALLOC_TRIM_THRESHOLD_": "65536"}
SCRIPT = f"""
import ctypes, resource
from core.system import allocator

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p

def use(size):
    block = library.malloc(ctypes.c_size_t(size))
    library.memset(ctypes.c_void_p(block), 1, ctypes.c_size_t(size))
    library.free(ctypes.c_void_p(block))

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range({ROUNDS}):
        use({BLOCK})
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

returned = faults()
START
kept, held = faults(), resident()
allocator.give_back()
print(returned, kept, held - resident())
"""
STARTS = {
    "a command": "from core.system.device import use_all_cores; use_all_cores()",
    "a worker": "from types import SimpleNamespace as One; from core.serving import worker\n"
    "worker.prepare(One(metrics={}), 'text')",
}


@pytest.mark.parametrize("start", STARTS)
def test_freed_memory_is_kept_until_it_is_given_back(start: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("START", STARTS[start])],
        cwd=paths.ROOT,
        env={**os.environ, **AS_DASK_STARTS_WORKERS},
        capture_output=True,
        text=True,
        check=True,
    )
    returned, kept, given_back = map(int, done.stdout.split())
    assert returned >= ROUNDS * PAGES, "what this is about: each block was new memory"
    assert kept < 2 * PAGES, "one block, used again and again"
    assert given_back > 0.9 * PAGES
