"""From measured rows to the content of an audit's report: numbers, a verdict in plain words, and what to do."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from core.audit import curves, limits
from core.audit.folder import Row
from core.audit.plan import Cell, Plan, reference, worth
from core.audit.views import refusals
from core.audit.words import critical_words, percent_of
from core.catalog.choices import attack_title, defence_title, one_line
from core.experiments.sweep import interval
from core.system.numbers import counted, digits, fixed
from core.system.versions import versions

VERSION = 1
"""Of the format of audit.json."""
USEFUL, CHEAP = 0.5, 0.1
"""A filter is worth a recommendation if it finds this share of the poison, and removes at most that of clean points."""


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
    evaded = {cell.judged[0]: row["defences"][cell.judged[0]] for cell, row in cells if cell.is_evaded}
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
        "left_out": list(plan.left_out),
        "attacks": attacks,
        "defences": _defences(judged, evaded),
        "heads": {attack_name(row["attack"]): row["heads"] for row in judged if "heads" in row},
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
    for name in judged[0]["defences"] if judged else ():
        by_attack = {
            row["attack"]: {
                **row["defences"][name],
                "recall": row["defences"][name]["found"] / row["defences"][name]["n_poison"],
                "lost": row["defences"][name]["clean_lost"] / row["defences"][name]["n_clean"],
                "regained": 100 * (row["defences"][name]["accuracy"] - row["poisoned"]),
            }
            for row in judged
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


def strongest(report: Mapping[str, Any]) -> dict[str, Any]:
    """The attack that costs most at its largest common budget with the reference."""
    found: dict[str, Any] = max(report["attacks"], key=lambda attack: _at_reference(attack)["drop"])
    return found


def _at_reference(attack: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(point for point in attack["curve"] if point["budget"] == attack["reference"])
    return found


def verdict(report: Mapping[str, Any]) -> str:
    """One paragraph in plain words; every number in it stands in the report."""
    attack = strongest(report)
    point, classes = _at_reference(attack), report["classes"]
    worst = max(range(len(classes)), key=lambda i: attack["class_drops"][i])
    spread = f"{fixed(point['low'])} to {fixed(point['high'])} over {len(attack['seeds'])} seeds"
    if len(attack["seeds"]) == 1:
        spread = "one seed, no interval"
    sentences = [
        f"Without poison the head is right on {fixed(100 * report['clean'])} % of "
        f"{counted(report['n_test'], 'test point')}.",
        f"Poison of {percent_of(point['budget'])} of the training set costs {fixed(point['drop'])} points ({spread}) "
        f"by the strongest attack that was measured, {attack['title']}.",
        "Budgets at which accuracy is lost: "
        + "; ".join(
            f"{counted(round(found['points']), 'point')}, {critical_words(found)}" for found in attack["critical"]
        )
        + ".",
        f"{classes[worst]} suffers most: {fixed(attack['class_drops'][worst])} points.",
    ]
    if report.get("is_uneven"):
        sentences.append(
            f"Classes are uneven: balanced accuracy, the mean over classes, is {fixed(100 * report['balanced'])} %, "
            f"and the same poison costs {fixed(fmean(attack['class_drops']))} points of it."
        )
    if report["defences"]:
        best = report["defences"][0]
        found = best["attacks"].get(attack["attack"])
        if found:
            sentences.append(
                f"Of {counted(len(report['defences']), 'defence')}, {best['title']} leaves the best head: it finds "
                f"{fixed(100 * found['recall'], 0)} % of that poison and removes {fixed(100 * found['lost'])} % of the "
                f"clean points, and accuracy is then {fixed(100 * found['accuracy'])} %."
            )
    return " ".join(sentences)


def actions(report: Mapping[str, Any]) -> list[str]:
    """What to do, each tied to a number of the report."""
    attack, todo = strongest(report), []
    first = attack["critical"][0]
    if first["budget"] is not None:
        todo.append(
            f"Bound what one source may contribute: below {percent_of(first['budget'])} of the training set, even the "
            f"strongest attack costs less than {digits(first['points'])} point."
        )
    else:
        todo.append(
            f"No attack cost {digits(first['points'])} point below {percent_of(first['most'])}: keep the bound on what "
            "one source may contribute there, and repeat the audit when data or extractor change."
        )
    for defence in report["defences"]:
        found = defence["attacks"].get(attack["attack"])
        if found and found["recall"] >= USEFUL and found["lost"] <= CHEAP and found["regained"] > 0:
            text = (
                f"Filter by {defence['title']}: it finds {fixed(100 * found['recall'], 0)} % of the poison for "
                f"{fixed(100 * found['lost'])} % of the clean points, and regains {fixed(found['regained'])} points."
            )
            if defence["evaded_recall"] is not None:
                text += f" Of poison made to pass it, it finds {fixed(100 * defence['evaded_recall'], 0)} %."
            todo.append(text)
            break
    else:
        if any(attack["attack"] in defence["attacks"] for defence in report["defences"]):
            todo.append(
                f"Do not rely on a filter: none finds {fixed(100 * USEFUL, 0)} % of the poison for at most "
                f"{fixed(100 * CHEAP, 0)} % of the clean points and makes the head better."
            )
    drops = attack["class_drops"]
    worst = max(range(len(drops)), key=drops.__getitem__)
    if drops[worst] > 0:
        todo.append(
            f"Watch the accuracy of {report['classes'][worst]} on test data of your own: it falls by "
            f"{fixed(drops[worst])} points, while the whole falls by {fixed(_at_reference(attack)['drop'])}."
        )
    dirt = report["dirt"]
    if dirt and (dirt["n_issues"] or dirt["n_near"] or dirt["n_leaked"]):
        todo.append(
            f"Clean up first: {counted(dirt['n_issues'], 'label issue')}, {counted(dirt['n_near'], 'near-duplicate')} "
            f"({dirt['n_near_contradicting']:,} under another label) and {counted(dirt['n_leaked'], 'test point')} "
            "near a training point look like poison to every filter."
        )
    todo += _secrets(report.get("limited", ()), attack)
    certificate = report["certificate"]
    if certificate:
        todo.append(
            f"Where it has to be certain, vote: {certificate['partitions']} heads on parts of the data are right on "
            f"{fixed(100 * certificate['clean'])} %, and on {fixed(100 * _certified(certificate, 1))} % whatever one "
            f"poisoned point is; a single head, {fixed(100 * report['clean'])} %."
        )
    return todo


def _secrets(limited: Sequence[Mapping[str, Any]], attack: Mapping[str, Any]) -> list[str]:
    """What keeping something secret is worth against the strongest attack."""
    rows = [row for row in limited if row["attack"] == attack["attack"] and row["known"] > 0]
    if not rows:
        return []
    best = min(rows, key=lambda row: row["drop"])
    return [
        f"Do not count on secrecy: an attacker with {best['has']} still takes {fixed(best['drop'])} of "
        f"{fixed(best['known'])} points."
        if best["drop"] > best["known"] / 2
        else f"Keep to yourself what the attacker needs: with {best['has']}, it takes {fixed(best['drop'])} instead of "
        f"{fixed(best['known'])} points."
    ]


def _certified(certificate: Mapping[str, Any], points: int) -> float:
    curve = certificate["certified"]
    return float(curve[points]) if points < len(curve) else 0.0
