"""Secure and SameSite as the browser applies them, and what people are told when they do not fit (S7)."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import stack
from drive import Client, chromium
from playwright.sync_api import Browser, Playwright

HOST = "demo.example"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The demo's environment with the product's own settings: production, where Secure is on."""
    folder = tmp_path_factory.mktemp("secure")
    with stack.Redis(folder / "redis") as redis:
        found = stack.demo_environment(folder, redis.url, secrets.token_hex())
        del found["SESSION_COOKIE_SECURE"], found["VEDFOLNIR_ENV"]
        found["VEDFOLNIR_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
        yield found


@pytest.fixture(scope="module")
def web(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[stack.Gunicorn]:
    log = tmp_path_factory.mktemp("secure-web") / "gunicorn.log"
    with stack.Gunicorn(stack.DEMO, stack.free_port(), environment, log) as running:
        yield running


@pytest.fixture
def elsewhere(playwright: Playwright) -> Iterator[Browser]:
    """A browser to which the demo is a host in the net: on loopback, http counts as secure."""
    with chromium(playwright, f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as browser:
        yield browser


@pytest.mark.ids("S7", "S5", "C11")
def test_cookie_is_secure_by_default_and_a_browser_drops_it_on_http(
    web: stack.Gunicorn, elsewhere: Browser
) -> None:
    answer = requests.get(f"{web.url}/sign-in", timeout=10)
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]

    page = elsewhere.new_page()
    page.goto(f"http://{HOST}:{web.port}/sign-in")
    assert page.context.cookies() == []


@pytest.mark.ids("S7", "S98")
def test_doctor_names_a_secure_cookie_on_http_and_its_fix(
    web: stack.Gunicorn, environment: dict[str, str]
) -> None:
    command = [str(stack.CLI), "doctor", "--url", f"{web.url}/sign-in", "--json"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    checks = {each["id"]: each for each in json.loads(done.stdout)["checks"]}
    finding = checks["cookie.secure_over_http"]
    assert finding["status"] == "fail"
    assert "login" in finding["message"]
    assert "SESSION_COOKIE_SECURE" in finding["fix"]
    assert done.returncode == 1


@pytest.mark.ids("S7", "S11")
def test_same_site_none_without_secure_is_refused_at_start(
    environment: dict[str, str], tmp_path: Path
) -> None:
    wrong = {**environment, "SESSION_COOKIE_SECURE": "false", "SESSION_COOKIE_SAMESITE": "None"}
    web = stack.Gunicorn(stack.DEMO, stack.free_port(), wrong, tmp_path / "gunicorn.log")
    with pytest.raises(stack.StackError, match="SESSION_COOKIE_SAMESITE"):
        web.start()
    web.stop()


@pytest.mark.ids("S7", "C11")
def test_lax_cookie_is_not_sent_with_a_foreign_post(demo_url: str, elsewhere: Browser) -> None:
    """A form on another site posts to us: the browser leaves the cookie at home."""
    client = Client(demo_url)
    client.sign_in()
    context = elsewhere.new_context()
    context.add_cookies(
        [{"name": "session", "value": client.cookie or "", "url": demo_url, "sameSite": "Lax"}]
    )
    page = context.new_page()
    sent: list[str] = []
    page.on(
        "request",
        lambda request: sent.append(request.all_headers().get("cookie", ""))
        if request.method == "POST"
        else None,
    )
    page.goto("data:text/html,<p>")
    page.set_content(
        f'<form method="post" action="{demo_url}/sign-out"><button>Win</button></form>'
    )
    with page.expect_navigation():
        page.click("button")
    context.close()

    assert sent == [""]
    assert client.signed_in


@pytest.fixture
def demo_url(demo) -> str:  # type: ignore[no-untyped-def]
    return str(demo.url)
