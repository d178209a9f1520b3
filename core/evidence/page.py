"""The evidence as a document: claims first, then all numbers behind them."""

import statistics
from collections.abc import Callable, Iterable, Sequence

from core.attacks.registry import RECORDS
from core.catalog import choices
from core.evidence import certificates, grid, knowledge
from core.evidence.claim import Claim
from core.evidence.claims import CLAIMS, FEATURES, IMAGES
from core.evidence.classroom import mean_and_interval
from core.evidence.frozen import Frozen
from core.evidence.measurements import Key, MeasuredRow, Measurements, accuracy_drop, key_of, stage2_drop
from core.experiments.sweep import interval
from core.spec.experiment import CONSTRAINTS, LABEL_RULES, parse_spec
from core.system.numbers import fixed
from core.system.tables import markdown_table

COMMAND = "python -m core reproduce"
NO_POISON_KEPT = "older measurements keep no poison that it could be tried on, and their attacks have to run again"
CLAIM_HEADER = ["Compared", "Mean", "Seeds", "Single", "Verdict"]


def page(evidence: Frozen, certified: Sequence[MeasuredRow], lessons: str, colour: str) -> str:
    """The whole document, as Markdown.

    Args:
        evidence: measurements of the grid; see `core.evidence.attacks.measured` for its rows.
        certified: see `core.evidence.certificates.measured`.
        lessons: see `core.evidence.classroom.text`.
        colour: see `core.evidence.vendors.text`.
    """
    measurements, defences = Measurements(evidence.rows, evidence.limited), evidence.defences
    parts = [_head(measurements, evidence.rows[0]), "## The claims, point by point", _verdicts(measurements)]
    parts += [_claim(claim, measurements) for claim in CLAIMS]
    parts += ["## What the filters find, and what they give back", _filters(measurements, defences)]
    if less := knowledge.text(measurements):
        parts += ["## What attackers that know less can do", less]
    parts += ["## What no attack can take", certificates.text(measurements, certified)]
    parts += ["## What a class may see", lessons, "## Colour: emoji of three vendors", colour]
    for pair in dict.fromkeys(key[:2] for key in measurements.by_key):
        parts += [f"## `{pair[0]}` by `{pair[1]}` ({choices.setting(*pair)})", _pair(measurements, pair, defences)]
    if evidence.missing or evidence.missing_defences:
        parts += ["## Not measured yet", _missing(evidence)]
    return "\n\n".join(parts) + "\n"


def _missing(evidence: Frozen) -> str:
    """Lists what was registered after the measurements or was not reached by them."""
    begun = {_without_pair(key_of(row["spec"])) for row in evidence.rows}
    groups: dict[Key, list[Key]] = {}
    for key in evidence.missing:
        groups.setdefault(_without_pair(key), []).append(key)
    lines = []
    for group, keys in groups.items():
        line = f"- `{group.attack}` under `{group.constraint}`, labels `{group.label_rule}`"
        if group in begun:
            line += ": " + ", ".join(f"`{key.data}` by `{key.extractor}` at {100 * key.budget:g} %" for key in keys)
        lines.append(line)
    for name in evidence.missing_defences:
        where = f", where a table lacks it: {NO_POISON_KEPT}" if name in evidence.defences else ""
        lines.append(f"- the defence `{name}`{where}")
    return f"`{COMMAND}` measures it; until then no claim above rests on it.\n\n" + "\n".join(lines)


def _without_pair(key: Key) -> Key:
    """Groups what is missing: everywhere where nothing of a group was measured, else where it says."""
    return key._replace(data="", extractor="", budget=0.0)


