"""The database in place of Redis, under two gunicorn workers: the same cookies before, during and after."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import stack
from conftest import Browser, Stack
from support import evidence
from vedfolnir import _core

HOOKS = ["before_request", "view", "template", "error_handler", "login_loader", "wtf", "stream"]


def command(shop: Stack, *words: str) -> Any:
    done = subprocess.run(
        [str(stack.CLI), "--json", *words],
        env=shop.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def events(shop: Stack, kind: str) -> list[dict[str, Any]]:
    answer = command(shop, "audit", "list", "--type", kind, "--limit", "100")
    return list(answer["events"])


def doctor_on_fallback(shop: Stack) -> tuple[str, str]:
    done = subprocess.run(
        [str(stack.CLI), "--json", "doctor"],
        env=shop.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (check,) = (one for one in json.loads(done.stdout)["checks"] if one["id"] == "fallback")
    return check["status"], check["message"]


def back_on_redis(shop: Stack, phases: int) -> None:
    """Every process that left Redis has come back, and told it everything."""

    def settled() -> bool:
        began, ended = events(shop, "fallback.began"), events(shop, "fallback.ended")
        left = command(shop, "fallback", "status")["records_ahead"]
        return len(ended) >= phases and len(began) == len(ended) and left == 0

    stack.wait_until(settled, "all processes are back on Redis", 40)


def await_workers(shop: Stack, active: int) -> None:
    """Until both workers say that they use the database, or that they do not."""

    def all_say_so() -> bool:
        asked = [shop.browser().get("/fallback").json() for _ in range(12)]
        agreed = {answer["pid"] for answer in asked if answer["active"] == active}
        return len(agreed) == 2 and all(answer["active"] == active for answer in asked)

    stack.wait_until(all_say_so, f"both workers have fallback_active {active}", 40)


def forced(shop: Stack, mode: str) -> None:
    """Switches all processes, and waits until they have followed."""
    assert command(shop, "fallback", mode)["mode"] == mode
    await_workers(shop, int(mode == "on"))


@pytest.fixture(scope="module")
def known(shop: Stack) -> Browser:
    """A user whose session the database has a copy of: it began there."""
    forced(shop, "on")
    browser = shop.browser()
    browser.get("/login/7")
    browser.get("/write?key=key&value=1")
    browser.get("/hook/wtf")
    assert shop.records() == [], "Redis was left alone"
    forced(shop, "auto")
    back_on_redis(shop, 1)
    assert len(shop.records()) == 1
    return browser


@pytest.mark.ids("S103", "S37", "S36")
def test_a_session_that_began_in_the_database_is_in_redis_afterwards(
    shop: Stack, known: Browser
) -> None:
    answer = known.get("/read").json()
    assert answer["user"] == "7"
    assert answer["keys"] == {"key": "1"}
    switches = events(shop, "fallback.mode")
    assert [event["detail"] for event in reversed(switches)] == [
        {"from": "auto", "to": "on"},
        {"from": "on", "to": "auto"},
    ]
    assert all(event["actor"].startswith("operator:") for event in switches)
    report = command(shop, "fallback", "status")["last_return"]["report"]
    assert set(report) >= {"restored", "conflicting", "ended", "rejected", "lost"}


@pytest.mark.ids("S37", "S36", "S81", "C28")
def test_redis_killed(shop: Stack, known: Browser, make_stack: Callable[[], Stack]) -> None:
    stranger = shop.browser()
    stranger.get("/write?key=key&value=anonymous")
    leaver = known.tab()
    phases = len(events(shop, "fallback.began"))

    shop.redis.stop()
    for round_ in range(30):  # a connection belongs to one worker: both take part
        answer = known.tab().get(f"/write?key=key&value={round_}")
        assert answer.status == 200, answer.text
        assert known.tab().get("/read").json()["keys"]["key"] == str(round_)
    for hook in HOOKS:
        assert known.get(f"/hook/{hook}?write=1").status == 200, hook
    assert known.get("/who").text == "7"
    before = stranger.session_id
    answer = stranger.get("/write?key=key&value=overwritten")
    assert answer.status == 503, "an anonymous session that cannot be read is not replaced"
    assert int(answer.headers["Retry-After"]) > 0
    assert stranger.session_id == before
    newcomer = shop.browser()
    assert newcomer.get("/login/8").status == 200
    assert newcomer.get("/who").text == "8"
    second = shop.browser()
    second.get("/login/9")
    leaver.cookies["session"] = str(second.session_id)
    assert second.get("/logout/now").text == "ended"
    assert leaver.get("/who").text == "nobody"
    visitor = shop.browser()
    assert visitor.get("/write?key=key&value=new").status == 200
    assert visitor.get("/read").json()["keys"] == {"key": "new"}

    shop.redis.start()
    back_on_redis(shop, phases + 1)
    assert known.get("/read").json()["keys"]["key"] == "29"
    assert "key_hook" in known.get("/read").json()["keys"]
    assert known.get("/who").text == "7"
    assert newcomer.get("/who").text == "8"
    assert leaver.get("/who").text == "nobody"
    assert stranger.get("/read").json()["keys"] == {"key": "anonymous"}
    assert visitor.get("/read").json()["keys"] == {"key": "new"}


@pytest.mark.ids("S37", "S81", "R7", "F09")
def test_redis_refuses_changes(shop: Stack, known: Browser) -> None:
    """Reads come from Redis, and from the database for what changed; each worker sees what the other wrote."""
    second = shop.browser()
    second.get("/login/9")
    thief = second.tab()
    with shop.redis.client() as client:
        client.config_set("min-replicas-to-write", 1)
        for round_ in range(30):  # a connection belongs to one worker: both take part
            assert known.tab().get(f"/write?key=key&value=r{round_}").status == 200
            answer = known.tab().get("/read").json()
            assert answer["keys"]["key"] == f"r{round_}", "the other worker shows it at once"
        assert second.get("/logout/now").text == "ended"
        # The worker that ended it refuses at once, the other one within a poll and a comparison.
        stack.wait_until(
            lambda: all(thief.tab().get("/who").text == "nobody" for _ in range(10)),
            "refused everywhere",
        )
        assert len(shop.records()) >= 2, "Redis still holds the record"
        client.config_set("min-replicas-to-write", 0)
    back_on_redis(shop, 1)
    assert known.get("/read").json()["keys"]["key"] == "r29"
    assert thief.get("/who").text == "nobody"


@pytest.mark.ids("S103", "S37")
def test_forced_off_the_database_never_takes_over(shop: Stack, known: Browser) -> None:
    command(shop, "fallback", "off")
    shop.redis.stop()
    # Each worker follows within a second; from then on every answer is the same.
    stack.wait_until(
        lambda: all(known.tab().get("/read").status == 503 for _ in range(10)), "off everywhere"
    )
    assert events(shop, "fallback.mode")[0]["detail"] == {"from": "auto", "to": "off"}
    assert doctor_on_fallback(shop)[0] == "warn"
    shop.redis.start()
    stack.wait_until(lambda: known.get("/read").status == 200, "sessions are back")
    forced(shop, "auto")
    assert known.get("/who").text == "7"
    assert doctor_on_fallback(shop)[0] == "ok"


@pytest.mark.ids("S36", "F05", "R12")
def test_an_emptied_redis_fills_itself_again(shop: Stack, known: Browser) -> None:
    with shop.redis.client() as client:
        client.flushdb()
    assert shop.records() == []

    def filled() -> bool:
        # Until it hears of the loss, a worker may answer from its near cache.
        assert known.get("/who").text == "7"
        return len(shop.records()) == 1

    stack.wait_until(filled, "the session is back in Redis")


@pytest.mark.ids("S103", "S66")
def test_sql_that_does_not_say_how_it_is_switched_is_named(
    make_stack: Callable[[], Stack],
) -> None:
    """The last known mode holds, and Redis serves; the operator reads why nothing can be switched."""
    running = make_stack()
    away = running.folder / "gone" / "sessions.db"
    said = "how the fallback is switched cannot be read from SQL"
    with running.serve("--workers", "1", SESSION_DATABASE_URL=f"sqlite:///{away}"):
        browser = running.browser()
        assert browser.get("/write?key=key&value=1").status == 200
        assert browser.get("/read").json()["keys"] == {"key": "1"}
        log = running.folder / "gunicorn.log"
        stack.wait_until(lambda: said in log.read_text(), "the log says it", 10)


@pytest.mark.ids("S103", "S66")
def test_status_says_what_waits_and_what_the_last_return_brought_whoever_did_it(
    make_stack: Callable[[], Stack],
) -> None:
    running = make_stack()
    with running.serve("--workers", "2"):
        before = running.browser()
        before.get("/login/7")
        assert before.get("/who").text == "7"
        assert command(running, "fallback", "status")["endings_waiting"] == 0
        for outage in range(1, 3):
            leaver = running.browser()
            leaver.get("/login/9")
            with running.redis.client() as client:
                client.config_set("min-replicas-to-write", 1)
                while len(events(running, "fallback.began")) < 2 * outage:
                    assert running.browser().get("/login/8").status == 200
                logins = running.browser()
                assert logins.get("/login/8").status == 200
                assert leaver.get("/logout/now").text == "ended"
                status = command(running, "fallback", "status")
                assert status["endings_waiting"] == 1
                assert status["endings_held"] == outage
                written = status["records_ahead"]
                verdict, message = doctor_on_fallback(running)
                assert verdict == "warn"
                assert message.endswith(f": {written}")
                assert written > 0
                client.config_set("min-replicas-to-write", 0)
            # Each look is a process of its own, which may be the one that tells Redis.
            back_on_redis(running, 2 * outage)
            status = command(running, "fallback", "status")
            assert status["endings_waiting"] == 0
            assert status["endings_held"] == outage, "what ever happened"
            last = status["last_return"]
            # Two may tell the same at once: it is restored once, and unchanged for the other.
            assert last["report"]["restored"] == written
            assert last["processes"] == 2
        running.redis.stop()
        assert command(running, "fallback", "status")["endings_waiting"] is None
        running.redis.start()


def lines_of(running: Stack, words: str) -> list[str]:
    log = (running.folder / "gunicorn.log").read_text()
    return [line for line in log.splitlines() if words in line]


@pytest.mark.ids("S103", "S37", "S95")
def test_a_redis_that_was_never_there_is_named_at_the_first_request(
    make_stack: Callable[[], Stack],
) -> None:
    """A wrong REDIS_URL works on SQL, but not in silence."""
    running = make_stack()
    port = stack.free_port()
    url = f"redis://u:password-of-a-url@localhost:{port}/0"
    with running.serve("--workers", "1", REDIS_URL=url):
        browser = running.browser()
        assert browser.get("/login/7").status == 200
        first = lines_of(running, "Redis fails")
        assert len(first) == 1, first
        assert "the connection was refused" in first[0]
        assert f"localhost:{port}" in first[0]
        for _ in range(15):
            assert browser.get("/who").text == "7"
        stack.wait_until(lambda: bool(lines_of(running, "fallback.began")), "its beginning is said")
        assert "the connection was refused" in lines_of(running, "fallback.began")[0]
        stranger = running.browser()
        manager = _core.SessionManager.open({}, {**running.environment, "REDIS_URL": url})
        stranger.cookies["session"] = manager.mint_id()
        evidence.issued(stranger.cookies["session"])
        assert stranger.get("/read").status == 503
        # Once each, however many requests there are.
        assert len(lines_of(running, "Redis fails")) == 1
        assert len(lines_of(running, "fallback.began")) == 1
        (unavailable,) = lines_of(running, "no copy of this session")
        assert "the connection was refused" in unavailable
        log = (running.folder / "gunicorn.log").read_text()
        assert "hot store" not in log
        assert "password-of-a-url" not in log


@pytest.mark.ids("S103", "S37")
def test_the_end_of_an_outage_is_said_with_its_figures(make_stack: Callable[[], Stack]) -> None:
    running = make_stack()
    with running.serve("--workers", "1"):
        browser = running.browser()
        browser.get("/login/7")
        for outage in range(1, 3):
            running.redis.stop()
            for _ in range(15):
                browser.get("/who")
            newcomer = running.browser()
            assert newcomer.get("/login/8").status == 200
            assert len(lines_of(running, "Redis fails")) == outage
            running.redis.start()
            # Not by asking the command: whatever looks there may tell Redis first.
            stack.wait_until(
                lambda so_far=outage: len(lines_of(running, "fallback.ended")) == so_far,
                "its end is said",
                40,
            )
            ended = lines_of(running, "fallback.ended")
            assert json.loads(ended[-1][ended[-1].index("{") :])["restored"] >= 1
