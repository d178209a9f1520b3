"""From measured rows to the content of an audit's report; what its numbers mean, `core.audit.advice` says."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from core.audit import curves, limits
from core.audit.advice import actions, verdict
from core.audit.folder import Row
from core.audit.plan import Cell, Plan, reference, worth
from core.audit.views import refusals
from core.audit.words import percent_of
from core.catalog.choices import attack_title, defence_title, one_line
from core.experiments.sweep import interval
from core.system.versions import versions

VERSION = 1
"""Of the format of audit.json."""


def findings(plan: Plan, rows: Mapping[str, Row], remarks: Sequence[str] = ()) -> dict[str, Any]:
    """The content of audit.json.

    Args:
        plan: of the audit.
        rows: by hash, the cells that were measured so far.
        remarks: what was assumed of data and extractor.

    Raises:
        KeyError: no cell was measured yet.
    """
    cells = [(cell, rows[cell.spec.hash]) for cell in plan.cells if cell.spec.hash in rows]
    first = cells[0][1]
    attacks = [found for attack in plan.attacks if (found := _attack(attack, plan, cells))]
    judged = [row for cell, row in cells if cell.judged and cell.in_curve]
    evaded = {cell.judged[0]: row["defences"] for cell, row in cells if cell.is_evaded}
    evaded = {name: found[name] for name, found in evaded.items() if name in found}
    cut = [
        f"The time ran out while {attack_name(row['attack'])} at {percent_of(row['budget'])} was judged: what is "
        "missing of defences, heads and certificates is measured when the audit goes on with more time."
        for _, row in cells
        if row.get("is_cut")
    ]
    report: dict[str, Any] = {
        "version": VERSION,
        "subject": one_line(plan.base).split(" · ")[:2],
        "spec": plan.base.model_dump(mode="json"),
        "ridge": plan.base.ridge,
        "classes": first["classes"],
        "n_train": first["n_train"],
        "n_test": first["n_test"],
        "clean": sum(row["clean"] for _, row in cells) / len(cells),
        "balanced": sum(fmean(row["clean_classes"]) for _, row in cells) / len(cells),
        "is_uneven": any(row.get("is_uneven", False) for _, row in cells),
        "reference": reference(plan.budgets),
        "budgets": list(plan.budgets),
        "seeds": list(plan.seeds),
        "measured": len(cells),
        "planned": len(plan.cells),
        "left_out": [*plan.left_out, *cut],
        "attacks": attacks,
        "defences": _defences(judged, evaded),
        "heads": {attack_name(row["attack"]): row["heads"] for row in judged if row.get("heads")},
        "head_notes": refusals(plan.base, plan.attacks),
        "limited": _limited(plan, cells),
        "certificate": next((row["certificate"] for _, row in cells if "certificate" in row), None),
        "flips": next((row["flips"] for _, row in cells if "flips" in row), None),
        "dirt": next((row["dirt"] for _, row in cells if "dirt" in row), None),
        "remarks": list(remarks),
        "runs": [_run(row) for _, row in cells],
        "versions": versions(),
    }
    return {**report, "verdict": verdict(report), "actions": actions(report)}


def attack_name(attack: str) -> str:
    """An attack for people."""
    return "Random label flips" if attack == "flips" else attack_title(attack)


def _run(row: Row) -> dict[str, Any]:
    kept = {key: row[key] for key in ("hash", "attack", "is_evaded", "budget", "seed", "clean", "poisoned")}
    return {**kept, "limit": row.get("limit", ""), "seconds": round(row.get("seconds", 0.0), 2)}


def _limited(plan: Plan, cells: Sequence[tuple[Cell, Row]]) -> list[dict[str, Any]]:
    """What is left of the damage where the attacker knows less, beside the same attack with all knowledge."""
    known = {(row["attack"], row["budget"], row["seed"]): row for cell, row in cells if cell.in_curve}
    return [
        {
            "attack": row["attack"],
            "title": attack_name(row["attack"]),
            "limit": cell.limit,
            "has": limits.words(plan.base, cell.limit),
            "budget": row["budget"],
            "drop": 100 * (row["clean"] - row["poisoned"]),
            "known": 100 * (full["clean"] - full["poisoned"]),
        }
        for cell, row in cells
        if cell.limit and (full := known.get((row["attack"], row["budget"], row["seed"])))
    ]


def _attack(attack: str, plan: Plan, cells: Sequence[tuple[Cell, Row]]) -> dict[str, Any] | None:
    """Curve, critical budgets and classes of one attack; None where no cell was measured."""
    by_budget: dict[float, dict[int, Row]] = defaultdict(dict)
    for cell, row in cells:
        if row["attack"] == attack and cell.in_curve:
            by_budget[row["budget"]][row["seed"]] = row
    if not by_budget:
        return None
    complete, seeds = _complete(by_budget)
    drops = {
        budget: [100 * (found[seed]["clean"] - found[seed]["poisoned"]) for seed in seeds]
        for budget, found in complete.items()
    }
    budgets = sorted(drops)
    at = reference(budgets)
    rows = [by_budget[at][seed] for seed in seeds]
    n_classes = len(rows[0]["classes"])
    lost = [
        100 * sum(row["clean_classes"][i] - row["poisoned_classes"][i] for row in rows) / len(rows)
        for i in range(n_classes)
    ]
    _, fit = curves.fitted(drops)
    points = []
    for budget in budgets:
        spread = interval(drops[budget])
        assert spread is not None
        points.append({"budget": budget, "drop": spread.mean, "low": spread.low, "high": spread.high})
    return {
        "attack": attack,
        "title": attack_name(attack),
        "seeds": seeds,
        "curve": points,
        "fit": fit[1:],
        "critical": [found.to_json() for found in curves.critical(drops)],
        "reference": at,
        "class_drops": lost,
    }


def _complete(by_budget: Mapping[float, Mapping[int, Row]]) -> tuple[dict[float, Mapping[int, Row]], list[int]]:
    """The budgets and seeds of the most telling whole grid: curves compare the same seeds at every budget.

    An audit that was stopped may lack some budgets of the last seeds.
    """
    every = sorted({seed for found in by_budget.values() for seed in found})
    grids = []
    for count in range(1, len(every) + 1):
        seeds = every[:count]
        whole = {budget: found for budget, found in by_budget.items() if set(seeds) <= found.keys()}
        grids.append((whole, seeds))
    return max(grids, key=lambda grid: worth(len(grid[0]), len(grid[1])) if grid[0] else -1.0)


def _defences(judged: Sequence[Row], evaded: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each defence against each attack, the most useful first."""
    table = []
    for name in dict.fromkeys(name for row in judged for name in row["defences"]):
        by_attack = {
            row["attack"]: {
                **row["defences"][name],
                "recall": row["defences"][name]["found"] / row["defences"][name]["n_poison"],
                "lost": row["defences"][name]["clean_lost"] / row["defences"][name]["n_clean"],
                "regained": 100 * (row["defences"][name]["accuracy"] - row["poisoned"]),
            }
            for row in judged
            if name in row["defences"]
        }
        adapted = evaded.get(name)
        table.append(
            {
                "name": name,
                "title": defence_title(name),
                "attacks": by_attack,
                "evaded_recall": None if adapted is None else adapted["found"] / adapted["n_poison"],
            }
        )
    return sorted(table, key=lambda row: -min(found["accuracy"] for found in row["attacks"].values()))
