"""The board of a challenge: what was judged, the best first, the best pair, and how it came there."""

import csv
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.attacks.registry import RECORDS as ATTACKS
from core.challenge.folder import Challenge
from core.challenge.rounds import Course
from core.challenge.submissions import Submission, all_submissions
from core.challenge.verdicts import REFERENCE, Verdict, verdict_of
from core.defences.chain import parse_chain
from core.defences.registry import RECORDS as DEFENCES
from core.system.errors import SpecError
from core.system.files import spreadsheet_text
from core.system.numbers import digits

HIDDEN_NAME = "(hidden)"


@dataclass(frozen=True)
class Row:
    """A judged submission.

    Attributes:
        id, person, name: of the submission and whoever handed it in.
        what: the attack, the file, or the chain of defences, in words.
        round: from 0.
        time: when it was handed in, in epoch seconds.
        alone: points of damage without a defence; None for a defence.
        damage: points that count: against the best defence of earlier rounds, or left by the defence at worst.
        is_attack: whether it is poison.
    """

    id: str
    person: str
    name: str
    what: str
    round: int
    time: float
    alone: float | None
    damage: float
    is_attack: bool


@dataclass(frozen=True)
class Best:
    """A step of the history: the best damage so far, of attacks the largest, of defences the smallest."""

    time: float
    name: str
    damage: float
    is_attack: bool


@dataclass(frozen=True)
class BestPair:
    """The strongest attack that the best defence met, and what it leaves; `attack` and `defence` name the people."""

    attack: str
    defence: str
    damage: float


@dataclass(frozen=True)
class Board:
    """Everything that the class sees.

    Attributes:
        clean: accuracy of the head of the clean training set on the hidden split, in [0, 1]; None before a verdict.
        attacks: the most harmful first.
        defences: those that leave the least damage first.
        history: improvements of the best, in order of time, for attacks and for defences.
        pair: None before a defence was judged.
        waiting: how many submissions are not judged yet.
        refused: how many broke a rule.
    """

    clean: float | None
    attacks: tuple[Row, ...]
    defences: tuple[Row, ...]
    history: tuple[Best, ...]
    pair: BestPair | None
    waiting: int
    refused: int

    def best_of_each(self, rows: Sequence[Row]) -> list[Row]:
        """The best row of each person, in the order of `rows`."""
        seen: set[str] = set()
        return [row for row in rows if not (row.person in seen or seen.add(row.person))]  # type: ignore[func-returns-value]


def board_of(challenge: Challenge, *, everything: bool) -> Board:
    """The board as it is now.

    Args:
        challenge: the challenge.
        everything: for the teacher: also what was handed in since the board was frozen.
    """
    course = challenge.course()
    names = tuple(challenge.names("submissions"))
    return _board(challenge, course, names, tuple(challenge.names("verdicts")), everything)


@lru_cache(maxsize=64)
def _board(
    challenge: Challenge, course: Course, names: tuple[str, ...], judged: tuple[str, ...], everything: bool
) -> Board:
    """`board_of` for files that never change, so that a class which looks at it costs no more than one person."""
    entries = all_submissions(challenge)
    if course.frozen is not None and not everything:
        entries = [entry for entry in entries if entry.time <= course.frozen]
    verdicts = {entry.id: verdict for entry in entries if (verdict := verdict_of(challenge, entry.id)) is not None}
    valid = [entry for entry in entries if entry.id in verdicts and verdicts[entry.id].state == "judged"]
    rows = [_row(entry, verdicts[entry.id], course) for entry in valid]
    attacks = sorted((row for row in rows if row.is_attack), key=lambda row: (-row.damage, row.time))
    defences = sorted((row for row in rows if not row.is_attack), key=lambda row: (row.damage, row.time))
    return Board(
        clean=next((verdicts[entry.id].clean for entry in valid), None),
        attacks=tuple(attacks),
        defences=tuple(defences),
        history=tuple(_history(rows)),
        pair=_best_pair(challenge, course, defences[0], verdicts[defences[0].id]) if defences else None,
        waiting=len(entries) - len(verdicts),
        refused=sum(verdict.state == "refused" for verdict in verdicts.values()),
    )


