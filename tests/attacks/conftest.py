"""Decoders of the tests are trained for moments only, and are cached in a folder of the tests' own."""

import pytest

from core.attacks.algorithms import decoders


@pytest.fixture(scope="session")
def decoder_home(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch, decoder_home: str) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", decoder_home)
    monkeypatch.setattr(decoders, "PIXEL_STEPS", 20)
    monkeypatch.setattr(decoders, "BOTH_STEPS", 10)
    monkeypatch.setattr(decoders, "REPORT_EVERY", 5)
