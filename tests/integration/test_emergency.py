"""Ending many sessions at once: only what is meant, everywhere, with a dry run first."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stack
from conftest import Browser, Stack

WRONG_USAGE = 2


@pytest.fixture(scope="module")
def shop(make_stack: Callable[[], Stack]) -> Iterator[Stack]:
    running = make_stack()
    with running.serve():
        yield running


def emergency(shop: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(stack.CLI), "--json", "emergency", "end", *arguments],
        env={**os.environ, **shop.environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def answer(shop: Stack, *arguments: str) -> Any:
    done = emergency(shop, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def signed_in(shop: Stack, *users: int) -> list[Browser]:
    browsers = []
    for user in users:
        browser = shop.browser()
        browser.get(f"/login/{user}")
        browsers.append(browser)
    return browsers


def who(browsers: list[Browser]) -> list[str]:
    return [browser.get("/who").text for browser in browsers]


@pytest.mark.ids("S106", "V29", "V18")
def test_all_end_everywhere_after_a_dry_run_that_changes_nothing(shop: Stack) -> None:
    browsers = signed_in(shop, *range(500, 520), 500)
    assert "nobody" not in who(browsers)
    would = answer(shop, "--all")
    assert (would["would_end"], would["users"], would["dry_run"]) == (21, 20, True)
    assert "nobody" not in who(browsers)

    done = answer(shop, "--all", "--yes")
    assert (done["ending"], done["sessions"]) == ("ended", 21)
    assert set(who(browsers)) == {"nobody"}
    assert shop.sql("SELECT COUNT(*) FROM sessions WHERE ended_ms IS NULL") == [(0,)]
    assert shop.sql("SELECT DISTINCT end_reason FROM sessions") == [("security",)]
    assert shop.sql("SELECT COUNT(*) FROM audit_events WHERE type = 'session.ended'") == [(21,)]
    assert shop.sql("SELECT COUNT(*) FROM audit_events WHERE type = 'sessions.ended'") == [(1,)]
    # Sequences have no gap: the marks of Redis follow them.
    for shard, sequence in shop.sql("SELECT shard, sequence FROM shards WHERE sequence > 0"):
        with shop.redis.client() as client:
            mark = client.hget(f"vedfolnir:session:{{{shard:02x}}}:mark", "seq")
        assert mark is not None
        assert int(mark) == sequence
    assert answer(shop, "--all", "--yes")["sessions"] == 0
    (again,) = signed_in(shop, 500)
    assert who([again]) == ["500"]


@pytest.mark.ids("S106")
def test_only_the_named_users_sessions_end(shop: Stack) -> None:
    mine, other = signed_in(shop, 601, 602)
    assert answer(shop, "--user", "601")["would_end"] == 1
    assert answer(shop, "--user", "601", "--yes")["sessions"] == 1
    assert who([mine, other]) == ["nobody", "602"]


@pytest.mark.ids("S106")
def test_address_and_age_name_single_sessions(shop: Stack) -> None:
    (browser,) = signed_in(shop, 701)
    assert answer(shop, "--older-than", "1h")["would_end"] == 0
    assert answer(shop, "--ip", "203.0.113.9")["would_end"] == 0
    ((place,),) = shop.sql("SELECT DISTINCT place FROM sessions WHERE user_id = '701'")
    done = answer(shop, "--ip", place, "--user", "701", "--yes")
    assert done["sessions"] == 1
    assert who([browser]) == ["nobody"]
    # A session ended by its key leaves its user's other logins alone.
    (again,) = signed_in(shop, 701)
    assert who([again]) == ["701"]


@pytest.mark.ids("S106")
def test_a_dry_run_that_is_asked_for_is_one(shop: Stack) -> None:
    browsers = signed_in(shop, 801)
    done = answer(shop, "--user", "801", "--dry-run")
    assert (done["dry_run"], done["would_end"]) == (True, 1)
    assert who(browsers) == ["801"]
    assert emergency(shop, "--user", "801", "--dry-run", "--yes").returncode == WRONG_USAGE
    assert who(browsers) == ["801"]


@pytest.mark.ids("S106")
def test_a_scope_has_to_be_said(shop: Stack) -> None:
    for arguments in ((), ("--all", "--user", "1"), ("--older-than", "soon")):
        assert emergency(shop, *arguments).returncode == WRONG_USAGE


def announce(
    shop: Stack, operation: str, taken: str, user: str = "", after: int = 1000, copies: int = 1
) -> None:
    """What `emergency end --all`, or of a user, does first. `taken`: when, as an expression of SQL, in seconds.
    `after`: its time, milliseconds from now. More than one copy: with operations that count on."""
    with sqlite3.connect(shop.folder / "state" / "sessions.db", timeout=30) as database:
        database.executemany(
            "INSERT INTO emergencies VALUES"
            f" (?, unixepoch() * 1000 + ?, ({taken}) * 1000, ?, '', ?, 'security', 'oncall')",
            [
                (f"{int(operation, 16) + copy:032x}", after, user, 2**63 - 1)
                for copy in range(copies)
            ],
        )


def left_by_its_announcer(shop: Stack) -> None:
    with sqlite3.connect(shop.folder / "state" / "sessions.db", timeout=30) as database:
        database.execute("UPDATE emergencies SET taken_ms = 0")


@pytest.mark.ids("S106", "V29")
@pytest.mark.parametrize("redis", ["up", "down"])
def test_who_is_announced_is_refused_everywhere_before_it_is_written(
    make_stack: Callable[[], Stack], redis: str
) -> None:
    shop = make_stack()
    with shop.serve():
        browsers = signed_in(shop, 811, 812, 813)
        if redis == "down":
            shop.redis.stop()
            assert who(browsers) == ["811", "812", "813"]
        announce(shop, "a1" * 16, "unixepoch()")
        stack.wait_until(lambda: set(who(browsers)) == {"nobody"}, "all are refused")
        assert shop.sql("SELECT COUNT(*) FROM sessions WHERE ended_ms IS NOT NULL") == [(0,)]
        stack.wait_until(
            lambda: shop.sql("SELECT unixepoch() * 1000 > announced_ms FROM emergencies") == [(1,)],
            "logins count again",
        )
        (later,) = signed_in(shop, 811)
        assert who([later]) == ["811"]
        left_by_its_announcer(shop)
        stack.wait_until(
            lambda: shop.sql("SELECT COUNT(*) FROM emergencies") == [(0,)], "another writes it"
        )
        assert who([*browsers, later]) == ["nobody", "nobody", "nobody", "811"]


@pytest.mark.ids("S106", "R9")
def test_what_its_announcer_left_is_written_once(make_stack: Callable[[], Stack]) -> None:
    shop = make_stack()
    with shop.serve():
        browsers = signed_in(shop, 821, 822)
        announce(shop, "a2" * 16, "unixepoch() - 3600")
        stack.wait_until(
            lambda: shop.sql("SELECT COUNT(*) FROM emergencies") == [(0,)], "it is written"
        )
        assert who(browsers) == ["nobody", "nobody"]
        ended = "SELECT COUNT(*) FROM sessions WHERE end_reason = 'security'"
        assert shop.sql(ended) == [(2,)]
        assert shop.sql("SELECT COUNT(*) FROM audit_events WHERE type = 'session.ended'") == [(2,)]
        assert shop.sql("SELECT COUNT(*) FROM audit_events WHERE type = 'sessions.ended'") == [(1,)]
        (again,) = signed_in(shop, 821)
        assert who([again]) == ["821"]


LISTED = 256
"""So many announced endings each process looks at, the oldest first."""


@pytest.mark.ids("S106", "V29")
def test_who_is_announced_stays_refused_however_many_others_are(
    make_stack: Callable[[], Stack],
) -> None:
    shop = make_stack()
    with shop.serve():
        last, before, after = signed_in(shop, 841, 842, 843)
        while_tested = "unixepoch() + 3600"
        announce(shop, "c0" * 16, while_tested, user="841", after=60_000)
        stack.wait_until(lambda: who([last]) == ["nobody"], "the last one is seen")
        # From here on it stands behind those that are listed.
        announce(shop, "a0" * 16, while_tested, user="another", copies=LISTED - 1)
        announce(shop, "b0" * 16, while_tested, user="842", after=2_000)
        stack.wait_until(lambda: who([before]) == ["nobody"], "the full list is seen")
        with sqlite3.connect(shop.folder / "state" / "sessions.db", timeout=30) as database:
            database.execute(
                "UPDATE emergencies SET operation = ?, user_id = '843' WHERE user_id = '842'",
                ("b1" * 16,),
            )
        # What a process concluded from one list stands before it looks at the next.
        stack.wait_until(lambda: who([after]) == ["nobody"], "the next list is seen")
        stack.wait_until(
            lambda: who([before]) == ["842"], "one that is not listed any more is over"
        )
        assert who([last, after]) == ["nobody", "nobody"]


@pytest.mark.ids("S106", "V29")
def test_it_holds_when_redis_was_down(make_stack: Callable[[], Stack]) -> None:
    away = make_stack()
    with away.serve():
        browsers = signed_in(away, 801, 802)
        away.redis.stop()
        assert answer(away, "--all", "--yes")["sessions"] == 2
        assert who(browsers) == ["nobody", "nobody"]
        (back,) = signed_in(away, 801)
        away.redis.start()
        # A worker compares with SQL before its first answer over the new connection.
        answers = [browser.get("/who") for browser in browsers]
        assert all(each.status == 503 or each.text == "nobody" for each in answers)
        stack.wait_until(lambda: back.get("/who").text == "801", "the new login is there")
        assert who(browsers) == ["nobody", "nobody"]
