"""What an audit's numbers say in plain words, and what to do; every number stands in the report."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from core.audit.words import class_words, critical_words, percent_of
from core.system.numbers import counted, digits, fixed

USEFUL, CHEAP = 0.5, 0.1
"""A filter is worth a recommendation if it finds this share of the poison, and removes at most that of clean points."""


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
        f"Budgets at which accuracy is lost: {'; '.join(_critical(report, attack))}.",
    ]
    if attack["class_drops"][worst] > 0:
        name, lost = class_words(classes[worst], begins=True), fixed(attack["class_drops"][worst])
        sentences.append(f"{name} suffers most: {lost} points.")
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


def first_critical(report: Mapping[str, Any], i: int) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The attack that loses so many points with the least poison, and its critical budget; of none, the strongest one.

    Args:
        report: see `findings`.
        i: which of the points lost, see `core.audit.curves.critical`.
    """
    reached = [attack for attack in report["attacks"] if attack["critical"][i]["budget"] is not None]
    attack = min(reached, key=lambda attack: attack["critical"][i]["budget"], default=strongest(report))
    return attack, attack["critical"][i]


def _critical(report: Mapping[str, Any], named: Mapping[str, Any]) -> list[str]:
    """Each critical budget in words, with its attack where that is another one than the one that was named."""
    parts = []
    for i in range(len(named["critical"])):
        attack, found = first_critical(report, i)
        by = "" if attack["attack"] == named["attack"] else f" by {attack['title']}"
        parts.append(f"{counted(round(found['points']), 'point')}, {critical_words(found)}{by}")
    return parts


def actions(report: Mapping[str, Any]) -> list[str]:
    """What to do, each tied to a number of the report."""
    attack, todo = strongest(report), []
    _, first = first_critical(report, 0)
    if first["budget"] is not None:
        todo.append(
            f"Bound what one source may contribute: below {percent_of(first['budget'])} of the training set, no "
            f"attack that was measured costs {digits(first['points'])} point."
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
            f"Watch the accuracy of {class_words(report['classes'][worst])} on test data of your own: it falls by "
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
