"""Logging in: without it nothing changes; where the server wants it, no page is shown before."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.system.paths import ROOT
from core.system.settings import is_allowed
from tests.apps import own_store, shown_text

AUTH = {"redirect_uri": "http://localhost:8501/oauth2callback", "cookie_secret": "x" * 32, "client_id": "a"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_store(tmp_path, monkeypatch)


def opened(user: dict[str, object] | None = None) -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=60)
    app.secrets["auth"] = AUTH
    if user is not None:
        app.user = {"is_logged_in": True, "iss": "https://login.example.org", "sub": "1", **user}
    app.switch_page("bring.py")
    app.run()
    assert not app.exception
    return app


def test_nothing_is_shown_before_the_login() -> None:
    app = opened()
    assert [button.label for button in app.button] == ["Log in"]
    assert "Upload your own data" not in shown_text(app)
    assert not app.sidebar.children


def test_who_has_logged_in_sees_the_page_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_ALLOWED", "example.org")
    app = opened({"email": "ada@example.org"})
    assert "Upload your own data" in shown_text(app)
    assert "Logged in as ada@example.org" in shown_text(app)
    assert app.button(key="log-out")


@pytest.mark.parametrize("user", [{"email": "eve@evil.org"}, {}, {"email": "ada@example.org", "email_verified": False}])
def test_who_is_not_allowed_stays_out(user: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_ALLOWED", "example.org")
    app = opened(user)
    assert "Your account may not use this lab" in shown_text(app)
    assert "Upload your own data" not in shown_text(app)


@pytest.mark.parametrize(
    ("email", "enters"),
    [
        ("a@b.org", True),
        ("A@B.ORG", True),
        ("c@d.org", True),
        ("e@d.org", False),
        ("a@x.b.org", False),
        ("b.org", False),
        ("", False),
    ],
)
def test_addresses_and_domains(email: str, enters: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_ALLOWED", "b.org, c@d.org")
    assert is_allowed(email) is enters
