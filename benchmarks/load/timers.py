"""Timers of fragments, by which a browser asks for parts of a page again and again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class Timers:
    """Timers by the fragment that each asks for.

    Attributes:
        ask: asks the server to run a fragment.
    """

    ask: Callable[[str], Awaitable[None]]
    _running: dict[str, tuple[float, "asyncio.Task[None]"]] = field(default_factory=dict)
    _asked_at: dict[str, float] = field(default_factory=dict)

    def start(self, fragment: str, interval: float) -> None:
        """Ask for a fragment every so many seconds."""
        if fragment in self._running and self._running[fragment][0] == interval:
            return
        self.stop(fragment)
        self._running[fragment] = (interval, asyncio.get_running_loop().create_task(self._repeat(fragment, interval)))

    def stop(self, fragment: str) -> None:
        """Ask for a fragment no more."""
        if fragment in self._running:
            self._running.pop(fragment)[1].cancel()
        self._asked_at.pop(fragment, None)

    def stop_all(self) -> None:
        """Ask for nothing."""
        for fragment in list(self._running):
            self.stop(fragment)

    def answered(self, fragment: str) -> float | None:
        """Seconds since a fragment was asked for that has come now; None if it wasn't, or not by a timer."""
        asked_at = self._asked_at.pop(fragment, None)
        return None if asked_at is None else time.perf_counter() - asked_at

    async def _repeat(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            self._asked_at.setdefault(fragment, time.perf_counter())
            await self.ask(fragment)
