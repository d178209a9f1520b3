"""What a student does: opens pages, moves sliders, runs, cancels, reads; seeded, at a person's pace."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks.load.protocol import Tab, TabError
from benchmarks.load.widgets import Node
from core.spec.events import QUEUED, WAITING

THINK_SECONDS = 6.0
"""Median of the time between what the page has answered and the next click."""
THINK_SPREAD = 0.6
"""Standard deviation of its logarithm."""
THINK_BOUNDS = (1.0, 30.0)
RUN_PATIENCE = 60.0
"""Seconds after which a student does something else while the run goes on."""
CANCELLED = 0.25
"""Of the runs that a student starts, those that they mean to cancel."""
SHARED = 0.5
"""Of the experiments, those from the work sheet, which all students have; the others are everyone's own."""

TRAIN = 400
SETTING = f"train={TRAIN}&test=200"
"""Runs that take seconds on two cores."""
ATTACKS = ("label-flip", "noise")
WORK_SHEET = tuple(
    f"lab?attack={attack}&budget={budget}&{SETTING}" for attack in ATTACKS for budget in (2, 5, 10, 15, 20)
)
READ = ("gallery", "lessons", "compare", "features", "stages", "sweep", "extractors", "present")
LESSONS = ("head", "flips")
"""Those whose experiments take seconds."""

Did = Callable[[str, float], None]