def _head(measurements: Measurements, example: MeasuredRow) -> str:
    spec = parse_spec(example["spec"])
    devices = ", ".join(
        dict.fromkeys(row["device"] for seeds in measurements.by_key.values() for row in seeds.values())
    )
    return (
        f"# Results\n\n`{COMMAND}` writes this page and measures what is missing of it. "
        f"{spec.train_size:,} clean training images, {spec.test_size:,} test images, λ = {spec.ridge:g}, "
        f"{len(measurements.seeds)} seeds or as many as a table says, on {devices}. Each seed draws other images and "
        "other choices of the attack. "
        "Poison is *added*: ε is poisoned per clean image. Labels of the poison are those that the clean head finds "
        "least likely (`adversarial`), of unlearnable examples the images' own (`clean`); at "
        f"{100 * grid.RULE_BUDGET:g} % under `{grid.RULE_CONSTRAINT}` label rules are compared, and there alone stand "
        f"{', '.join(f'`{attack}`' for attack in grid.NARROW)}. Attacks run with their default parameters, "
        f"`tgda-input` under `none` with a step of {grid.FREE_STEPS['tgda-input']['lr']:g}. Every accuracy is of a "
        "converged head on test images that no attack has seen; images are poisoned as they were exported, in 8 bits "
        "except under `none`.\n\n"
        "Numbers are points of test accuracy; a ± b is the mean over seeds with its 95 % interval (Student's t). "
        "A comparison is made seed by seed, averaged over all experiments that it can be made on, and its interval "
        "is that of the seeds' averages; in brackets, how many of the single experiments lie above 0, below 0 and "
        "over it by intervals of their own."
    )


def _verdicts(measurements: Measurements) -> str:
    rows = [
        [f"[{claim.statement}](#{claim.name})", claim.source, f"**{claim.verdict(measurements)}**"] for claim in CLAIMS
    ]
    return markdown_table(["Claim", "Whose", "Here"], rows, "lll")


def _claim(claim: Claim, measurements: Measurements) -> str:
    verdicts = claim.verdicts(measurements)
    rows = []
    for comparison, verdict in verdicts:
        assert comparison.pooled is not None
        more, less, open_ = comparison.counts
        rows.append(
            [
                comparison.description,
                f"{mean_and_interval(comparison.pooled)} {comparison.unit}",
                str(comparison.pooled.seeds),
                f"({more}, {less}, {open_})",
                verdict,
            ]
        )
    why = claim.why.get(claim.verdict(measurements), "")
    text = (
        f'<a id="{claim.name}"></a>\n### {claim.statement}\n\n{claim.source}. Here: **{claim.verdict(measurements)}**.'
    )
    text = f"{text} {why}".rstrip()
    return f"{text}\n\n{markdown_table(CLAIM_HEADER, rows, 'llrll')}" if rows else text


def _mean_of(measurements: Measurements, key: Key, value_of: Callable[[MeasuredRow], float]) -> str:
    values = measurements.values(key, value_of)
    return mean_and_interval(interval(list(values.values()))) if values else ""


GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "images that attacks search for, under `valid` and `perturbation`": (IMAGES, ("valid", "perturbation")),
    "features under `valid`": (FEATURES, ("valid",)),
    "features under `none`": (FEATURES, ("none",)),
    "label flips": (("label-flip",), ("valid",)),
    "images that hardly harm: `noise` and `ue-input`": (("noise", "ue-input"), ("valid", "perturbation")),
}


def _filters(measurements: Measurements, defences: Sequence[str]) -> str:
    """Results of each defence on each kind of poison at the largest budget, and where label rules are compared."""
    budget = max(key.budget for key in measurements.by_key)
    parts = [
        f"At ε = {100 * budget:g} %, each defence by itself with its default settings; most remove 5 % of each class. "
        "*Found* is the share of the poison that is removed, *clean lost* the share of the clean images; *given back* "
        "is what the filtered head gains on the poisoned one. Means over data, extractors, attacks, constraints and "
        "seeds."
    ]
    for title, (attacks, constraints) in GROUPS.items():
        parts += _filtered(measurements, title, measurements.select(attacks, constraints, [budget]), defences)
    compared = []
    for attack in (*grid.NARROW, *(name for name in grid.COMPARED if name in IMAGES)):
        for rule in grid.RULES:
            keys = [key for key in measurements.select([attack], label_rules=[rule]) if _is_compared(key)]
            compared += _filtered(measurements, f"`{attack}`, labels `{rule}`", keys, defences)
    if compared:
        parts += [f"At ε = {100 * grid.RULE_BUDGET:g} % under `{grid.RULE_CONSTRAINT}`, by label rule:", *compared]
    return "\n\n".join(parts)


