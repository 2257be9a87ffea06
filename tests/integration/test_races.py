"""Races under two workers, in an order forced by gates (the issue's "Done when" 3)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import stack
from conftest import Answer, Browser, Stack
from support.gates import Gates

REPETITIONS = 200
WRITERS = 4


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WRITERS) as running:
        yield running


def slow(pool: ThreadPoolExecutor, browser: Browser, path: str, gate: str) -> Future[Answer]:
    """A request that loads its session and then stands at the gate."""
    return pool.submit(browser.get, f"{path}{'&' if '?' in path else '?'}gate={gate}")


def on_both_workers(shop: Stack, owner: Browser) -> list[Browser]:
    """Tabs whose kept-alive connections end half in one worker, half in the other."""
    found: dict[str, list[Browser]] = {}

    def enough() -> bool:
        tab = owner.tab()
        found.setdefault(tab.get("/pid").text, []).append(tab)
        return len([tabs for tabs in found.values() if len(tabs) >= WRITERS // 2]) == 2

    stack.wait_until(enough, "connections to both workers")
    return [tab for tabs in found.values() for tab in tabs[: WRITERS // 2]]


@pytest.mark.ids("S22", "C31", "S32", "N2")
def test_parallel_writers_on_different_keys_lose_nothing(
    shop: Stack, gates: Gates, pool: ThreadPoolExecutor
) -> None:
    owner = shop.browser()
    owner.get("/login/7")
    tabs = on_both_workers(shop, owner)
    for repetition in range(REPETITIONS):
        pending = [
            slow(pool, tab, f"/write?key=key{number}&value={repetition}", "writers")
            for number, tab in enumerate(tabs)
        ]
        gates.await_arrivals("writers", WRITERS)
        gates.open("writers")
        for each in pending:
            assert each.result().status == 200
        found = owner.get("/read").json()["keys"]
        assert found == {f"key{number}": str(repetition) for number in range(WRITERS)}


@pytest.mark.ids("S22", "S15", "V03", "V16", "C08", "N1")
@pytest.mark.parametrize("how", ["/logout", "/logout/now"])
def test_a_slow_request_across_a_logout_revives_nothing(
    shop: Stack, gates: Gates, pool: ThreadPoolExecutor, how: str
) -> None:
    before = len(shop.records())
    for repetition in range(REPETITIONS):
        browser = shop.browser()
        browser.get("/login/slow")
        session_id = browser.session_id
        late = browser.tab()
        pending = slow(pool, late, f"/write?key=key{repetition}", "late")
        gates.await_arrivals("late")
        assert browser.get(how).status == 200
        assert browser.session_id is None
        gates.open("late")
        answer = pending.result()
        assert answer.status == 200
        assert answer.json()["user"] == "slow"
        assert answer.set_cookies == []
        assert browser.with_session(session_id).get("/who").text == "nobody"
    assert len(shop.records()) == before
    assert shop.sql(
        "SELECT count(*) FROM sessions WHERE user_id = 'slow' AND ended_ms IS NULL"
    ) == [(0,)]


@pytest.mark.ids("S91", "S13", "V06", "C03", "V05")
def test_the_id_before_a_login_never_leads_into_it(
    shop: Stack, gates: Gates, pool: ThreadPoolExecutor
) -> None:
    other_tab = shop.browser()
    other_tab.get("/login/victim")
    for repetition in range(REPETITIONS):
        attacker = shop.browser()
        attacker.get(f"/write?key=key&value={repetition}")
        planted = attacker.session_id
        victim = attacker.with_session(planted)
        early = slow(pool, attacker.tab(), "/write?key=key_planted", "early")
        gates.await_arrivals("early")
        assert victim.get("/login/victim").status == 200
        gates.open("early")
        answers = [early.result(), attacker.get("/read")]
        assert [answer.json()["user"] for answer in answers] == [None, None]
        assert all(answer.set_cookies == [] for answer in answers)
        assert victim.session_id != planted
        inside = victim.get("/read").json()
        assert inside["user"] == "victim"
        assert "key_planted" not in inside["keys"]
        assert other_tab.get("/who").text == "victim", "other tabs stay logged in"
        victim.get("/logout/now")
        assert other_tab.get("/who").text == "victim"
