"""What an attack does not read has no control: whatever makes it so stands before it in the sidebar."""

import pytest

from core.spec.models import parameters
from core.spec.registry import ATTACKS
from pages import _state

CHOICES = [
    (attack, parameter, value)
    for attack, settings in ATTACKS.items()
    for parameter, schema in parameters(settings).items()
    for value in schema.get("enum", ())
]


@pytest.mark.parametrize(("attack", "parameter", "value"), CHOICES)
def test_it_has_no_control(attack: str, parameter: str, value: str) -> None:
    values, _ = _state.from_query({"attack": attack, parameter: value, "defaults": "3"})
    settings = ATTACKS[attack](**{name: values[name] for name in parameters(ATTACKS[attack]) if name in values})
    unread = settings.unread(str(values["labels"]))
    assert unread.isdisjoint(values.keys())
    assert parameters(ATTACKS[attack]).keys() - unread <= values.keys()
