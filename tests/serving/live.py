"""What tests of a live engine look for."""

import time
from pathlib import Path

from core.serving.job import Job


def let_the_scheduler_hear_of_it() -> None:
    time.sleep(0.3)


def running(job: Job) -> bool:
    return job.status().state == "running" and job.status().done > 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
