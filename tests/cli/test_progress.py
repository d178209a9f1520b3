"""The progress line."""

import pytest

from core.cli.progress import ProgressLine
from core.spec.events import STAGES, Event


def test_progress_on_a_terminal_is_written_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = ProgressLine()
    for done in (1, 2):
        progress(Event("stage2", done, 2, {"damage": 0.12345678}))
    progress(Event("map"))
    printed = capsys.readouterr().err
    assert printed.count("\n") == 2, "a line for each stage"
    assert f"\r\033[K{STAGES['stage2']} 2/2  damage 0.1235" in printed
    assert f"\r\033[K{STAGES['map']}" in printed
