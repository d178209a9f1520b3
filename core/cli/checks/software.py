"""Which versions of what are installed, and whether they go together."""

import platform
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.cli.checks.check import Check
from core.system import paths, versions

PACKAGES = (*versions.PACKAGES, "numba", "numpy", "scipy", "safetensors", "pydantic")
"""Those whose versions a maintainer asks for."""
PAIR = ("torch", "torchvision")
"""Compiled for each other: the second does not work with another version of the first."""
CONSTRAINTS = "constraints.txt"
_GIT_SECONDS = 10


def product() -> Check:
    """Poison Lab itself: its version, that of its plug-in interface, and the commit of a checkout."""
    from core.catalog.plugins import INTERFACE

    commit = git_commit(paths.ROOT)
    kind = "installed copy" if paths.is_installed() else f"commit {commit or 'unknown'}"
    return Check("Poison Lab", "ok", f"{versions.__version__}, plug-in interface {INTERFACE}, {kind}")


def git_commit(root: Path) -> str | None:
    """The commit of a checkout, with "-dirty" where files differ from it; None where git does not say."""
    if not (root / ".git").exists():
        return None
    # Without its locks, git changes nothing: not even its index.
    command = ["git", "--no-optional-locks", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def python() -> Check:
    """The interpreter."""
    return Check("Python", "ok", f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}")


def system() -> Check:
    """Operating system and kernel."""
    name = " ".join((platform.system(), platform.release(), platform.machine()))
    with suppress(OSError, KeyError):  # not Linux, or one that does not say
        name = f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {name}"
    if "microsoft" in platform.release().lower():
        name += ", WSL"
    if platform.system() == "Linux":
        return Check("System", "ok", name)
    return Check(
        "System", "warning", name, "Poison Lab is tested on Linux alone; docs/portability.md lists what differs."
    )


def packages() -> list[Check]:
    """The packages that decide about results, and whether they are the versions that are pinned."""
    here = installed()
    listed = ", ".join(f"{name} {version}" for name, version in here.items() if version)
    pinned = _pinned(paths.ROOT / CONSTRAINTS)
    agree = "" if pinned is None else f"; all {len(pinned)} of {CONSTRAINTS} that are installed agree with it"
    differing = _differing(pinned or {})
    checks = [Check("Packages", "ok", listed + (agree if not differing else ""))]
    checks += [
        Check("Packages", "fault", f"Package {name} is missing", install())
        for name, version in here.items()
        if not version
    ]
    if differing:
        texts = [f"{name} {version} ({CONSTRAINTS}: {pin})" for name, (version, pin) in differing.items()]
        remedy = f"Results may differ from those of others. For the pinned versions: {install()}"
        checks.append(Check("Versions", "warning", ", ".join(texts), remedy))
    if mismatch := _mismatch(*PAIR):
        checks.append(Check("Versions", "fault", mismatch, f"They are a pair: {install()}"))
    return checks


def installed() -> dict[str, str | None]:
    """The versions of `PACKAGES`; None where one is missing."""
    return {name: version_of(name) for name in PACKAGES}


def version_of(name: str) -> str | None:
    """The installed version of a package; None where it is missing."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def install() -> str:
    """How to get the packages that are pinned."""
    if paths.is_installed():
        return "install Poison Lab again, which brings them."
    return f"pip install -r requirements.txt -c {CONSTRAINTS}."


def _pinned(path: Path) -> dict[str, Requirement] | None:
    """The constraints that hold on this machine and whose packages are installed, by name; None without the file."""
    try:
        lines = [line.partition(" #")[0].strip() for line in path.read_text().splitlines()]
    except OSError:
        return None
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): pin for pin in here if version_of(pin.name)}


def _differing(pinned: dict[str, Requirement]) -> dict[str, tuple[str, str]]:
    """Installed and pinned version of the packages whose version is another than the pinned one."""
    versions = {name: version_of(name) or "" for name in pinned}
    return {
        name: (versions[name], str(pin.specifier).removeprefix("=="))
        for name, pin in pinned.items()
        if not pin.specifier.contains(versions[name], prereleases=True)
    }


def _mismatch(needed: str, by: str) -> str | None:
    """What is wrong with two packages of which one asks for the other; None where nothing is."""
    version = version_of(needed)
    if version is None or version_of(by) is None:
        return None
    for line in metadata.requires(by) or []:
        requirement = Requirement(line)
        if canonicalize_name(requirement.name) == needed and not requirement.specifier.contains(
            version, prereleases=True
        ):
            return f"{by} {version_of(by)} needs {requirement}, and {needed} is {version}"
    return None