def _is_compared(key: Key) -> bool:
    return (key.constraint, key.budget) == (grid.RULE_CONSTRAINT, grid.RULE_BUDGET) and key[:2] not in grid.FAR


def _filtered(measurements: Measurements, title: str, keys: Iterable[Key], defences: Sequence[str]) -> list[str]:
    """The table of the defences that were measured on all of some experiments; empty without any."""
    rows = [row for key in keys for row in measurements.by_key[key].values()]
    if not rows:
        return []
    mean_lost = statistics.mean(accuracy_drop(row) for row in rows)
    lines = []
    for name in (name for name in defences if all(name in row["defences"] for row in rows)):
        pairs = [(row, row["defences"][name]) for row in rows]
        recall = statistics.mean(100 * defence["found"] / row["n_poison"] for row, defence in pairs)
        clean_lost = statistics.mean(100 * defence["clean_lost"] / row["spec"]["train_size"] for row, defence in pairs)
        regained = statistics.mean(100 * (defence["accuracy"] - row["poisoned"]) for row, defence in pairs)
        lines.append([f"`{name}`", f"{recall:.0f} %", f"{fixed(clean_lost)} %", fixed(regained, sign=True)])
    header = ["Defence", "Found", "Clean lost", "Given back"]
    heading = f"**{title[0].upper()}{title[1:]}**, which cost {fixed(mean_lost)} points:"
    return [f"{heading}\n\n{markdown_table(header, lines)}"]


def _pair(measurements: Measurements, pair: tuple[str, str], defences: Sequence[str]) -> str:
    data, extractor = pair
    keys = [key for key in measurements.by_key if key[:2] == (data, extractor)]
    by_seed = {seed: 100 * row["clean"] for key in keys for seed, row in measurements.by_key[key].items()}
    clean = interval(list(by_seed.values()))
    assert clean is not None
    header = ["Attack", "Constraint", "Labels", "ε", "Seeds", "Drop", "Stage 2", *(f"{name}" for name in defences)]
    rows = []
    for key in sorted(keys, key=_place):
        has_stage2 = _has_inversion(measurements, key)
        rows.append(
            [
                f"`{key.attack}`",
                key.constraint,
                key.label_rule,
                f"{100 * key.budget:g} %",
                str(len(measurements.by_key[key])),
                _mean_of(measurements, key, accuracy_drop),
                _mean_of(measurements, key, stage2_drop) if has_stage2 else "",
                *(_left_by(measurements, key, name) for name in defences),
            ]
        )
    intro = (
        f"Clean accuracy {mean_and_interval(clean)} %. Under each defence: the mean drop that is left, from the clean "
        "head without any filter."
    )
    return f"{intro}\n\n{markdown_table(header, rows)}"


def _place(key: Key) -> tuple[int, int, bool, int, float]:
    """Order of a table: attacks as in the catalog, an attack's usual label rule first."""
    rules, unusual = list(LABEL_RULES), key.label_rule != grid.label_rule(key.attack)
    places = (list(RECORDS).index(key.attack), list(CONSTRAINTS).index(key.constraint))
    return *places, unusual, rules.index(key.label_rule), key.budget


def _has_inversion(measurements: Measurements, key: Key) -> bool:
    """Whether poisoned features were inverted to images, so that stage 2 has a drop of its own."""
    return all(row["stage2"] is not None and row["gap"] is not None for row in measurements.by_key[key].values())


def _left_by(measurements: Measurements, key: Key, name: str) -> str:
    if not all(name in row["defences"] for row in measurements.by_key[key].values()):
        return ""
    values = measurements.values(key, lambda row: 100 * (row["clean"] - row["defences"][name]["accuracy"]))
    return "" if not values else fixed(statistics.mean(values.values()))
