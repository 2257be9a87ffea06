"""An installation moves from Redis to Valkey, which starts on the files that Redis left."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stack
from conftest import Stack


@pytest.mark.ids("S1", "S78", "R5")
def test_sessions_and_endings_survive_the_move_from_redis(
    make_stack: Callable[[], Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEDFOLNIR_TEST_REDIS_SERVER", "redis-server")
    running = make_stack()
    with running.serve():
        known, visitor, leaver = (running.browser() for _ in range(3))
        known.get("/login/7")
        known.get("/write?key=key&value=of-redis")
        visitor.get("/write?key=key&value=anonymous")
        leaver.get("/login/8")
        thief = leaver.tab()
        assert leaver.get("/logout/now").text == "ended"

        running.redis.stop()
        monkeypatch.setenv("VEDFOLNIR_TEST_REDIS_SERVER", "valkey-server")
        running.redis.start()

        with running.redis.client() as client:
            assert client.info("server")["server_name"] == "valkey"
        stack.wait_until(lambda: visitor.get("/read").status == 200, "Valkey is answered from")
        assert visitor.get("/read").json()["keys"] == {"key": "anonymous"}
        assert known.get("/who").text == "7"
        assert known.get("/read").json()["keys"]["key"] == "of-redis"
        assert thief.get("/who").text == "nobody"
        known.get("/write?key=key&value=of-valkey")
        assert known.tab().get("/read").json()["keys"]["key"] == "of-valkey"
