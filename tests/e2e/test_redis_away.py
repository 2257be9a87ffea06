"""The demo while Redis is away: with copies in SQL nobody notices; without, public pages go on, the rest is a 503."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import stack
from conftest import Demo
from playwright.sync_api import Page


def sign_in(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/sign-in")
    page.locator("button.account").first.click()
    page.wait_for_url("**/desk")


def take_away(demo: Demo, how: str) -> None:
    if how == "killed":
        demo.redis.stop(signal.SIGTERM)
    else:
        demo.redis.send(signal.SIGSTOP)


def give_back(demo: Demo, how: str) -> None:
    if how == "killed":
        demo.redis.start()
    else:
        demo.redis.send(signal.SIGCONT)


def session_cookies(page: Page) -> list[str]:
    return [each["value"] for each in page.context.cookies() if each["name"] == "session"]


@pytest.mark.ids("S35", "S36", "S49", "C28", "N3")
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_session_from_before_goes_on_from_its_copy(
    lonely: Demo, tmp_path: Path, page: Page, how: str
) -> None:
    sign_in(lonely, page)
    before = session_cookies(page)

    def copied() -> bool:
        with lonely.redis.client() as client:
            listed = list(client.scan_iter(match="*:dirty", count=1000))
        path = tmp_path / "state" / "sessions.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            copies = db.execute("SELECT COUNT(*) FROM records WHERE user_tag IS NOT NULL")
            return not listed and copies.fetchone() == (1,)

    stack.wait_until(copied, "the session has its copy")

    take_away(lonely, how)
    for path in ("/desk", "/", "/desk"):
        answer = page.goto(lonely.url + path)
        assert answer is not None
        assert answer.status == 200, path
    assert page.inner_text("h1") == "Astrid’s desk"
    assert session_cookies(page) == before

    give_back(lonely, how)
    answer = page.goto(f"{lonely.url}/desk")
    assert answer is not None
    assert answer.status == 200
    assert page.inner_text("h1") == "Astrid’s desk"
    assert session_cookies(page) == before


@pytest.mark.ids("S49", "C28", "N3")
@pytest.mark.parametrize("how", ["killed", "frozen"])
@pytest.mark.parametrize("lonely", [{"SESSION_FALLBACK": "false"}], indirect=True, ids=["alone"])
def test_pages_degrade_and_come_back_signed_in(lonely: Demo, page: Page, how: str) -> None:
    sign_in(lonely, page)
    before = session_cookies(page)
    take_away(lonely, how)

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
    assert session_cookies(page) == before

    give_back(lonely, how)

    def back() -> bool:
        again = page.goto(f"{lonely.url}/desk")
        return again is not None and again.status == 200

    stack.wait_until(back, "the desk is back")
    assert page.url.endswith("/desk"), "the restart logged the user out"
    assert page.inner_text("h1") == "Astrid’s desk"
