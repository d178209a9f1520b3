"""The home folder with its runs, and the environment's settings. Nothing is made, moved or marked as read."""

import os
import shutil
from pathlib import Path

from core.cli.checks.check import Check
from core.system import cache, paths, retention, settings
from core.system.errors import SettingError

FOLDERS = ("POISON_LAB_HOME", "POISON_LAB_WEIGHTS", "POISON_LAB_DATA")
"""Variables that name a folder; all others are fields of `Settings`."""
HIDDEN = {settings.variable("allowed"), settings.variable("scheduler")}
"""Variables whose value is nobody else's business: addresses of people and of machines."""
LITTLE_SPACE = 10**9
"""Free bytes below which a data set that is fetched may not fit."""


def home() -> Check:
    """Where caches, weights and results go: whether that can be written, and how much space is left."""
    folder = paths.home().absolute()
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    set_home = "set POISON_LAB_HOME to a folder that you may write to."
    if not nearest.is_dir():
        return Check("Home", "fault", f"{folder}: {nearest} is a file", f"Move it away, or {set_home}")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Check("Home", "fault", f"{folder}: {nearest} can't be written to", f"Change its rights, or {set_home}")
    text = f"{folder}, {'writable' if nearest == folder else 'made by the first run'}"
    free = shutil.disk_usage(nearest).free
    cached = sum(entry.size for entry in cache.entries())
    text += f", {retention.format_size(free)} free, {retention.format_size(cached)} of cache"
    if free < LITTLE_SPACE:
        return Check("Home", "warning", text, "Free space, or `poison-lab store --clean`.")
    return Check("Home", "ok", text)


def runs() -> Check:
    """The runs of the store: how many, how large, and whether this version can read them."""
    from core.storage.folders import RunFolders
    from core.storage.integrity import DamagedError, RunFolder, is_current

    root = paths.results()
    try:
        names = sorted(RunFolders(root, None).listing())
        aside = len(list((root / "damaged").iterdir())) if (root / "damaged").is_dir() else 0
    except OSError as error:
        return Check("Runs", "fault", f"{root} can't be read: {error.strerror}", "Change its rights.")
    foreign, damaged = [], []
    for name in names:
        try:
            if not is_current(RunFolder(root / name, False).read_stored_result()):
                foreign.append(name)
        except (DamagedError, ValueError, KeyError):
            damaged.append(name)
    size = sum(retention.size_of(root / name) for name in names)
    text = f"{len(names):,} in {root}, {retention.format_size(size)}" if names else f"none yet in {root}"
    faults = {"damaged": damaged, "of another version of Poison Lab or a plug-in that is not loaded": foreign}
    texts = [f"{len(runs):,} {words} ({runs[0]})" for words, runs in faults.items() if runs]
    if aside:
        texts.append(f"{aside:,} set aside as damaged before")
    if texts:
        remedy = "They are left out of lists; the same experiment, run again, replaces them."
        return Check("Runs", "warning", "; ".join([text, *texts]), remedy)
    return Check("Runs", "ok", f"{text}, in the format of this version" if names else text)


def environment() -> list[Check]:
    """The variables of Poison Lab that are set, and those of them that can't be used or mean nothing."""
    fields = {settings.variable(field): field for field in settings.Settings.model_fields}
    given = {name: value for name, value in sorted(os.environ.items()) if name.startswith(settings.variable(""))}
    shown = ", ".join(f"{name}={_shown(name, value)}" for name, value in given.items() if name in (*fields, *FOLDERS))
    checks = [Check("Environment", "ok", shown or "no variable of Poison Lab is set")]
    for name in given:
        if name in fields:
            try:
                settings.read(fields[name])
            except SettingError as error:
                checks.append(Check("Environment", "fault", str(error), f"Change {name}, or unset it."))
        elif name not in FOLDERS:
            known = ", ".join(sorted((*fields, *FOLDERS)))
            checks.append(Check("Environment", "warning", f"{name} means nothing", f"Unset it; known: {known}."))
    missing = [name for name in FOLDERS[1:] if given.get(name) and not Path(given[name]).is_dir()]
    checks += [
        Check(
            "Environment", "warning", f"{name} is {given[name]}, which is no folder", "Make it, or unset the variable."
        )
        for name in missing
    ]
    return checks


def _shown(name: str, value: str) -> str:
    return "(set, not shown)" if name in HIDDEN and value.strip() else value or '""'
