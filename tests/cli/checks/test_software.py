"""Versions, and whether they go together."""

import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from core.catalog.plugins import INTERFACE
from core.cli.checks import software
from core.cli.checks.check import Check
from core.system import paths, versions


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def by_state(state: str) -> list[Check]:
    return [check for check in software.packages() if check.state == state]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Versions that differ from those that are installed; None where a package is missing."""
    others: dict[str, str | None] = {}
    real = metadata.version

    def version(name: str) -> str:
        if name not in others:
            return real(name)
        if others[name] is None:
            raise metadata.PackageNotFoundError(name)
        return str(others[name])

    monkeypatch.setattr(metadata, "version", version)
    return others


def test_the_product_says_its_version_and_that_of_its_interface() -> None:
    text = software.product().text
    assert f"{versions.__version__}, plug-in interface {INTERFACE}," in text


def test_the_commit_is_that_of_the_checkout_and_says_whether_files_differ(tmp_path: Path) -> None:
    assert software.git_commit(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert software.git_commit(tmp_path) is None, "there is no commit yet"
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")[:12]
    assert software.git_commit(tmp_path) == commit
    (tmp_path / "file").write_text("two")
    assert software.git_commit(tmp_path) == f"{commit}-dirty"


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert software.git_commit(tmp_path) is None


def test_what_is_installed_here_agrees_with_the_constraints() -> None:
    [check] = software.packages()
    assert check.state == "ok"
    assert all(f"{name} {metadata.version(name)}" in check.text for name in software.PACKAGES)
    assert check.text.endswith("of constraints.txt that are installed agree with it")


def test_another_version_is_a_warning(installed: dict[str, str | None]) -> None:
    installed["plotly"] = "5.0.0"
    [check] = by_state("warning")
    assert "plotly 5.0.0 (constraints.txt: 7" in check.text
    assert "pip install" in check.remedy
    assert by_state("fault") == []


def test_a_local_build_of_the_pinned_version_is_that_version(installed: dict[str, str | None]) -> None:
    installed["torch"] = metadata.version("torch").partition("+")[0] + "+cpu"
    assert [check.state for check in software.packages()] == ["ok"]


def test_a_missing_package_is_a_fault(installed: dict[str, str | None]) -> None:
    installed["umap-learn"] = None
    [check] = by_state("fault")
    assert check.text == "Package umap-learn is missing"
    assert software.installed()["umap-learn"] is None


def test_a_torch_that_torchvision_can_not_work_with_is_a_fault(installed: dict[str, str | None]) -> None:
    installed["torch"] = "1.0.0"
    [check] = by_state("fault")
    assert f"torchvision {metadata.version('torchvision')} needs torch" in check.text
    assert "torch is 1.0.0" in check.text


def test_without_constraints_nothing_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    [check] = software.packages()
    assert check.state == "ok"
    assert "constraints.txt" not in check.text


def test_another_system_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert software.system().state == "ok"
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    check = software.system()
    assert check.state == "warning"
    assert "docs/portability.md" in check.remedy
