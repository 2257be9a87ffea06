"""The demo while Redis is away: public pages go on, the rest says 503, and nobody is logged out."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import stack
from conftest import Demo, keep
from playwright.sync_api import Page


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Demo]:
    """A demo of its own, whose Redis may be taken away."""
    with stack.Redis(tmp_path / "redis") as redis:
        environment = stack.demo_environment(tmp_path, redis.url, secrets.token_hex())
        log = tmp_path / "gunicorn.log"
        with stack.Gunicorn(stack.DEMO, stack.free_port(), environment, log) as web:
            yield Demo(web.url, redis, environment, log, web)
    keep(tmp_path)


@pytest.mark.ids("S49", "C28", "N3")
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_pages_degrade_and_come_back_signed_in(lonely: Demo, page: Page, how: str) -> None:
    page.goto(f"{lonely.url}/sign-in")
    page.locator("button.account").first.click()
    page.wait_for_url("**/desk")
    before = [each for each in page.context.cookies() if each["name"] == "session"]

    if how == "killed":
        lonely.redis.stop(signal.SIGTERM)
    else:
        lonely.redis.send(signal.SIGSTOP)

    for path in ("/", "/how-it-works", "/static/style.css"):
        answer = page.goto(lonely.url + path)
        assert answer is not None
        assert answer.status == 200, path
    answer = page.goto(f"{lonely.url}/desk")
    if how == "frozen":
        # A connection that stands and is silent: what a worker holds counts until its age bound (5 s), then no more.
        until = time.monotonic() + 30
        while answer is not None and answer.status == 200 and time.monotonic() < until:
            answer = page.goto(f"{lonely.url}/desk")
    assert answer is not None
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "set-cookie" not in answer.headers
    assert page.inner_text("h1") == "Sessions are taking a breath"
    assert "Traceback" not in page.content()
    assert [each for each in page.context.cookies() if each["name"] == "session"] == before

    if how == "killed":
        lonely.redis.start()
    else:
        lonely.redis.send(signal.SIGCONT)

    def back() -> bool:
        again = page.goto(f"{lonely.url}/desk")
        return again is not None and again.status == 200

    stack.wait_until(back, "the desk is back")
    assert page.url.endswith("/desk"), "the restart logged the user out"
    assert page.inner_text("h1") == "Astrid’s desk"