def words(entry: Submission) -> str:
    """What a submission is, in words."""
    if entry.kind == "poison":
        return f"own poison, {entry.file}"
    if entry.kind == "attack":
        name = str((entry.attack or {}).get("name", ""))
        title = ATTACKS[name].title if name in ATTACKS else name
        return title if entry.evade is None else f"{title}, past {_defence_title(entry.evade)}"
    try:
        chain = parse_chain(entry.chain)
    except SpecError:  # of a plug-in that is not loaded any more
        return ", then ".join(entry.chain)
    return ", then ".join(
        _defence_title(part.name) + (f" ({digits(100 * part.share)} %)" if hasattr(part, "share") else "")
        for part in chain
    )


def settings_words(entry: Submission) -> str:
    """The parameters of a submission, for the reveal; "" where there are none."""
    parameters = {key: value for key, value in (entry.attack or {}).items() if key != "name"}
    return ", ".join(f"{key}={value}" for key, value in parameters.items()) or " + ".join(entry.chain)


def table(challenge: Challenge) -> str:
    """Everything that was handed in as CSV, one line each, in order; texts are safe in a spreadsheet."""
    course, buffer = challenge.course(), io.StringIO()
    lines = csv.writer(buffer, lineterminator="\n")
    lines.writerow(
        ["round", "time", "name", "kind", "what", "settings", "state", "reason", "clean", "damage_alone", "damage"]
    )
    for entry in all_submissions(challenge):
        verdict = verdict_of(challenge, entry.id)
        cells = ["waiting", "", "", "", ""]
        if verdict is not None and verdict.state == "judged":
            alone = f"{verdict.pairs[0].damage:.1f}" if entry.is_attack else ""
            cells = ["judged", "", f"{100 * verdict.clean:.1f}", alone, f"{verdict.damage:.1f}"]
        elif verdict is not None:
            cells = [verdict.state, verdict.reason, "", "", ""]
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.time))
        texts = [_name(entry, course), entry.kind, words(entry), settings_words(entry), *cells[:2]]
        lines.writerow([entry.round + 1, when, *map(spreadsheet_text, texts), *cells[2:]])
    return buffer.getvalue()


def _row(entry: Submission, verdict: Verdict, course: Course) -> Row:
    return Row(
        id=entry.id,
        person=entry.person,
        name=_name(entry, course),
        what=words(entry),
        round=entry.round,
        time=entry.time,
        alone=verdict.pairs[0].damage if entry.is_attack else None,
        damage=verdict.damage,
        is_attack=entry.is_attack,
    )


def _name(entry: Submission, course: Course) -> str:
    return HIDDEN_NAME if entry.person in course.hidden else entry.name


def _history(rows: Sequence[Row]) -> list[Best]:
    """Each row that was better than all before it, of its kind."""
    best: dict[bool, float] = {}
    steps = []
    for row in sorted(rows, key=lambda row: row.time):
        value = row.damage if row.is_attack else -row.damage
        if value > best.get(row.is_attack, float("-inf")):
            best[row.is_attack] = value
            steps.append(Best(row.time, row.name, row.damage, row.is_attack))
    return steps


def _best_pair(challenge: Challenge, course: Course, defence: Row, verdict: Verdict) -> BestPair:
    worst = max(verdict.pairs, key=lambda pair: pair.damage)
    kept = None if worst.attack == REFERENCE else challenge.read("submissions", worst.attack)
    attacker = "the lab" if kept is None else _name(Submission.from_json(kept), course)
    return BestPair(attacker, defence.name, worst.damage)


def _defence_title(name: str) -> str:
    return DEFENCES[name].title if name in DEFENCES else name
