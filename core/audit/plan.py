"""The plan of an audit: which experiments fit into the minutes that a person has, and what is left out for that."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.attacks.registry import record_of
from core.audit import views
from core.audit.limits import FIELDS, applicable, changes
from core.catalog.choices import resolve
from core.catalog.lookup import data_info
from core.defences.registry import RECORDS as DEFENCES
from core.experiments import cost
from core.experiments.sweep import FLIPS, INSTEAD
from core.spec import defaults
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.registry import EVADABLE
from core.system.errors import SpecError
from core.system.numbers import counted, digits

MINUTES = 10.0
LEAST_MINUTES, MOST_MINUTES = 0.5, 24 * 60.0
REFERENCE = 0.03
"""The budget at which defences and classes are looked at."""
BUDGETS: tuple[tuple[float, ...], ...] = (
    (0.003, 0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3),
    (0.003, 0.01, 0.03, 0.1, 0.2, 0.3),
    (0.01, 0.03, 0.1, 0.3),
    (0.01, 0.03, 0.1),
    (0.03,),
)
_FIRST = BUDGETS[2]
"""Budgets that are measured before others."""
SEEDS = (5, 3, 2, 1)
WANTED = (4, 3, 2)
"""Budgets, seeds and attacks that an audit should have at least; where it has fewer, the plan says so."""
_SPARED = 0.7
"""Share of the time for the curves; the rest is for defences, certificates, data and the report."""
_FURTHER = 0.4
"""Most of the time for the curves that poison on features may take which evades defences, or was made knowing less."""
_VIEWS = 0.5
"""Share of the rest for heads on augmented images."""
_NOT_RUN = ("walk", "map")
"""Stages that an audit's runs don't have."""


Grid = tuple[tuple[float, ...], int]
"""Budgets, and the number of seeds at each."""


@dataclass(frozen=True)
class Cell:
    """One experiment of an audit.

    Attributes:
        attack: its name; "flips" for random label flips.
        spec: the experiment, resolved.
        judged: defences that are applied to its poison, by name.
        is_evaded: whether the poison was made to pass the defence; such cells are no part of the curves.
        limit: what its attacker does not know, see `core.audit.limits`; "" for nothing. No part of the curves, either.
        certified: whether its clean data are certified, and looked at for label issues.
        augmented: whether its poison meets a head on augmented images, too, see `core.audit.augmentation`.
    """

    attack: str
    spec: ExperimentSpec
    judged: tuple[str, ...] = ()
    is_evaded: bool = False
    certified: bool = False
    limit: str = ""
    augmented: bool = False

    @property
    def in_curve(self) -> bool:
        """Whether it is a point of a curve."""
        return not self.is_evaded and not self.limit


@dataclass(frozen=True)
class Plan:
    """What an audit does, in order: the cheap attacks with all seeds, so that there is an answer with intervals early.

    Attributes:
        base: what all experiments have in common, resolved.
        cells: the experiments.
        budgets, seeds, attacks: of the curves.
        expected: seconds that it is expected to take.
        left_out: what the time does not suffice for, in sentences; empty where it does.
    """

    base: ExperimentSpec
    cells: tuple[Cell, ...]
    budgets: tuple[float, ...]
    seeds: tuple[int, ...]
    attacks: tuple[str, ...]
    expected: float
    left_out: tuple[str, ...]


def make_plan(
    base: ExperimentSpec, minutes: float = MINUTES, device: str = "auto", known: Collection[str] = ()
) -> Plan:
    """The largest plan that fits.

    Args:
        base: data, extractor, sizes, λ, constraint and first seed; its attack and budget have no effect.
        minutes: that the audit may take.
        device: see `core.experiments.cost.estimate`.
        known: hashes of experiments that are measured already and take no time, of an audit that goes on.

    Raises:
        SpecError: invalid settings, or too few or too many minutes.
    """
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise SpecError(f"--minutes is {minutes:g}; allowed: {LEAST_MINUTES:g} to {MOST_MINUTES:g}.")
    flips_and_features, on_images = attacks_for(base)[:2], attacks_for(base)[2:]
    available, skipped = _SPARED * 60 * minutes, list[str]()
    evaded, limited = _evaded(base, (REFERENCE,)), _limited(base, defaults.FEATURES_ATTACK, (REFERENCE,))
    further = seconds((cell.spec for cell in (*evaded, *limited)), device, known)
    if further > _FURTHER * available:  # of large data, they would take the time of the curves
        skipped.append(f"{defaults.FEATURES_ATTACK} by attackers that evade a defence, or that know less,")
        evaded, limited, further = [], [], 0.0
    available -= further

    def largest(attacks: Sequence[str], limit: float, within: Grid) -> tuple[Grid, float]:
        """The largest grid for attacks whose runs take no longer than a limit, and the seconds that they take."""
        for grid in _grids(within):
            expected = seconds((cell.spec for cell in _curve(base, attacks, grid)), device, known)
            if expected <= limit:
                break
        return grid, expected

    everything: Grid = (BUDGETS[0], max(SEEDS))
    # Poison that is images takes longest by far, and gets at least as much time as the rest together.
    grid, expected = largest(flips_and_features, available / (2 if on_images else 1), everything)
    grids = dict.fromkeys(flips_and_features, grid)
    for attack in on_images:
        its_grid, its_seconds = largest([attack], available - expected, grid)
        if its_seconds <= available - expected:
            grids[attack], expected = its_grid, expected + its_seconds
        else:
            skipped.append(attack)
    seeds = tuple(range(base.seed, base.seed + grid[1]))
    curve = [cell for seed in seeds for attack in grids for cell in _curve(base, [attack], grids[attack], seed)]
    judged = _with_judges(curve, grid[0], base.seed)
    # On a machine that is busier than expected, what an audit should have at least is there before anything else; then
    # what takes seconds, before what takes minutes.
    cheap = [cell for cell in judged if cell.attack in flips_and_features]
    wanted = [cell for cell in cheap if cell.spec.budget in _FIRST and cell.spec.seed in seeds[: WANTED[1]]]
    images = [cell for cell in judged if cell.attack not in flips_and_features]
    first_images = [cell for cell in images if cell.spec.seed == base.seed]
    others = [cell for cell in cheap if cell not in wanted]
    others += [cell for cell in images if cell.spec.seed != base.seed]
    of_images = list[Cell]()  # by attackers that know less
    for attack in [attack for attack in grids if attack in on_images]:
        more = _limited(base, attack, grid[0])
        its_seconds = seconds((cell.spec for cell in more), device, known)
        if expected + its_seconds <= available:
            of_images, expected = [*of_images, *more], expected + its_seconds
        else:
            skipped.append(f"{attack} by an attacker that knows less")
    cells = (*wanted, *evaded, *limited, *first_images, *of_images, *others)
    augmented, spent = set[str](), 0.0
    for cell in [cell for cell in judged if cell.judged and views.is_augmentable(base, cell.attack)]:
        its_seconds = 0.0 if cell.spec.hash in known else views.seconds(cell.spec, device)
        if spent + its_seconds <= _VIEWS * (1 - _SPARED) * 60 * minutes:
            augmented, spent = augmented | {cell.spec.hash}, spent + its_seconds
        else:
            skipped.append(f"{cell.attack} against a head on augmented images")
    cells = tuple(replace(cell, augmented=True) if cell.spec.hash in augmented else cell for cell in cells)
    total = (expected + further) / _SPARED
    left_out = _left_out(grids, skipped, minutes, total)
    return Plan(curve[0].spec, cells, grid[0], seeds, tuple(grids), total, left_out)


def _grids(within: Grid) -> list[Grid]:
    """Budgets and seeds inside others, the most telling first: intervals need three seeds, curves four budgets."""
    grids = [(budgets, seeds) for budgets in BUDGETS for seeds in SEEDS]
    inside = [grid for grid in grids if set(grid[0]) <= set(within[0]) and grid[1] <= within[1]]
    return sorted(inside, key=lambda grid: -worth(len(grid[0]), grid[1]))


def worth(budgets: int, seeds: int) -> float:
    """How much a grid of budgets and seeds tells, to compare grids: those beyond the wanted numbers add little."""
    return min(budgets, WANTED[0]) * min(seeds, WANTED[1]) + 0.1 * budgets * seeds


def attacks_for(base: ExperimentSpec) -> tuple[str, ...]:
    """The attacks of an audit, the cheapest first: random flips, the strongest on features, the strongest on images."""
    has_pixels = not data_info(base.data).width
    return ("flips", defaults.FEATURES_ATTACK, *([defaults.ATTACK] if has_pixels else []))


def cell_spec(
    base: ExperimentSpec, attack: str, budget: float, seed: int, evade: str | None = None, limit: str = ""
) -> ExperimentSpec:
    """The experiment of one cell, resolved: an equal one by `core run` has the same hash.

    Args:
        base: see `make_plan`.
        attack: its name; "flips" for random label flips.
        budget: ε_d.
        seed: of the experiment.
        evade: a defence that the poison is made to pass.
        limit: what the attacker does not know, see `core.audit.limits`.
    """
    named = FLIPS if attack == "flips" else {"attack": attack}
    record = record_of(str(named["attack"]))
    constraint = base.constraint if base.constraint in record.constraints else record.constraints[-1]
    rules = record.label_rules
    rule = next(name for name in (record.settings().label_rule, *INSTEAD) if name in rules)
    values = base.model_dump(exclude={"attack", "label_rule", "plugins", "evade", *FIELDS})
    values |= changes(base, limit)
    return resolve(
        parse_spec(
            {
                **values,
                "label_rule": rule,
                **named,
                "constraint": constraint,
                "budget": budget,
                "seed": seed,
                "evade": evade,
                defaults.KEY: defaults.CURRENT,
            }
        )
    )


def seconds(specs: Iterable[ExperimentSpec], device: str = "auto", known: Collection[str] = ()) -> float:
    """Seconds that experiments are expected to take without maps.

    Args:
        specs: of the experiments.
        device: see `core.experiments.cost.estimate`.
        known: hashes of those that take none, as they are measured already.
    """
    return sum(
        second
        for spec in specs
        if spec.hash not in known
        for stage, second in cost.estimate(spec, device).items()
        if stage not in _NOT_RUN
    )


def _curve(base: ExperimentSpec, attacks: Sequence[str], grid: Grid, seed: int | None = None) -> list[Cell]:
    """The cells of a grid, of all its seeds or of one; none where it lacks that one."""
    budgets, count = grid
    seeds = [other for other in range(base.seed, base.seed + count) if seed in (None, other)]
    return [
        Cell(attack, cell_spec(base, attack, budget, other))
        for other in seeds
        for attack in attacks
        for budget in budgets
    ]


def _with_judges(cells: Sequence[Cell], budgets: Sequence[float], seed: int) -> list[Cell]:
    """The cells; those of the first seed at the reference budget are judged, and the first of them certified."""
    names = tuple(DEFENCES)
    judged: list[Cell] = []
    for cell in cells:
        is_reference = cell.spec.seed == seed and cell.spec.budget == reference(budgets)
        first = is_reference and not any(other.certified for other in judged)
        judged.append(Cell(cell.attack, cell.spec, names if is_reference else (), certified=first))
    return judged


def reference(budgets: Sequence[float]) -> float:
    """Of some budgets, that at which defences and classes are looked at."""
    return min(budgets, key=lambda budget: abs(budget - REFERENCE))


def _evaded(base: ExperimentSpec, budgets: Sequence[float]) -> list[Cell]:
    return [
        Cell(
            defaults.FEATURES_ATTACK,
            cell_spec(base, defaults.FEATURES_ATTACK, reference(budgets), base.seed, name),
            (name,),
            is_evaded=True,
        )
        for name in EVADABLE
    ]


def _limited(base: ExperimentSpec, attack: str, budgets: Sequence[float]) -> list[Cell]:
    """An attack by attackers that know less, at the reference budget and the first seed."""
    budget = reference(budgets)
    return [
        Cell(attack, cell_spec(base, attack, budget, base.seed, limit=limit), limit=limit)
        for limit in applicable(base, makes_images=record_of(attack).makes_images)
    ]


def _left_out(grids: Mapping[str, Grid], skipped: Sequence[str], minutes: float, expected: float) -> tuple[str, ...]:
    """What the time does not suffice for, in sentences.

    Args:
        grids: budgets and seeds of each attack.
        skipped: what is not run.
        minutes: that were asked for.
        expected: seconds that the plan takes.
    """
    most = (len(BUDGETS[0]), max(SEEDS))
    sentences = [f"{attack} is left out: it takes too long on this machine." for attack in skipped]
    sentences += [
        f"{attack}: {counted(len(budgets), 'budget')} ({', '.join(f'{digits(100 * value)} %' for value in budgets)}) × "
        f"{counted(seeds, 'seed')} instead of {most[0]} × {most[1]}; between budgets is interpolated."
        for attack, (budgets, seeds) in grids.items()
        if (len(budgets), seeds) != most
    ]
    whole = [attack for attack, (budgets, seeds) in grids.items() if len(budgets) >= WANTED[0] and seeds >= WANTED[1]]
    if len(whole) < WANTED[2] or expected > 60 * minutes:
        do = "minute does" if minutes == 1 else "minutes do"
        sentences.append(
            f"{digits(minutes, 3)} {do} not suffice for {WANTED[0]} budgets × {WANTED[1]} seeds × {WANTED[2]} attacks "
            f"on this machine; this plan is expected to take {digits(expected / 60, 2)}. Give more time or a GPU, or "
            "take fewer training images."
        )
    return tuple(sentences)
