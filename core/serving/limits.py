"""The limits of a server on requested runs, with an error message for each."""

from core.system.errors import EngineError
from core.system.numbers import counted, named
from core.system.settings import Limits


def check_limits(limits: Limits, *, person: str, person_runs: int, all_runs: int, expected_seconds: float) -> None:
    """Reject a run that exceeds a limit.

    Args:
        limits: of the server.
        person: who requests it; "" has no personal limit.
        person_runs: runs in flight of that person.
        all_runs: all runs in flight.
        expected_seconds: estimated duration of the run.

    Raises:
        EngineError: there are too many runs in flight, or this one would take too long.
    """
    if person and person_runs >= limits.person_runs:
        raise EngineError(
            f"You have {counted(person_runs, 'run')} in flight, at most {limits.person_runs:,} "
            f"{named(limits.person_runs, 'is', 'are')} allowed; wait for some to end or cancel them."
        )
    if all_runs >= limits.all_runs:
        raise EngineError(
            f"{counted(all_runs, 'run')} {named(all_runs, 'is', 'are')} in flight on this server, at most "
            f"{limits.all_runs:,} {named(limits.all_runs, 'is', 'are')} allowed; wait for some to end."
        )
    if expected_seconds > limits.run_seconds:
        raise EngineError(
            f"This run is expected to take {expected_seconds:,.0f} s on this machine, at most "
            f"{limits.run_seconds:,.0f} s are allowed here; choose fewer images, steps or poisoned samples, or run it "
            "from the command line."
        )
