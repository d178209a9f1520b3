"""The evidence as a document: claims first, then every number behind them."""

import statistics
from collections.abc import Callable, Sequence

from core.catalog import choices
from core.evidence import certificates, grid
from core.evidence.claims import CLAIMS, FEATURES, IMAGES, Claim
from core.evidence.classroom import mean_and_interval
from core.evidence.frozen import Frozen
from core.evidence.measurements import Key, Measured, Measurements, lost, stage2_lost
from core.experiments.sweep import interval
from core.spec.experiment import parse_spec
from core.system.tables import markdown_table

COMMAND = "python -m core reproduce"


def page(evidence: Frozen, certified: Sequence[Measured], lessons: str) -> str:
    """The whole document, as Markdown.

    Args:
        evidence: what was measured of the grid; see `core.evidence.attacks.measured` for its rows.
        certified: see `core.evidence.certificates.measured`.
        lessons: see `core.evidence.classroom.text`.
    """
    found, defences = Measurements(evidence.rows), evidence.defences
    parts = [_head(found, evidence.rows[0]), "## The claims, point by point", _verdicts(found)]
    parts += [_claim(claim, found) for claim in CLAIMS]
    parts += ["## What the filters find, and what they give back", _filters(found, defences)]
    parts += ["## What no attack can take", certificates.text(found, certified)]
    parts += ["## What a class may see", lessons]
    for pair in dict.fromkeys(key[:2] for key in found.by_key):
        parts += [f"## `{pair[0]}` by `{pair[1]}` ({choices.setting(*pair)})", _pair(found, pair, defences)]
    if evidence.missing or evidence.missing_defences:
        parts += ["## Not measured yet", _missing(evidence)]
    return "\n\n".join(parts) + "\n"


def _missing(evidence: Frozen) -> str:
    """What was registered since the measurements, and what they were broken off before."""
    lines = [f"- `{attack}` under `{constraint}`" for attack, constraint in evidence.missing]
    lines += [f"- the defence `{name}`" for name in evidence.missing_defences]
    return f"`{COMMAND}` measures it; until then no claim above rests on it.\n\n" + "\n".join(lines)


def _head(found: Measurements, example: Measured) -> str:
    spec = parse_spec(example["spec"])
    devices = ", ".join(dict.fromkeys(one["device"] for seeds in found.by_key.values() for one in seeds.values()))
    return (
        f"# Results\n\n`{COMMAND}` writes this page and measures what is missing of it. "
        f"{spec.train_size:,} clean training images, {spec.test_size:,} test images, λ = {spec.ridge:g}, "
        f"{len(found.seeds)} seeds, on {devices}. Each seed draws other images and other choices of the attack. "
        "Poison is *added*: ε is poisoned per clean image. Labels of the poison are those that the clean head finds "
        "least likely, of unlearnable examples the images' own. Attacks run with their default parameters, "
        f"`tgda-input` under `none` with a step of {grid.FREE_STEPS['tgda-input']['lr']:g}. Every accuracy is of a "
        "converged head on test images that no attack has seen; images are poisoned as they were exported, in 8 bits "
        "except under `none`.\n\n"
        "Numbers are points of test accuracy; a ± b is the mean over seeds with its 95 % interval (Student's t). "
        "A comparison is made seed by seed, averaged over all experiments that it can be made on, and its interval "
        "is that of the seeds' averages; in brackets, how many of the single experiments lie above 0, below 0 and "
        "over it by intervals of their own."
    )


def _verdicts(found: Measurements) -> str:
    rows = [[f"[{claim.words}](#{claim.name})", claim.source, f"**{claim.verdict(found)}**"] for claim in CLAIMS]
    return markdown_table(["Claim", "Whose", "Here"], rows, "lll")


def _claim(claim: Claim, found: Measurements) -> str:
    told = claim.verdicts(found)
    rows = []
    for one, verdict in told:
        assert one.pooled is not None
        more, less, open_ = one.counts
        rows.append([one.words, f"{mean_and_interval(one.pooled)} {one.unit}", f"({more}, {less}, {open_})", verdict])
    why = claim.why.get(claim.verdict(found), "")
    text = f'<a id="{claim.name}"></a>\n### {claim.words}\n\n{claim.source}. Here: **{claim.verdict(found)}**.'
    return f"{text} {why}".rstrip() + "\n\n" + markdown_table(["Compared", "Mean", "Single", "Verdict"], rows, "llll")


