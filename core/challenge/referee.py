"""Has submissions judged by the engine's workers: every server looks for what is pending, and a lock says who does it.

Nothing is kept in memory that the folder does not have, so that a server which starts again goes on where it was.
"""

import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from core.challenge.folder import Challenge, all_challenges
from core.challenge.submissions import Submission, pending
from core.challenge.verdicts import Verdict, opponents, verdict_of
from core.serving.engine import Engine, get_engine
from core.serving.job import Job
from core.serving.messages import Work
from core.system import locks
from core.system.errors import EngineError, PoisonLabError

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks for submissions."""
FAILURES = 3
"""How often a submission may fail without a verdict, as when its worker dies, before it gets one that says so."""


@dataclass
class Claim:
    """A submission that this server has judged: the lock tells others, and ends with this process."""

    lock: int
    job: Job


@dataclass
class Referee:
    """Looks for what is pending in all challenges, and has it judged. One for each server.

    Attributes:
        claims: what this server has in flight, by code and id.
        failures: how often judging ended without a verdict.
    """

    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    failures: dict[tuple[str, str], int] = field(default_factory=dict)

    def look(self, engine: Engine) -> int:
        """Send what is pending to the engine, once; gives how many submissions are still in flight or waiting."""
        waiting = 0
        for challenge in all_challenges():
            for entry in pending(challenge):
                waiting += 1
                with suppress(PoisonLabError):
                    self._send(engine, challenge, entry)
        self._settle()
        return waiting

    def _send(self, engine: Engine, challenge: Challenge, entry: Submission) -> None:
        key = (challenge.code, entry.id)
        if key in self.claims or opponents(challenge, entry) is None:
            return
        path = challenge.path("submissions", entry.id)
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR)
        try:
            if not _is_free(lock) or verdict_of(challenge, entry.id) is not None:  # another server judges it, or has
                os.close(lock)
                return
            work = Work(
                f"challenge-{challenge.code}-{entry.id}",
                "core.challenge.judging:judge",
                key,
                lambda: challenge.read("verdicts", entry.id) is not None,
            )
            spec = challenge.rules.experiment
            if entry.kind == "attack":
                spec = challenge.rules.spec_of(entry.attack or {}, entry.evade)
            self.claims[key] = Claim(lock, engine.submit_work(work, spec, f"{challenge.code}-{entry.person}"))
        except EngineError:  # too many are in flight: at the next look
            os.close(lock)
            raise
        except PoisonLabError as error:  # settings that are not possible any more, e.g. of a plug-in
            os.close(lock)
            challenge.write("verdicts", entry.id, Verdict(entry.id, "failed", str(error)).to_json())

    def _settle(self) -> None:
        """Let go of what has ended; what ends without a verdict again and again gets one that says so."""
        for key, claim in list(self.claims.items()):
            if not claim.job.finished:
                continue
            code, submission = key
            with suppress(PoisonLabError):
                challenge = next(other for other in all_challenges() if other.code == code)
                if verdict_of(challenge, submission) is None:
                    self.failures[key] = self.failures.get(key, 0) + 1
                    log.warning("Judging %s ended without a verdict: %s", submission, claim.job.status().error)
                    if self.failures[key] >= FAILURES:
                        reason = claim.job.status().error or "It could not be judged."
                        challenge.write("verdicts", submission, Verdict(submission, "failed", reason).to_json())
            os.close(claim.lock)
            del self.claims[key]


def _is_free(lock: int) -> bool:
    """Acquire the lock of an open file unless another server has it; without locks, one server alone is still safe."""
    try:
        locks.lock(lock, wait=False)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


_started = threading.Lock()
_thread: threading.Thread | None = None


def start() -> None:
    """Let a thread of this server look for submissions, from now on; a no-op if one does."""
    global _thread
    with _started:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_look_on, name="referee", daemon=True)
            _thread.start()


def _look_on() -> None:
    referee = Referee()
    while True:
        try:
            if any(pending(challenge) for challenge in all_challenges()) or referee.claims:
                referee.look(get_engine())
        except Exception:  # the next look may succeed, as when the disk is full
            log.exception("Submissions can't be looked for")
        time.sleep(LOOK_SECONDS)
