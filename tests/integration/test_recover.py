"""Copies in SQL, and sessions that come back from them into a Redis that lost everything."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import Popen
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

    shop.web.stop()  # its background work would be quicker
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
    shop.web.start()
    people = [browser.get("/who").text for browser in browsers]
    assert people == ["nobody", "nobody", *(str(user) for user in USERS[2:])]


@pytest.mark.ids("S36", "R8")
def test_a_recovery_goes_no_faster_than_it_may(shop: Stack) -> None:
    signed_in(shop, *USERS)
    stack.wait_until(lambda: nothing_waits(shop) and copies(shop) == len(USERS), "all are copied")
    shop.web.stop()  # its background work would be quicker
    with shop.redis.client() as client:
        client.flushall()
    began = time.monotonic()
    assert run(shop, "recover", "--rate", str(RATE))["restored"] == len(USERS)
    assert time.monotonic() - began >= len(USERS) // RATE


@pytest.mark.ids("F05", "R6", "S36")
def test_an_emptied_redis_is_filled_again_beside_the_requests(shop: Stack) -> None:
    browsers = signed_in(shop, *USERS)
    stack.wait_until(lambda: nothing_waits(shop) and copies(shop) == len(USERS), "all are copied")
    shop.redis.stop()
    shop.redis.start()
    with shop.redis.client() as client:
        client.flushall()
    stack.wait_until(lambda: len(shop.records()) == len(USERS), "nobody has to ask for his own")
    stack.wait_until(
        lambda: "recovery.done" in json.dumps(run(shop, "audit", "list")), "it stands in the trail"
    )
    report = run(shop, "recover", "--report")["recovery.done"]
    assert (report["by"], report["report"]["restored"]) == ("system", len(USERS))
    assert [browser.get("/who").text for browser in browsers] == [str(user) for user in USERS]


@pytest.mark.ids("F27", "R6", "S36")
def test_an_older_record_that_was_put_back_gives_way_to_the_copy_in_sql(shop: Stack) -> None:
    (browser,) = signed_in(shop, 41)
    (key,) = shop.records()
    browser.get("/write?key=key_note&value=older")
    with shop.redis.client() as client:
        older = client.get(key) or b""
    browser.get("/write?key=key_note&value=newer")
    with shop.redis.client() as client:
        generation = int.from_bytes((client.get(key) or b"")[4:12], "big")
    stack.wait_until(
        lambda: shop.sql("SELECT generation FROM records") == [(generation,)], "it is copied"
    )
    # As by a backup that is restored.
    with shop.redis.client() as client:
        client.set(key, older, keepttl=True)
    shop.redis.stop()
    shop.redis.start()

    def note() -> str:
        answer = browser.get("/read")
        return str(answer.json()["keys"]["key_note"]) if answer.status == 200 else ""

    stack.wait_until(lambda: note() != "", "it is answered")
    assert note() == "newer"


MANY = range(50, 70)


@pytest.fixture
def emptied(make_stack: Callable[[], Stack]) -> Iterator[Stack]:
    """Redis lost everything; SQL has a copy of each login."""
    running = make_stack()
    with running.serve():
        signed_in(running, *MANY)
        assert copies(running) == len(MANY)
        with running.redis.client() as client:
            client.flushall()
        yield running


@contextmanager
def recovering(shop: Stack, ignored: signal.Signals | None = None) -> Iterator[Popen[str]]:
    """Slowly, and under way."""
    # Whoever runs the tests may ignore some (nohup, a job in the background), and children inherit that.
    command = ["env", "--default-signal=INT,TERM,HUP"]
    if ignored is not None:
        command.append("--ignore-signal=" + ignored.name.removeprefix("SIG"))
    command += [str(stack.CLI), "--json", "recover", "--rate", "2"]
    with Popen(
        command,
        env={**os.environ, **shop.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        stack.wait_until(lambda: shop.records() != [], "something is restored")
        yield process


@pytest.mark.ids("S36", "S44")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_recovery_tells_what_it_did(emptied: Stack, sent: signal.Signals) -> None:
    with recovering(emptied) as process:
        process.send_signal(sent)
        said, why = process.communicate(timeout=30)
    assert process.returncode == -sent, why
    assert "interrupted" in why
    report = json.loads(said)
    assert report["interrupted"]
    assert 0 < report["restored"] < len(MANY)
    assert len(emptied.records()) == report["restored"]
    reports = run(emptied, "recover", "--report")
    assert list(reports) == ["recovery.cut_short"]
    assert reports["recovery.cut_short"]["report"]["restored"] == report["restored"]
    rest = run(emptied, "recover")
    assert (rest["present"], rest["interrupted"]) == (report["restored"], False)
    assert rest["restored"] == len(MANY) - report["restored"]


@pytest.mark.ids("S36", "S44")
def test_a_recovery_outlives_a_signal_that_is_ignored(emptied: Stack) -> None:
    with recovering(emptied, ignored=signal.SIGHUP) as process:
        process.send_signal(signal.SIGHUP)
        said, why = process.communicate(timeout=30)
    assert process.returncode == 0, why
    assert json.loads(said)["restored"] == len(MANY)


@pytest.mark.ids("R6", "S36")
def test_a_redis_that_is_flushed_during_a_recovery_does_not_count_as_complete(
    emptied: Stack,
) -> None:
    with recovering(emptied) as process:
        with emptied.redis.client() as client:
            client.flushall()
        said, why = process.communicate(timeout=30)
        assert process.returncode == 0, why
    assert json.loads(said)["seen"] == len(MANY)
    with emptied.redis.client() as client:
        assert b"copies" not in client.hgetall("vedfolnir:session:{00}:compared")
    assert run(emptied, "recover")["restored"] > 0
    with emptied.redis.client() as client:
        assert b"copies" in client.hgetall("vedfolnir:session:{00}:compared")
