"""`gallery`."""

from pathlib import Path

import pytest

from core.cli.main import main
from core.storage.gallery import GalleryChange


def test_what_ships_is_listed_again_once_all_is_built(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[str] = []

    def build(*_: object, again: bool) -> list[GalleryChange]:
        steps.append(f"again: {again}")
        return [GalleryChange(Path("run"), "new")]

    monkeypatch.setattr("core.storage.gallery.build", build)
    monkeypatch.setattr("core.storage.assets.write_checksums", lambda: steps.append("listed"))
    monkeypatch.setattr("core.system.device.use_all_cores", lambda: None)
    assert main(["gallery", "--again"]) == 0
    assert steps == ["again: True", "listed"]
    assert capsys.readouterr().out == "run  new\n"