@dataclass
class Student:
    """One student.

    Attributes:
        tab: their browser.
        seed: of all their choices.
        end: of the lesson, by `time.monotonic`.
        did: called with what was done and the seconds that the page took: "page", "rerun", "queue" or "run".
        problem: called with the text of each error.
        pace: times as long as a person do they think.
        actions: how often each was done.
    """

    tab: Tab
    seed: int
    end: float
    did: Did
    problem: Callable[[str], None]
    pace: float = 1.0
    actions: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    async def attend(self) -> None:
        """Do one thing after another until the lesson ends, and leave."""
        try:
            await self._guarded("open", self._open(self._experiment()))
            while time.monotonic() < self.end:
                await self.think()
                name, action = self._next()
                await self._guarded(name, action())
        finally:
            await self.tab.quit()

    async def think(self, share: float = 1.0) -> None:
        """Read, and decide what to do."""
        low, high = THINK_BOUNDS
        seconds = min(max(self.random.lognormvariate(0, THINK_SPREAD) * THINK_SECONDS, low), high)
        await asyncio.sleep(min(self.pace * share * seconds, max(0.0, self.end - time.monotonic())))

    async def _guarded(self, name: str, action: Awaitable[None]) -> None:
        self.actions[name] += 1
        try:
            await action
        except TabError as error:
            self.problem(f"{name}: {error}")
            if time.monotonic() < self.end:
                await asyncio.sleep(1)
                await self._try_again()

    async def _try_again(self) -> None:
        try:
            await self._open(self._again())
        except TabError as error:
            self.problem(f"open: {error}")

    def _next(self) -> tuple[str, Callable[[], Awaitable[None]]]:
        """What to do next: mostly what the page at hand invites to."""
        choices: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {
            "turn": (2, self._turn),
            "open": (1, lambda: self._open(self._experiment())),
        }
        if self.tab.widget("ask-budget") is not None:
            choices["slide"] = (5, self._slide)
            choices["seed"] = (1, self._new_seed)
        if self.tab.widget("run") is not None and self._is_small():
            choices["run"] = (4, self._run)
        if self.tab.widget("lab-show") is not None:
            choices["card"] = (1.5, self._card)
        if self.tab.widget("trajectory-step") is not None:
            choices["walk"] = (4, lambda: self._move("trajectory-step"))
        if self._answerable() is not None:
            choices["predict"] = (6, self._predict)
        if self.tab.widget("run-step") is not None:
            choices["run-step"] = (6, lambda: self._run("run-step"))
        if self._buttons("dismiss"):
            choices["dismiss"] = (3, self._dismiss)
        names = list(choices)
        (name,) = self.random.choices(names, [choices[name][0] for name in names])
        return name, choices[name][1]

    # Pages.

    def _experiment(self) -> str:
        """A link to an experiment: of the work sheet, or one of their own."""
        if self.random.random() < SHARED:
            return self.random.choice(WORK_SHEET)
        return (
            f"lab?attack={self.random.choice(('label-flip', 'noise'))}&{SETTING}&seed={self.random.randrange(10_000)}"
        )

    def _again(self) -> str:
        """The link that they open after an error."""
        return "lab"

    def _is_small(self) -> bool:
        """Whether the settings are those of `SETTING`; a lesson, and what ships, have larger ones."""
        train = self.tab.widget("ask-train")
        return train is not None and self.tab.states[train.id].int_value == TRAIN

    async def _open(self, link: str) -> None:
        self.did("page", await self.tab.open(link))

    async def _turn(self) -> None:
        if "lab" not in self.tab.pages:  # a page without navigation
            await self._open("lab")
        elif self.random.random() < 0.4:
            await self._go("lab")
        else:
            await self._go(self.random.choice(READ))
            if self.tab.widget("open-head") is not None:
                await self.think(0.5)
                lesson = self.tab.widget(f"open-{self.random.choice(LESSONS)}")
                if lesson is not None:
                    self.did("rerun", await self.tab.press(lesson))

    async def _go(self, path: str) -> None:
        self.did("page", await self.tab.go(path))

    # Widgets.

    async def _slide(self) -> None:
        await self._move("ask-budget")

    async def _move(self, key: str) -> None:
        """Move a slider a few times, at once after one another."""
        for _ in range(self.random.randint(1, 3)):
            slider = self.tab.widget(key)
            if slider is None:
                return
            proto = slider.proto
            step = self.random.randint(0, round((proto.max - proto.min) / proto.step))
            value = proto.options[step] if proto.options else proto.min + proto.step * step
            self.did("rerun", await self.tab.set(slider, [value]))
            await self.think(0.15)

    async def _new_seed(self) -> None:
        seed = self.tab.widget("ask-seed")
        if seed is not None:
            self.did("rerun", await self.tab.set(seed, self.random.randrange(10_000)))

    async def _card(self) -> None:
        """Look at the images that are misread and at those of the poison, or at the map with what stage 2 wanted."""
        view, toggle = self.tab.widget("lab-show"), self.tab.widget("lab-targets")
        if toggle is not None and self.random.random() < 0.4:
            now = self.tab.states[toggle.id].bool_value
            self.did("rerun", await self.tab.set(toggle, not now))
        elif view is not None:
            option = self.random.choice(list(view.proto.options))
            self.did("rerun", await self.tab.set(view, [option.content]))

    async def _dismiss(self) -> None:
        button = self.tab.widget(min(self._buttons("dismiss")))
        if button is not None:
            self.did("rerun", await self.tab.press(button))

    # Lessons.

    def _answerable(self) -> Node | None:
        radios = (node for node in (*self.tab.all("radio"), *self.tab.all("number_input")) if "-answer-" in node.id)
        return next(radios, None)

    async def _predict(self) -> None:
        question = self._answerable()
        if question is None:
            return
        if question.kind == "radio":
            value = self.random.choice(list(question.proto.options))
        else:
            value = question.proto.min + question.proto.step * self.random.randint(0, 20)
        self.did("rerun", await self.tab.set(question, value))
        await self.think(0.3)
        button = self.tab.widget("predict")
        if button is not None:
            self.did("rerun", await self.tab.press(button))

    # Runs.

    async def _run(self, key: str = "run") -> None:
        """Start a run and watch it until it is over, is cancelled, or takes too long."""
        button = self.tab.widget(key)
        if button is None:
            return
        before, began = self._cancels(), time.monotonic()
        self.did("rerun", await self.tab.press(button))
        cancels_at = began + self.pace * self.random.uniform(0.5, 4) if self.random.random() < CANCELLED else None
        waits, name = True, ""
        while time.monotonic() < min(began + RUN_PATIENCE, self.end):
            mine = self._cancels() - before
            if name not in mine if name else not mine:  # it is over, perhaps before the page could show it
                if waits:
                    self.did("queue", time.monotonic() - began)
                self.did("run", time.monotonic() - began)
                return
            name = name or min(mine)
            if waits and not self._is_queued():
                waits = False
                self.did("queue", time.monotonic() - began)
            button = self.tab.widget(name)
            if cancels_at is not None and time.monotonic() >= cancels_at and button is not None:
                self.actions["cancel"] += 1
                self.did("rerun", await self.tab.press(button))
                return
            await asyncio.sleep(0.05)
        self.actions["left a run"] += 1

    def _buttons(self, kind: str) -> dict[str, tuple[int, ...]]:
        """Keys and places of the buttons of the runs on the page that cancel or dismiss."""
        keys = (
            (node.id.rpartition(f"-{kind}-"), path) for path, node in self.tab.nodes.items() if node.kind == "button"
        )
        return {f"{kind}-{name}": path for (_, match, name), path in keys if match}

    def _cancels(self) -> set[str]:
        return set(self._buttons("cancel"))

    def _is_queued(self) -> bool:
        """Whether a run on the page waits for a worker."""
        return any(node.proto.text.startswith((QUEUED, WAITING)) for node in self.tab.all("progress"))
