"""What the shipped experiments can be filtered by, and what is special about each. No Streamlit here."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from core.attacks.registry import record_of
from core.catalog.differences import differences, field_label, value_text
from core.experiments.summary import SIGNIFICANCE, RunSummary
from core.spec.experiment import ExperimentSpec

FACETS = {"of": "Data", "poisoned": "Budget", "makes": "Makes", "effect": "Effect"}
"""Key in a link and heading of each facet."""
WORDS = {
    "images": "Images",
    "features": "Features only",
    "hurts": "Costs accuracy",
    "none": "Within the noise",
    "helps": "Raises accuracy",
}
SAY_THEMSELVES = ("data", "extractor", "attack")
MOST_SPECIAL = 3


def facets(spec: ExperimentSpec, summary: RunSummary) -> dict[str, str]:
    """The value of an experiment in each of `FACETS`."""
    is_sure = summary.p_value() < SIGNIFICANCE
    return {
        "of": spec.data,
        "poisoned": value_text("budget", spec.budget).removesuffix(" %"),
        "makes": "images" if record_of(spec.attack.name).makes_images else "features",
        "effect": "none" if not is_sure else "hurts" if summary.drop() > 0 else "helps",
    }


def words(facet: str, value: str) -> str:
    """The value of a facet for people."""
    if facet == "of":
        return value_text("data", value)
    return f"{value} %" if facet == "poisoned" else WORDS[value]


def options(all_facets: Sequence[Mapping[str, str]], facet: str) -> list[str]:
    """The values that experiments have in a facet, as they come; budgets by size."""
    values = list(dict.fromkeys(values[facet] for values in all_facets))
    return sorted(values, key=float) if facet == "poisoned" else values


def fits(values: Mapping[str, str], chosen: Mapping[str, Sequence[str]]) -> bool:
    """Whether an experiment has one of the chosen values in each facet; nothing chosen means any."""
    return all(not wanted or values[facet] in wanted for facet, wanted in chosen.items())


@lru_cache(maxsize=256)  # the gallery says it of all, each time that it is drawn
def special(spec: ExperimentSpec, default: ExperimentSpec) -> str:
    """What an experiment does otherwise than the default one, in a line."""
    parts = []
    for field, (_, value) in differences([default, spec]):
        if value is None or (field.startswith("attack.") and spec.attack.name != default.attack.name):
            continue
        text = value_text(field, value)
        parts.append(text if field in SAY_THEMSELVES else f"{field_label(field)} {text}")
    if not parts:
        return "The lab's default: all others are beside this one."
    more = f" and {len(parts) - MOST_SPECIAL} more" if len(parts) > MOST_SPECIAL else ""
    return f"Unlike the default: {', '.join(parts[:MOST_SPECIAL])}{more}"
