"""The report of an audit as one HTML page that needs no network and can be printed; its figure is drawn as SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from core.audit import folder
from core.audit.words import critical_words, head_names, left_of_damage, percent_of
from core.presentation.figures.palette import PALETTE
from core.presentation.templates import template
from core.system.numbers import digits, fixed

TEMPLATE = "audit.html.j2"
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 300, 56, 16, 16, 44


def document(content: dict[str, Any]) -> str:
    """The page of an audit.

    Args:
        content: of its audit.json.
    """
    return template(TEMPLATE).render(
        audit=content,
        figure=curve_svg(content),
        critical_words=critical_words,
        percent_of=percent_of,
        head_names=head_names,
        left_of_damage=left_of_damage,
        share=lambda value, places=1: f"{fixed(100 * value, places)} %",
        points=lambda value: fixed(value),
        digits=digits,
        embedded=Markup(folder.embedded(content)),
    )


def curve_svg(content: Mapping[str, Any]) -> str:
    """Points of accuracy lost against the budget, a line for each attack, with intervals over seeds."""
    attacks: Sequence[Mapping[str, Any]] = content["attacks"]
    most_x: float = max(point["budget"] for attack in attacks for point in attack["curve"])
    most_y: float = max(1.0, *(point["high"] for attack in attacks for point in attack["curve"]))
    least_y: float = min(0.0, *(point["low"] for attack in attacks for point in attack["curve"]))

    def x(budget: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * budget / most_x

    def y(drop: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (most_y - drop) / (most_y - least_y)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 22 * len(attacks)}" role="img" '
        'aria-label="Points of accuracy lost against the budget">'
    ]
    for i in range(5):
        value = least_y + (most_y - least_y) * i / 4
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
            f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{fixed(value)}</text>'
        )
    for budget in content["budgets"]:
        if budget <= most_x:
            parts.append(
                f'<text x="{x(budget):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                f"{digits(100 * budget)}</text>"
            )
    parts.append(
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">Budget, in % of the training set</text>'
    )
    for i, attack in enumerate(attacks):
        colour, curve = PALETTE[i % len(PALETTE)], attack["curve"]
        line = " ".join(f"{x(point['budget']):.1f},{y(point['drop']):.1f}" for point in curve)
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{x(0):.1f},{y(0):.1f} {line}"/>'
        )
        for point in curve:
            at = f"{x(point['budget']):.1f}"
            parts.append(
                f'<line stroke="{colour}" x1="{at}" x2="{at}" y1="{y(point["low"]):.1f}" y2="{y(point["high"]):.1f}"/>'
                f'<circle fill="{colour}" r="3.5" cx="{at}" cy="{y(point["drop"]):.1f}"/>'
            )
        parts.append(
            f'<rect fill="{colour}" x="{LEFT}" y="{HEIGHT + 22 * i}" width="14" height="4"/>'
            f'<text x="{LEFT + 22}" y="{HEIGHT + 22 * i + 7}">{escape(attack["title"])}</text>'
        )
    return Markup("".join([*parts, "</svg>"]))
