"""The near cache under gunicorn: what one worker answered, the next request sees on every other (S18, S32).

Each worker is a gunicorn of its own, so that a request goes where the test wants it; all have one Redis and one state
folder, as the workers of one gunicorn have. The long versions, with every core busy and with faults, are the C++ tests
near_staleness and near_faults.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import stack
from conftest import Browser, Stack
from test_command import run as command

ONE_WORKER = ("--workers", "1", "--threads", "4")
AGE_MS = 300


class Tier:
    """Gunicorns of one worker each, and one user's browser that can ask any of them."""

    def __init__(self, first: Stack, servers: ExitStack, *environments: dict[str, str]) -> None:
        self.stack = first
        self.urls = []
        for number, environment in enumerate(environments):
            each = Stack(first.folder, first.redis, {**first.environment, **environment})
            web = servers.enter_context(each.serve(*ONE_WORKER))
            self.urls.append(web.url)
            assert each.browser().get("/pid").status == 200, number

    def everywhere(self, session_id: str | None = None) -> list[Browser]:
        """The same session cookie over a connection to each worker."""
        browsers = [Browser(url) for url in self.urls]
        if session_id:
            for browser in browsers:
                browser.cookies["session"] = session_id
        return browsers

    def login(self, user: str) -> list[Browser]:
        first = Browser(self.urls[0])
        first.get(f"/login/{user}")
        browsers = self.everywhere(first.session_id)
        for browser in browsers:
            assert browser.get("/who").text == user
        return browsers


@pytest.fixture(scope="module")
def tier(make_stack: Callable[[], Stack]) -> Iterator[Tier]:
    with ExitStack() as servers:
        yield Tier(make_stack(), servers, {}, {}, {})


@pytest.mark.ids("S18", "S32")
def test_post_redirect_get_on_another_worker(tier: Tier) -> None:
    browsers = tier.login("prg")
    stale = []
    for number in range(300):
        writer, reader = browsers[number % 3], browsers[(number + 1) % 3]
        reader.get("/read")
        writer.get(f"/write?key=key&value={number}")
        seen = reader.get("/read").json()["keys"]["key"]
        if seen != str(number):
            stale.append((number, seen))
    assert stale == []


def end_by(way: str, browsers: list[Browser], tier: Tier, user: str) -> None:
    """Ends the session of these browsers; each way is one somebody has."""
    handle = browsers[0].get("/devices").json()["current"]
    if way == "logout":
        assert browsers[0].get("/logout/now").text == "ended"
        return
    if way == "operator":
        done: subprocess.CompletedProcess[str] = command(tier.stack, "sessions", "end", handle)
        assert done.returncode == 0, done.stderr
        return
    other = Browser(tier.urls[0])
    other.get(f"/login/{user}")
    if way == "another device":
        assert other.get(f"/end/{handle}").text == "ended"
    else:
        assert int(other.get("/end_others").text) >= 1


@pytest.mark.ids("S18", "S32", "R2", "R3")
@pytest.mark.parametrize("way", ["logout", "operator", "another device", "all others"])
def test_an_ended_session_is_refused_by_the_next_request_anywhere(tier: Tier, way: str) -> None:
    for number in range(15):
        user = f"{way.replace(' ', '-')}-{number}"
        browsers = tier.login(user)
        end_by(way, browsers, tier, user)
        assert [browser.get("/who").text for browser in browsers] == ["nobody"] * 3


@pytest.mark.ids("S18", "S32")
def test_a_platform_switch_is_seen_by_the_next_request_anywhere(tier: Tier) -> None:
    browsers = tier.login("switch")
    for number in range(1, 40):
        browsers[number % 3].get(f"/platform/{number}")
        seen = [browser.get("/read").json()["platform"] for browser in browsers]
        assert seen == [number] * 3


@pytest.mark.ids("S18", "S32")
def test_workers_without_a_common_table_agree_within_the_age(
    make_stack: Callable[[], Stack],
) -> None:
    apart = {
        "VEDFOLNIR_NEAR_CACHE_SHARED": "false",
        "VEDFOLNIR_NEAR_CACHE_AGE_MS": str(AGE_MS),
    }
    with ExitStack() as servers:
        writer, reader = Tier(make_stack(), servers, apart, apart).login("apart")
        for number in range(50):
            reader.get("/read")
            writer.get(f"/write?key=key&value={number}")

            def agree(expected: str = str(number)) -> bool:
                return bool(reader.get("/read").json()["keys"].get("key") == expected)

            stack.wait_until(agree, "the write is seen")
