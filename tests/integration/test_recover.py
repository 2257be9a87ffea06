"""Copies in SQL, and sessions that come back from them into a Redis that lost everything."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stack
from conftest import MARKERS, Browser, Stack

USERS = range(10)
RATE = 4


@pytest.fixture
def shop(make_stack: Callable[[], Stack]) -> Iterator[Stack]:
    running = make_stack()
    running.environment |= {"VEDFOLNIR_JOBS": "true", "VEDFOLNIR_JOBS_LEASE_MS": "1000"}
    with running.serve():
        yield running


def run(shop: Stack, *arguments: str, code: int = 0) -> Any:
    done = subprocess.run(
        [str(stack.CLI), "--json", *arguments],
        env={**os.environ, **shop.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout) if code == 0 else done.stderr


def signed_in(shop: Stack, *users: int) -> list[Browser]:
    browsers = []
    for user in users:
        browser = shop.browser()
        browser.get(f"/login/{user}")
        browsers.append(browser)
    return browsers


def copies(shop: Stack) -> int:
    return int(shop.sql("SELECT COUNT(*) FROM records WHERE is_note = 0")[0][0])


def nothing_waits(shop: Stack) -> bool:
    return not any(key.endswith(b":dirty") for key in shop.all_keys())


@pytest.mark.ids("S35", "S4")
def test_a_change_is_copied_and_holds_nothing_in_plain(shop: Stack) -> None:
    (browser,) = signed_in(shop, 31)
    stack.wait_until(lambda: copies(shop) == 1, "the login is copied")
    ((before,),) = shop.sql("SELECT generation FROM records")
    browser.get(f"/write?key=secret&value={MARKERS[0]}")
    stack.wait_until(
        lambda: shop.sql("SELECT generation FROM records")[0][0] > before, "the save is copied"
    )
    ((text,),) = shop.sql("SELECT bytes FROM records")
    sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert MARKERS[0].encode() not in sealed
    dump = b"".join(path.read_bytes() for path in (shop.folder / "state").glob("*.db*"))
    assert MARKERS[0].encode() not in dump
    assert browser.session_id is not None
    assert browser.session_id.encode() not in dump
    stack.wait_until(lambda: nothing_waits(shop), "the list is empty")
    (job,) = [each for each in run(shop, "jobs")["jobs"] if each["job"] == "snapshots"]
    assert job["outcome"] == "done"


@pytest.mark.ids("S51", "S36", "S104", "F05", "R12", "N4")
def test_an_emptied_redis_is_filled_again_and_what_ended_stays_ended(shop: Stack) -> None:
    browsers = signed_in(shop, *USERS)
    browsers[0].get("/logout/now")
    stack.wait_until(
        lambda: nothing_waits(shop) and copies(shop) >= len(browsers) - 1, "all are copied"
    )
    run(shop, "sessions", "end", "--all-of-user", "1")
    assert "nothing was recovered yet" in run(shop, "recover", "--report", code=1)
    would = run(shop, "recover", "--dry-run")
    assert (would["restored"], would["present"]) == (0, 8)

    with shop.redis.client() as client:
        client.flushall()
    would = run(shop, "recover", "--dry-run")
    assert (would["restored"], would["dry_run"]) == (8, True)
    assert shop.records() == []
    done = run(shop, "recover")
    assert (done["restored"], done["rejected"], done["lost"]) == (8, 0, 0)
    assert len(shop.records()) == 8
    again = run(shop, "recover")
    assert (again["restored"], again["conflicting"], again["present"]) == (0, 0, 8)
    assert len(shop.records()) == 8
    report = run(shop, "recover", "--report")["recovery.done"]
    assert report["report"]["present"] == 8
    assert report["by"].startswith("operator:")
    people = [browser.get("/who").text for browser in browsers]
    assert people == ["nobody", "nobody", *(str(user) for user in USERS[2:])]


@pytest.mark.ids("S36", "R8")
def test_a_recovery_goes_no_faster_than_it_may(shop: Stack) -> None:
    signed_in(shop, *USERS)
    stack.wait_until(lambda: nothing_waits(shop) and copies(shop) == len(USERS), "all are copied")
    with shop.redis.client() as client:
        client.flushall()
    began = time.monotonic()
    assert run(shop, "recover", "--rate", str(RATE))["restored"] == len(USERS)
    assert time.monotonic() - began >= len(USERS) // RATE
