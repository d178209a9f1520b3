"""What records of attacks and defences have registered: settings by name, without anything that runs them."""

from core.spec.models import AttackSettings, default_name

ATTACKS: dict[str, type[AttackSettings]] = {}
"""The settings of every attack, by its name, in the order in which attacks are listed."""
EVADABLE: dict[str, None] = {}
"""The defences that an attack can be made to pass, in the order in which they are listed."""
PLUGINS: dict[str, str] = {}
"""SHA-256 of the file that each attack or defence from outside comes from, by its name."""


def register_attack(settings: type[AttackSettings]) -> None:
    """Let specs ask for an attack."""
    ATTACKS[default_name(settings)] = settings


def register_evadable(name: str) -> None:
    """Let specs ask for poison that passes a defence."""
    EVADABLE[name] = None


def forget(name: str) -> None:
    """Take back what a plug-in has registered under a name."""
    for registered in (ATTACKS, EVADABLE, PLUGINS):
        registered.pop(name, None)
