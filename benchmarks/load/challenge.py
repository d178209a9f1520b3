"""A class in a challenge: a teacher who starts and ends rounds, a projector, and students who join by the code.

Each student joins under a name, looks at the board, chooses an attack in the sidebar or a chain of defences, hands it
in as long as the round allows, and tries something in the lab now and then. What the pages have confirmed to them is
counted, and compared with what the server has kept and judged.
"""

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load.measure import summary
from benchmarks.load.protocol import Tab
from benchmarks.load.student import Student
from benchmarks.load.widgets import Node, state_of
from core.attacks.registry import RECORDS as ATTACKS
from core.challenge import folder
from core.challenge.folder import Challenge
from core.challenge.rules import parse_rules
from core.challenge.submissions import Submission, all_submissions, pending
from core.challenge.verdicts import verdict_of
from core.system.numbers import counted

EXPERIMENT = {"train_size": 1000, "test_size": 500, "budget": 0.05, "attack": {"name": "label-flip"}}
"""The settings that docs/class.md names for two cores."""
CHOSEN = ("label-flip", "noise", "gc-feature")
"""Attacks of the students, which take seconds."""
TRIES = 3
OTHERS = 2
"""Who come beside the students: the teacher and the projector, before them."""
MOST_DEFENCES = 2
FREEZE, CLOSE = 0.85, 0.97
"""Parts of the time after which the board is frozen, and the last round is ended."""
PATIENCE = 300.0
"""Seconds that the last verdicts may take after the end."""
TOO_LATE = ("No round is open", "This round is for", "You have handed in what a round allows")
"""What the page says to who hands in just after a round: a rule, and no fault."""


@dataclass
class Game:
    """A challenge, and what those who take part have seen confirmed.

    Attributes:
        challenge: on the server's disk.
        key: of the teacher.
        arrival: seconds until everybody is there.
        seconds: that it takes.
        confirmed: submissions that pages have confirmed.
    """

    challenge: Challenge
    key: str
    arrival: float
    seconds: float
    confirmed: int = 0

    @classmethod
    def open(cls, home: Path, seconds: float) -> "Game":
        """Open a challenge in a home folder, which becomes that of this process, too.

        Args:
            home: of the server.
            seconds: that the challenge takes.
        """
        os.environ["POISON_LAB_HOME"] = str(home)
        rules = {"experiment": EXPERIMENT, "rounds": ("attack", "defence"), "tries": TRIES, "people": 500}
        challenge, key = folder.open_challenge(parse_rules(rules))
        return cls(challenge, key, min(30.0, seconds / 5), seconds)

    def member(self, number: int, tab: Tab, seed: int, end: float, *more: object) -> Student:
        """Who comes as so many-th: the teacher, the projector, then students.

        Args:
            number: from 0.
            tab, seed, end: see `Student`.
            more: the rest of what it takes.
        """
        kind = (Teacher, Projector)[number] if number < OTHERS else Player
        person = kind(tab, seed, end, *more)  # type: ignore[arg-type]
        person.join(self, number)
        return person

    def wait(self) -> None:
        """Wait until everything is judged, or `PATIENCE` is at its end."""
        end = time.monotonic() + PATIENCE
        while pending(self.challenge) and time.monotonic() < end:
            time.sleep(0.2)

    def verdict_seconds(self) -> list[float]:
        """Seconds from each submission to its verdict; a defence waits until all attacks before it are judged."""
        kept = ((entry, self._verdict_file(entry)) for entry in all_submissions(self.challenge))
        return [file.stat().st_mtime - entry.time for entry, file in kept if file.exists()]

    def losses(self) -> Counter[str]:
        """What was confirmed and is not there, or not judged, by a sentence that says so."""
        entries = all_submissions(self.challenge)
        states = Counter(getattr(verdict_of(self.challenge, entry.id), "state", "waiting") for entry in entries)
        lost = Counter({f"A submission is {state}": count for state, count in states.items() if state != "judged"})
        lost["A confirmed submission is not on the disk"] = max(0, self.confirmed - len(entries))
        return +lost

    def sentence(self) -> str:
        """How much was handed in and judged."""
        entries = all_submissions(self.challenge)
        judged = sum(getattr(verdict_of(self.challenge, entry.id), "state", "") == "judged" for entry in entries)
        attacks = sum(entry.is_attack for entry in entries)
        waits = summary(self.verdict_seconds())
        return (
            f"Submissions: {self.confirmed} confirmed on pages, {len(entries)} on the disk "
            f"({counted(attacks, 'attack')}, {counted(len(entries) - attacks, 'chain')} of defences), {judged} judged, "
            f"none later than {waits.get('largest', 0):.0f} s after it was handed in."
        )

    def _verdict_file(self, entry: Submission) -> Path:
        return self.challenge.path("verdicts", entry.id).with_name(f"{entry.id}.json")


