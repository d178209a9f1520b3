"""The direction of imports: a package of core imports only packages that stand before it; pages only core."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.system.paths import ROOT

ORDER = (
    *("system", "spec", "data", "heads", "extractors", "pretraining", "defences", "attacks", "certificates", "catalog"),
    *("experiments", "storage", "serving", "presentation", "challenge", "audit", "evidence", "cli"),
)
"""The packages of core from the ground up."""
PACKAGES = [path for path in (ROOT / "core").iterdir() if path.is_dir() and path.name != "__pycache__"]
FILES = sorted((ROOT / "core").rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports anywhere in it, as dotted names: those inside functions, too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str) -> Path | None:
    """The file of core behind an imported name, which may be a module or something in one."""
    parts = name.split(".")
    for length in (len(parts), len(parts) - 1):
        path = ROOT.joinpath(*parts[:length])
        if parts[0] == "core" and (path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()):
            return path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
    return None


def test_every_package_has_its_place() -> None:
    assert sorted(path.name for path in PACKAGES) == sorted(ORDER)
    assert sorted(path.name for path in (ROOT / "core").glob("*.py")) == ["__init__.py", "__main__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_downwards(path: Path) -> None:
    package = path.relative_to(ROOT / "core").parts[0]
    if package not in ORDER:  # the facade stands above all of them
        return
    allowed = ORDER[: ORDER.index(package) + 1]
    names = [name for name in imported(path) if name.split(".")[0] == "core" and len(name.split(".")) > 1]
    assert [name for name in names if name.split(".")[1] not in allowed] == []
    assert [
        name for name in imported(path) if name.split(".")[0] in ("streamlit", "pages", "tests", "benchmarks")
    ] == []


def test_there_is_no_circle() -> None:
    """Within a package, too; an import that only types need counts as well."""
    edges = {path: {file for name in imported(path) if (file := module_of(name)) and file != path} for path in FILES}
    done: set[Path] = set()

    def visit(path: Path, trail: tuple[Path, ...]) -> None:
        assert path not in trail, " -> ".join(str(step.relative_to(ROOT)) for step in (*trail, path))
        if path not in done:
            for other in sorted(edges.get(path, ())):
                visit(other, (*trail, path))
            done.add(path)

    for path in FILES:
        visit(path, ())
