"""Whether a run may be asked for now: the limits of a server, each refused in a sentence with its number."""

from core.system.errors import EngineError
from core.system.settings import Limits


def check_limits(limits: Limits, *, person: str, of_person: int, of_all: int, expected: float) -> None:
    """Refuse a run that is beyond a limit.

    Args:
        limits: of the server.
        person: who asks; "" has no limit of their own.
        of_person, of_all: runs in flight of that person, and of all.
        expected: seconds that the run is expected to take.

    Raises:
        EngineError: there are too many runs in flight, or this one would take too long.
    """
    if person and of_person >= limits.person_runs:
        raise EngineError(
            f"You have {of_person} runs in flight, at most {limits.person_runs} are allowed; wait for some "
            "to end or cancel them."
        )
    if of_all >= limits.all_runs:
        raise EngineError(
            f"{of_all:,} runs are in flight on this server, at most {limits.all_runs:,} are allowed; wait for some "
            "to end."
        )
    if expected > limits.run_seconds:
        raise EngineError(
            f"This run is expected to take {expected:,.0f} s on this machine, at most {limits.run_seconds:,.0f} s "
            "are allowed here; choose fewer images, steps or poisons, or run it from the command line."
        )
