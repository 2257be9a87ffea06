"""An SQL that takes the question and never answers, from the first call on that meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stack
from support import databases, evidence
from vedfolnir import StoreUnavailable, _core

KEY = "q3tHc0Kx9mN1v7ZfWb2sYpEoRj5uLdGi8aXkTnQwV4M="


@pytest.fixture(scope="module")
def database() -> Iterator[databases.Database]:
    with databases.Postgres() as server:
        yield server.fresh_database()


@pytest.fixture
def manager(tmp_path: Path, database: databases.Database) -> Iterator[Any]:
    with stack.Redis(tmp_path / "redis") as redis:
        settings = {
            "REDIS_URL": redis.url,
            "SESSION_DATABASE_URL": database.url,
            "VEDFOLNIR_KEY": KEY,
            "VEDFOLNIR_STATE_DIR": str(tmp_path / "state"),
            "VEDFOLNIR_JOBS": "false",
        }
        yield _core.SessionManager.open({}, settings)


def sign_in(manager: Any, user: str) -> tuple[str, str]:
    """Cookie and handle."""
    request = _core.RequestContext()
    session = manager.load(request)
    session.set("_user_id", user)
    cookie = manager.create_named(session, request)
    evidence.issued(cookie)
    return cookie, session.handle


def gets_in(manager: Any, cookie: str) -> bool:
    """Nobody gets in where the stores cannot say."""
    context = _core.RequestContext(f"__Host-session={cookie}".encode(), "test", "127.0.0.1")
    try:
        return bool(manager.load(context).found)
    except StoreUnavailable:
        return False


@pytest.mark.ids("F17", "R9", "V18")
@pytest.mark.parametrize("by_handle", [True, False])
def test_ending_other_sessions_is_pending_and_lasts(
    by_handle: bool, manager: Any, database: databases.Database
) -> None:
    mine, kept = sign_in(manager, "7")
    other, handle = sign_in(manager, "7")
    assert gets_in(manager, mine)
    with database.locked():
        if by_handle:
            assert manager.end(handle, "ended_by_user", "user", "7") == "pending"
        else:
            ending, _ = manager.end_user("7", kept, "ended_by_user", "user")
            assert ending == "pending"
        assert not gets_in(manager, other)
        assert gets_in(manager, mine)
    stack.wait_until(
        lambda: database.rows("SELECT COUNT(*) FROM sessions WHERE ended_ms IS NULL")[0][0] == "1",
        "SQL was told of it",
    )
    assert not gets_in(manager, other)
    assert gets_in(manager, mine)
    manager.end(mine, "logout", "user")
