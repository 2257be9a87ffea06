"""The original's manager on a real Redis: its figures, its client, expired sessions (S42, S44, S45)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import redis
from conftest import Stack
from redis_session_manager import RedisSessionManager


@pytest.fixture(scope="module")
def running(make_stack: Callable[[], Stack]) -> Stack:
    return make_stack()


@pytest.fixture
def manager(running: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RedisSessionManager]:
    def make(**changes: str) -> RedisSessionManager:
        for name, text in {**running.environment, **changes}.items():
            monkeypatch.setenv(name, text)
        return RedisSessionManager(None)

    return make


@pytest.mark.ids("S42", "S44")
def test_statistics_are_those_of_the_server(
    running: Stack, manager: Callable[..., RedisSessionManager]
) -> None:
    sessions = manager()
    before = sessions.get_session_stats()
    names = [sessions.create_session(user) for user in ("stat1", "stat2")]
    for name in names:
        assert sessions.get_session_data(name)
    stats = sessions.get_session_stats()
    assert stats["total_sessions"] == (before["total_sessions"] or 0) + 2
    with running.redis.client() as client:
        info = client.info()
    assert stats["redis_connected_clients"] == info["connected_clients"] - 1  # ours just now
    assert 0 < (stats["redis_used_memory"] or 0) < 2 * info["used_memory"]
    assert (before["redis_keyspace_hits"] or 0) < (stats["redis_keyspace_hits"] or 0)
    assert (stats["redis_keyspace_hits"] or 0) <= info["keyspace_hits"]
    assert (stats["redis_keyspace_misses"] or 0) <= info["keyspace_misses"]


@pytest.mark.ids("S42", "S43")
def test_the_client_reaches_the_same_server(
    running: Stack, manager: Callable[..., RedisSessionManager]
) -> None:
    sessions = manager(REDIS_URL=running.redis.tools_url)
    sessions.create_session("client")
    assert isinstance(sessions.redis_client, redis.Redis)
    sessions.redis_client.set("applications:own", "value", ex=60)
    assert sessions.redis_client.get("applications:own") == "value"
    with running.redis.client() as other:
        assert other.get("applications:own") == b"value"
    assert sessions.redis_client.keys(sessions.session_prefix + "*")
    sessions.redis_client.close()


@pytest.mark.ids("S42", "S58")
def test_the_sessions_own_user_may_touch_no_other_keys(
    manager: Callable[..., RedisSessionManager],
) -> None:
    client = manager().redis_client
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.set("applications:own", "value")
    client.close()


@pytest.mark.ids("S42", "S64")
def test_a_user_who_may_not_ask_gets_no_figures(
    running: Stack, manager: Callable[..., RedisSessionManager]
) -> None:
    with running.redis.client() as client:
        client.execute_command(
            *["ACL", "SETUSER", "quiet", "on", ">secret", "~*", "&*", "+@all", "-info"]
        )
    url = re.sub("//[^@]*@", "//quiet:secret@", running.redis.url)
    stats = manager(REDIS_URL=url).get_session_stats()
    assert stats.pop("total_sessions") is not None
    assert set(stats.values()) == {None}