@dataclass
class _Member(Student):
    """Who takes part in a game."""

    game: Game = field(init=False)
    number: int = field(init=False)

    def join(self, game: Game, number: int) -> None:
        """Take part.

        Args:
            game: the challenge.
            number: of this member, from 0.
        """
        self.game, self.number = game, number

    def _button(self, label: str) -> Node | None:
        return next((node for node in self.tab.all("button") if node.proto.label == label and node.can_be_used), None)

    def _at(self, part: float) -> float:
        """The time, by `time.monotonic`, at a part of the challenge after everybody is there."""
        start = self.end - self.game.seconds + self.game.arrival
        return start + part * (self.end - start)

    async def _until(self, when: float) -> None:
        await asyncio.sleep(max(0.0, min(when, self.end) - time.monotonic()))


@dataclass
class Teacher(_Member):
    """Starts and ends rounds, freezes the board and reveals it."""

    async def attend(self) -> None:
        """Lead the challenge by the teacher's page."""
        try:
            link = f"challenge?code={self.game.challenge.code}&teacher={self.game.key}"
            await self._guarded("open", self._open(link))
            for part, keys in (
                (0.0, ("start",)),
                (0.5, ("end", "start")),
                (FREEZE, ("freeze",)),
                (CLOSE, ("end", "reveal")),
            ):
                await self._until(self._at(part))
                for key in keys:
                    await self._guarded(key, self._press(f"challenge-{key}"))
            await self._until(self.end)
        finally:
            await self.tab.quit()

    async def _press(self, key: str) -> None:
        button = self.tab.widget(key)
        if button is None:
            self.problem(f"The teacher's page has no button {key}")
            return
        self.did("rerun", await self.tab.press(button))


@dataclass
class Projector(_Member):
    """Shows the board."""

    async def attend(self) -> None:
        """Stay open until the end."""
        try:
            await self._guarded("open", self._open(f"projector?code={self.game.challenge.code}"))
            await self._until(self.end)
        finally:
            await self.tab.quit()


@dataclass
class Player(_Member):
    """A student in a challenge.

    Attributes:
        own: their key, as their link has it; "" before they have one.
    """

    own: str = ""

    def join(self, game: Game, number: int) -> None:
        """See `_Member`; that a round is over is no fault."""
        super().join(game, number)
        report = self.problem

        def problem(text: str) -> None:
            if any(words in text for words in TOO_LATE):
                self.actions["too late"] += 1
            else:
                report(text)

        self.problem = self.tab.problem = self.tab._document.problem = problem

    def _experiment(self) -> str:
        """Where they come in."""
        return f"challenge?code={self.game.challenge.code}"

    def _next(self) -> tuple[str, Callable[[], Awaitable[None]]]:
        """What to do next: mostly what the challenge invites to."""
        choices: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {"read": (2, self._read)}
        if self._button("Take part") is not None:
            choices = {"take part": (1, self._take_part)}
        elif self.tab.widget("leave-challenge") is None:
            choices["return"] = (3, lambda: self._go("challenge"))
            if self.tab.widget("run") is not None:
                choices["run"] = (1, self._run)
        else:
            choices["lab"] = (0.5, lambda: self._go("lab"))
            if self.tab.widget("ask-attack") is not None:
                choices["attack"] = (2, self._choose)
            if self.tab.widget("hand-in-attack") is not None:
                choices["hand in an attack"] = (2, lambda: self._hand_in("hand-in-attack"))
            if self.tab.widget("challenge-with") is not None:
                choices["defences"] = (2, self._defend)
            if self.tab.widget("hand-in-defence") is not None:
                choices["hand in a chain"] = (3, lambda: self._hand_in("hand-in-defence"))
        names = list(choices)
        (name,) = self.random.choices(names, [choices[name][0] for name in names])
        return name, choices[name][1]

    def _again(self) -> str:
        """Their own link, which a browser that is reloaded opens."""
        return f"{self._experiment()}&{self.own}" if self.own else self._experiment()

    async def _read(self) -> None:
        """Look at the board, which refreshes itself."""

    async def _take_part(self) -> None:
        name = next(node for node in self.tab.all("text_input") if node.id.endswith("-join-name"))
        self.tab.states[name.id] = state_of(name, f"Student {self.number}")
        button = self._button("Take part")
        assert button is not None
        self.did("rerun", await self.tab.press(button))
        me = re.search("me=[0-9a-f]+", self.tab.query)
        self.own = me.group() if me else ""

    async def _choose(self) -> None:
        """Choose another attack."""
        box = self.tab.widget("ask-attack")
        if box is not None:
            titles = [ATTACKS[name].title for name in CHOSEN if ATTACKS[name].title in box.proto.options]
            self.did("rerun", await self.tab.set(box, self.random.choice(titles)))

    async def _defend(self) -> None:
        """Choose a chain of defences."""
        pills = self.tab.widget("challenge-with")
        if pills is not None:
            names = [option.content for option in pills.proto.options]
            count = self.random.randint(1, min(MOST_DEFENCES, len(names)))
            self.did("rerun", await self.tab.set(pills, sorted(self.random.sample(names, count), key=names.index)))

    async def _hand_in(self, key: str) -> None:
        button = self.tab.widget(key)
        if button is None:
            return
        self.did("rerun", await self.tab.press(button))
        if any(node.proto.body.startswith("Confirmed") for node in self.tab.all("alert")):
            self.game.confirmed += 1