def _of(found: Measurements, key: Key, of: Callable[[Measured], float]) -> str:
    values = found.values(key, of)
    return mean_and_interval(interval(list(values.values()))) if values else ""


GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "images that attacks search for, under `valid` and `perturbation`": (IMAGES, ("valid", "perturbation")),
    "features under `valid`": (FEATURES, ("valid",)),
    "features under `none`": (FEATURES, ("none",)),
    "label flips": (("label-flip",), ("valid",)),
    "images that hardly harm: `noise` and `ue-input`": (("noise", "ue-input"), ("valid", "perturbation")),
}


def _filters(found: Measurements, defences: Sequence[str]) -> str:
    """Every defence on each kind of poison, at the largest budget."""
    most = max(key.budget for key in found.by_key)
    parts = [
        f"At ε = {100 * most:g} %, each defence by itself with its default settings; most remove 5 % of each class. "
        "*Found* is the share of the poison that is removed, *clean lost* the share of the clean images; *given back* "
        "is what the filtered head gains on the poisoned one. Means over data, extractors, attacks, constraints and "
        "seeds."
    ]
    for words, (attacks, constraints) in GROUPS.items():
        some = [
            one
            for key in found.select(attacks, constraints, [most])
            for seed, one in found.by_key[key].items()
            if seed in found.seeds
        ]
        if not some:
            continue
        mean_lost = statistics.mean(lost(one) for one in some)
        rows = []
        for name in defences:
            told = [(one, one["defences"][name]) for one in some]
            share = statistics.mean(100 * d["found"] / one["n_poison"] for one, d in told)
            price = statistics.mean(100 * d["clean_lost"] / one["spec"]["train_size"] for one, d in told)
            back = statistics.mean(100 * (d["accuracy"] - one["poisoned"]) for one, d in told)
            rows.append([f"`{name}`", f"{share:.0f} %", f"{price:.1f} %", f"{back:+.1f}"])
        header = ["Defence", "Found", "Clean lost", "Given back"]
        parts.append(
            f"**{words[0].upper()}{words[1:]}**, which cost {mean_lost:.1f} points:\n\n{markdown_table(header, rows)}"
        )
    return "\n\n".join(parts)


def _pair(found: Measurements, pair: tuple[str, str], defences: Sequence[str]) -> str:
    data, extractor = pair
    keys = [key for key in found.by_key if key[:2] == (data, extractor)]
    clean = interval([100 * one["clean"] for seed, one in found.by_key[keys[0]].items() if seed in found.seeds])
    assert clean is not None
    budgets = sorted({key.budget for key in keys})
    header = ["Attack", "Constraint", "ε", "Drop", "Stage 2", *(f"{name}" for name in defences)]
    rows = []
    for attack, constraint in grid.lines():
        for budget in budgets:
            key = Key(data, extractor, attack, constraint, budget)
            if key not in found.by_key:
                continue
            has_stage2 = _has_inversion(found, key)
            rows.append(
                [
                    f"`{attack}`",
                    constraint,
                    f"{100 * budget:g} %",
                    _of(found, key, lost),
                    _of(found, key, stage2_lost) if has_stage2 else "",
                    *(_left_by(found, key, name) for name in defences),
                ]
            )
    words = (
        f"Clean accuracy {mean_and_interval(clean)} %. Under each defence: the mean drop that is left, from the clean "
        "head without any filter."
    )
    return f"{words}\n\n{markdown_table(header, rows)}"


def _has_inversion(found: Measurements, key: Key) -> bool:
    """Whether images were made of poisoned features, so that stage 2 has a drop of its own."""
    return all(row["stage2"] is not None and row["gap"] is not None for row in found.by_key[key].values())


def _left_by(found: Measurements, key: Key, name: str) -> str:
    values = found.values(key, lambda one: 100 * (one["clean"] - one["defences"][name]["accuracy"]))
    return "" if not values else f"{statistics.mean(values.values()):.1f}"
