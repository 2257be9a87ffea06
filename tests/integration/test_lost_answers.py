"""The answer to a save is lost on the way, and others save before it is sent again (R9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stack
from conftest import SECRET_KEY, Stack
from support.losing_proxy import LosingProxy
from vedfolnir import DeadlineExceeded, _core

SAVE = b"vedfolnir_save"


@pytest.fixture(scope="module")
def one(make_stack: Callable[[], Stack]) -> Stack:
    return make_stack()


@pytest.fixture
def proxy(one: Stack, tmp_path: Path) -> Iterator[LosingProxy]:
    with LosingProxy(tmp_path / "proxy.sock", one.redis.socket) as running:
        yield running


class Process:
    """What one worker would be: a manager of its own."""

    def __init__(self, one: Stack, socket: Path) -> None:
        url = one.redis.url.replace(str(one.redis.socket), str(socket))
        environment = {
            **stack.demo_environment(one.folder, url, SECRET_KEY),
            "VEDFOLNIR_NEAR_CACHE": "false",
            "VEDFOLNIR_REDIS_REQUEST_TIMEOUT_MS": "5000",
            "VEDFOLNIR_REQUEST_BUDGET_MS": "10000",
        }
        self.manager = _core.SessionManager.open({}, environment)

    def load(self, cookie: str) -> tuple[_core.Session, _core.RequestContext]:
        context = _core.RequestContext(f"session={cookie}".encode())
        return self.manager.load(context), context

    def write(self, cookie: str, key: str, value: int) -> str:
        session, context = self.load(cookie)
        session.set(key, value)
        return self.manager.commit(session, context).action

    def begin(self) -> str:
        session, context = self.load("")
        session.set("a", 0)
        cookie = self.manager.commit(session, context).set_cookie
        assert cookie is not None
        return cookie.partition(";")[0].partition("=")[2]


@pytest.fixture
def there(one: Stack) -> Process:
    return Process(one, one.redis.socket)


@pytest.fixture
def here(one: Stack, proxy: LosingProxy) -> Process:
    return Process(one, proxy.path)


def values(process: Process, cookie: str) -> dict[str, int]:
    session, _ = process.load(cookie)
    names = session.keys()
    return {name: session.get(name) for name in names}


@pytest.mark.ids("S22", "N2")
def test_a_save_that_was_applied_is_recognised(
    here: Process, there: Process, proxy: LosingProxy
) -> None:
    cookie = there.begin()
    session, context = here.load(cookie)
    before = session.generation
    session.set("a", 1)
    proxy.lose(SAVE, "answer", lambda: None)
    assert here.manager.commit(session, context).action == "saved"
    assert proxy.done
    assert session.generation == before + 1
    assert values(there, cookie) == {"a": 1}


@pytest.mark.ids("S22", "N2")
def test_a_save_that_may_have_been_applied_is_not_applied_over_what_others_made_of_it(
    here: Process, there: Process, proxy: LosingProxy
) -> None:
    cookie = there.begin()
    session, context = here.load(cookie)
    session.set("a", 1)
    proxy.lose(SAVE, "answer", lambda: _saved(there.write(cookie, "a", 2)))
    with pytest.raises(DeadlineExceeded) as failed:
        here.manager.commit(session, context)
    assert "unknown" in failed.value.detail
    assert proxy.done
    assert values(there, cookie) == {"a": 2}


@pytest.mark.ids("S22", "N2")
def test_a_save_that_cannot_have_been_applied_is_merged(
    here: Process, there: Process, proxy: LosingProxy
) -> None:
    cookie = there.begin()
    session, context = here.load(cookie)
    session.set("b", 1)
    proxy.lose(SAVE, "request", lambda: _saved(there.write(cookie, "a", 2)))
    assert here.manager.commit(session, context).action == "saved"
    assert proxy.done
    assert values(there, cookie) == {"a": 2, "b": 1}


@pytest.mark.ids("S22", "N2", "S37")
def test_a_save_that_the_database_cannot_take_is_recognised_by_a_redis_that_was_slow(
    here: Process, there: Process, proxy: LosingProxy
) -> None:
    """The database stands in when Redis is late, but has no copy of this session."""
    cookie = there.begin()
    session, context = here.load(cookie)
    session.set("a", 1)
    asked = here.manager.counters().sql_statements

    def until_the_database_was_asked() -> None:
        stack.wait_until(
            lambda: here.manager.counters().sql_statements > asked, "the database is asked", 10
        )

    proxy.lose(SAVE, "answer", until_the_database_was_asked)
    assert here.manager.commit(session, context).action == "saved"
    assert proxy.done
    assert values(there, cookie) == {"a": 1}


def _saved(action: str) -> None:
    assert action == "saved"
