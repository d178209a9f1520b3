"""A login by OpenID Connect, there and back, in a real browser with a real server and a provider of the test's own."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import server as app_server
from tests.browser.server import shown

pytest.importorskip("authlib", reason="no Authlib: pip install -r requirements-login.txt")
pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("base", ["", "/user/ada/lab"])
def test_a_login_there_and_back(base: str, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = app_server.free_port()
    provider = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "tests.browser.provider:app", "--port", str(port), "--log-level", "warning"],
        cwd=app_server.ROOT,
    )
    try:
        issuer = f"http://127.0.0.1:{port}"
        end = time.monotonic() + app_server.START_SECONDS
        while app_server.status_of(f"{issuer}/keys") != 200:
            assert time.monotonic() < end
            time.sleep(0.1)
        own = app_server.free_port()
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(
            "[auth]\n"
            f'redirect_uri = "http://127.0.0.1:{own}{base}/oauth2callback"\n'
            f'cookie_secret = "{"x" * 40}"\n'
            'client_id = "poison-lab"\nclient_secret = "s"\n'
            f'server_metadata_url = "{issuer}/.well-known/openid-configuration"\n'
        )
        monkeypatch.setenv("STREAMLIT_SECRETS_FILES", str(secrets))
        monkeypatch.setenv("POISON_LAB_ALLOWED", "example.org")
        with app_server.server(tmp_path, own, base) as address:
            page.goto(f"{address}/gallery")
            expect(shown(page, "This lab is for people who have an account.")).to_be_visible()
            expect(page.get_by_role("heading", name="Gallery")).to_have_count(0)
            page.get_by_role("button", name="Log in").click()
            expect(shown(page, "Logged in as ada@example.org")).to_be_visible()
            page.goto(f"{address}/bring")
            expect(page.get_by_role("heading", name="Upload your own data")).to_be_visible()
            page.get_by_role("button", name="Log out").click()
            expect(page.get_by_role("button", name=re.compile("^Log in"))).to_be_visible()
    finally:
        provider.kill()
        provider.wait()
