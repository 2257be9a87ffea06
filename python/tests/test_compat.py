"""The names of the original application keep their shape (contract tests of the compatibility tables)."""

from __future__ import annotations

import inspect
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import vedfolnir
from compat_database import Database, User
from flask import Flask, Response, session
from redis_session_manager import RedisSessionManager
from vedfolnir import compat
from vedfolnir.compat import (
    RedisConfig,
    RedisSessionError,
    SessionCookieManager,
    SessionExpiredError,
    SessionNotFoundError,
    SessionValidationError,
    create_session_cookie_manager,
)
from vedfolnir.testing import outage


@pytest.fixture
def sessions(app: Flask) -> RedisSessionManager:
    """Shares the manager of the application, as both share Redis in earnest."""
    return RedisSessionManager(Database(), manager=app.extensions["vedfolnir"].manager)


@pytest.mark.ids("S42")
def test_constructor_takes_what_the_document_and_v378_pass() -> None:
    parameters = list(inspect.signature(RedisSessionManager).parameters.values())
    assert [p.name for p in parameters[:9]] == [
        "db_manager", "config", "redis_host", "redis_port", "redis_db", "redis_password", "redis_ssl",
        "security_manager", "monitor",
    ]  # fmt: skip
    assert [p.default for p in parameters[1:9]] == [
        None,
        "localhost",
        6379,
        0,
        None,
        False,
        None,
        None,
    ]


@pytest.mark.ids("S42", "S9")
def test_a_configuration_object_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("VEDFOLNIR_KEY", "f0" + "".join(f"{n:02x}" for n in range(31)))
    monkeypatch.setenv("VEDFOLNIR_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:1/1")
    redis = RedisConfig(host="localhost", port=7000, session_prefix="shop:", session_timeout=600)
    for config in (redis, SimpleNamespace(redis=redis)):
        manager = RedisSessionManager(None, config)
        assert manager.session_prefix == "shop:"
        assert manager.session_timeout == timedelta(seconds=600)
        assert manager.config is config
    monkeypatch.setenv("REDIS_SESSION_PREFIX", "env:")
    assert RedisSessionManager(None).session_prefix == "env:"


@pytest.mark.ids("S42", "S9")
def test_redis_config_reads_the_documents_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RedisConfig.from_env() == RedisConfig()
    for name, text in {
        "REDIS_HOST": "cache",
        "REDIS_PORT": "7001",
        "REDIS_DB": "2",
        "REDIS_PASSWORD": "# Optional",
        "REDIS_SSL": "true",
        "REDIS_SESSION_PREFIX": "shop:",
        "REDIS_SESSION_TIMEOUT": "3600  # 1 hour",
    }.items():
        monkeypatch.setenv(name, text)
    expected = RedisConfig(None, "cache", 7001, 2, None, True, "shop:", 3600)
    assert RedisConfig.from_env() == expected
    monkeypatch.setenv("REDIS_PORT", "many")
    with pytest.raises(vedfolnir.ConfigurationError, match="REDIS_PORT"):
        RedisConfig.from_env()
    assert "secret" not in repr(RedisConfig(password="secret", url="redis://:secret@h"))


@pytest.mark.ids("S42", "S43", "S44", "S76")
def test_a_session_from_creation_to_its_end(sessions: RedisSessionManager) -> None:
    before = datetime.now(UTC)
    session_id = sessions.create_session(7)
    assert type(session_id) is str
    assert sessions.validate_session(session_id) is True

    data = sessions.get_session_data(session_id)
    assert type(data) is dict
    assert data["user_id"] == 7
    assert data["current_platform_id"] == data["platform_connection_id"] == 70

    context = sessions.get_session_context(session_id)
    assert context is not None
    assert list(context) == [
        "session_id", "user_id", "platform_connection_id", "created_at", "last_activity", "expires_at", "is_active",
    ]  # fmt: skip
    assert context["user_id"] == 7
    assert context["platform_connection_id"] == 70
    assert context["is_active"] is True
    times = [
        datetime.fromisoformat(context[name])
        for name in ("created_at", "last_activity", "expires_at")
    ]
    assert times == sorted(times)
    assert times[0] >= before - timedelta(seconds=1)
    # The id leaves by create_session only; everything else names the session by its handle, which works as well.
    assert context["session_id"] != session_id
    assert sessions.get_session_data(context["session_id"]) == data

    assert sessions.update_session_activity(session_id) is True
    assert sessions.extend_session(session_id, 3600) is True
    assert sessions.update_session(session_id, {"theme": "dark"}) is True
    assert (sessions.get_session_data(session_id) or {})["theme"] == "dark"
    assert sessions.destroy_session(session_id) is True
    assert sessions.destroy_session(session_id) is False
    assert sessions.validate_session(session_id) is False
    assert sessions.get_session_context(session_id) is None
    assert sessions.update_session(session_id, {"theme": "light"}) is False
    assert sessions.update_session_activity(session_id) is False
    assert sessions.db_manager.open == 0


@pytest.mark.ids("S76", "S44")
@pytest.mark.parametrize("unknown", ["", "x", "0" * 32, "../x", "\ud800", "ä", None, 5])
def test_an_unknown_name_is_none_or_false(sessions: RedisSessionManager, unknown: Any) -> None:
    assert sessions.get_session_data(unknown) is None
    assert sessions.get_session_context(unknown) is None
    assert sessions.validate_session(unknown) is False
    assert sessions.update_session_activity(unknown) is False
    assert sessions.update_platform_context(unknown, 70) is False
    assert sessions.destroy_session(unknown) is False
    assert sessions.validate_session_id(unknown) is False


@pytest.mark.ids("S42")
def test_users_and_platforms_are_checked(sessions: RedisSessionManager) -> None:
    for user_id, platform in ((8, None), (99, None), (7, 90), (7, 71)):
        with pytest.raises(SessionValidationError):
            sessions.create_session(user_id, platform)
    session_id = sessions.create_session(7, 70)
    assert sessions.update_platform_context(session_id, 90) is False
    assert sessions.update_platform_context(session_id, 70) is True


@pytest.mark.ids("S42", "S43")
def test_without_models_nothing_is_checked(app: Flask) -> None:
    manager = RedisSessionManager(SimpleNamespace(), manager=app.extensions["vedfolnir"].manager)
    with pytest.raises(SessionValidationError, match="None"):
        manager.create_session(None)
    session_id = manager.create_session("somebody", "anywhere")
    assert (manager.get_session_context(session_id) or {})["platform_connection_id"] == "anywhere"
    assert (manager.get_session_context(session_id) or {})["user_id"] == "somebody"
    assert manager.update_platform_context(session_id, 5) is True


@pytest.mark.ids("S44", "S42")
def test_a_users_sessions(sessions: RedisSessionManager, app: Flask) -> None:
    kept, *others = [sessions.create_session(7) for _ in range(3)]
    sessions.create_session(
        "9" if sessions.db_manager.rows.setdefault((User, "9"), User(9)) else ""
    )
    rows = sessions.get_user_sessions("7")
    assert len(rows) == len(sessions.get_user_sessions(7)) == 3
    assert list(rows[0]) == [
        "session_id", "created_at", "last_activity", "platform_name", "platform_type", "ttl_seconds", "is_current",
    ]  # fmt: skip
    assert not any(row["session_id"] in (kept, *others) for row in rows)
    assert all(7000 < row["ttl_seconds"] <= 7200 for row in rows)
    assert sessions.get_session_stats()["total_sessions"] == 4

    assert sessions.cleanup_user_sessions(7, kept) == 2
    assert sessions.validate_session(kept)
    assert not any(sessions.validate_session(other) for other in others)
    with app.test_request_context(headers={"Cookie": f"session={kept}"}):
        assert sessions.get_user_sessions(7)[0]["is_current"] is True
        assert sessions.cleanup_user_sessions(7, True) == 0
    assert sessions.cleanup_user_sessions("7") == 1
    assert sessions.get_user_sessions(7) == []
    assert sessions.cleanup_expired_sessions() == 0


@pytest.mark.ids("S42")
def test_statistics_and_attributes(sessions: RedisSessionManager) -> None:
    assert list(sessions.get_session_stats()) == [
        "total_sessions", "redis_connected_clients", "redis_used_memory", "redis_keyspace_hits",
        "redis_keyspace_misses",
    ]  # fmt: skip
    assert sessions.session_timeout == timedelta(hours=2)
    assert sessions.session_prefix == "vedfolnir:session:"
    assert sessions.user_sessions_prefix.startswith(sessions.session_prefix)
    assert sessions.session_index_prefix.startswith(sessions.session_prefix)
    assert sessions.monitor is None
    assert sessions.security_manager is None
    assert sessions.get_db_session().get(User, 7).id == 7
    assert set(sessions.get_session_stats().values()) == {0, None}


@pytest.mark.ids("S42")
def test_no_redis_client_without_redis(
    sessions: RedisSessionManager, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with pytest.raises(RedisSessionError, match="SESSION_STORAGE=memory"):
        _ = sessions.redis_client
    monkeypatch.setenv("VEDFOLNIR_KEY", "f0" + "".join(f"{n:02x}" for n in range(31)))
    monkeypatch.setenv("VEDFOLNIR_STATE_DIR", str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "redis", None)
        with pytest.raises(RedisSessionError, match=r"pip install 'vedfolnir\[redis\]'"):
            _ = RedisSessionManager(None).redis_client


@pytest.mark.ids("S42", "S9")
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache:7001/2", {"host": "cache", "port": 7001, "db": 2, "username": None}),
        ("redis://me:secret@cache", {"username": "me", "password": "secret", "port": 6379}),
        ("unix:///run/redis.sock", {"path": "/run/redis.sock"}),
        ("rediss://cache", {"ssl_cert_reqs": "required", "ssl_check_hostname": True}),
    ],
)
def test_the_redis_client_goes_where_the_sessions_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, url: str, expected: dict[str, Any]
) -> None:
    monkeypatch.setenv("VEDFOLNIR_KEY", "f0" + "".join(f"{n:02x}" for n in range(31)))
    monkeypatch.setenv("VEDFOLNIR_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", url)
    manager = RedisSessionManager(None)
    client = manager.redis_client
    assert client is manager.redis_client
    found = client.connection_pool.connection_kwargs
    assert {name: found.get(name) for name in expected} == expected
    assert found["decode_responses"] is True


@pytest.mark.ids("S45", "S42")
def test_expired_sessions_are_closed_and_counted(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    app = make_app(store="database", state_dir=tmp_path)
    manager = RedisSessionManager(None, manager=app.extensions["vedfolnir"].manager)
    for user in ("seven", "seven", "eight"):
        manager.create_session(user)
    assert manager.cleanup_expired_sessions() == 0
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as db, db:
        db.execute("UPDATE sessions SET absolute_expiry_ms = 1 WHERE user_id = 'seven'")
    assert manager.cleanup_expired_sessions() == 2
    assert manager.cleanup_expired_sessions() == 0
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as db:
        rows = db.execute("SELECT user_id, ended_ms, end_reason FROM sessions ORDER BY user_id")
        assert rows.fetchall() == [("eight", None, ""), *[("seven", 1, "expired")] * 2]


@pytest.mark.ids("S42", "C28")
def test_an_unreachable_store_is_an_error_not_an_absence(app: Flask) -> None:
    with outage(app):
        manager = RedisSessionManager(None, manager=app.extensions["vedfolnir"].manager)
        for call in (manager.get_session_data, manager.validate_session, manager.destroy_session):
            with pytest.raises(RedisSessionError):
                call("x" * 67)


@pytest.mark.ids("S42")
def test_exceptions_keep_their_tree() -> None:
    assert issubclass(SessionExpiredError, SessionValidationError)
    assert issubclass(SessionNotFoundError, SessionValidationError)
    assert issubclass(RedisSessionError, vedfolnir.Error)
    assert all(hasattr(compat, name) for name in compat.__all__)


@pytest.mark.ids("S76", "S43")
def test_flask_sessions_and_the_manager_see_the_same(
    app: Flask, sessions: RedisSessionManager
) -> None:
    session_id = sessions.create_session(7)
    app.add_url_rule(
        "/", "read", lambda: repr((session["user_id"], session["current_platform_id"]))
    )
    client = app.test_client()
    client.set_cookie("session", session_id)
    assert client.get("/").text == "(7, 70)"


@pytest.mark.ids("S48", "C01", "S6")
def test_ids_are_unique_flat_and_checked(sessions: RedisSessionManager) -> None:
    ids = [sessions.generate_session_id() for _ in range(20_000)]
    assert len(set(ids)) == len(ids)
    # Chi-squared of the characters that carry 6 random bits each: 64 letters, so 63 degrees of freedom.
    counts = Counter(character for text in ids for character in text[4:44])
    expected = len(ids) * 40 / 64
    chi = sum((counts[c] - expected) ** 2 / expected for c in counts)
    assert len(counts) == 64
    assert 15 < chi < 160
    assert all(sessions.validate_session_id(text) for text in ids[:1000])
    flipped = {"A": "B"}.get(ids[0][10], "A")
    for wrong in ("", ids[0][:-1], ids[0] + "A", ids[0][:10] + flipped + ids[0][11:], None, 5):
        assert sessions.validate_session_id(wrong) is False  # type: ignore[arg-type]


@pytest.fixture
def in_request(app: Flask) -> Callable[[str], Any]:
    return lambda cookie: app.test_request_context(headers={"Cookie": cookie} if cookie else {})


@pytest.mark.ids("S46", "S47", "S49", "C11")
def test_cookie_manager_sets_and_clears() -> None:
    cookies = SessionCookieManager()
    response = Response()
    cookies.set_session_cookie(response, "the-id")
    header = response.headers["Set-Cookie"]
    assert header.startswith("session_id=the-id; ")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=86400"} <= set(
        header.split("; ")
    )
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Vary"] == "Cookie"
    cleared = Response()
    cookies.clear_session_cookie(cleared)
    assert cleared.headers["Set-Cookie"].startswith("session_id=; ")
    again = Response()
    cookies.refresh_session_cookie(again, "the-id")
    assert again.headers["Set-Cookie"].startswith("session_id=the-id")


@pytest.mark.ids("S17", "V10")
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("session_id=abc", "abc"),
        ("a=1; session_id=abc; b=2", "abc"),
        ("", None),
        ("session_id=", None),
        ("Session_Id=abc", None),
        ("session_id=a; session_id=b", None),
        ("=session_id=abc", None),
    ],
)
def test_cookie_manager_reads_strictly(
    in_request: Callable[[str], Any], header: str, expected: str | None
) -> None:
    with in_request(header):
        assert SessionCookieManager().get_session_id_from_cookie() == expected


@pytest.mark.ids("S47")
@pytest.mark.parametrize(
    ("max_age", "valid"),
    [(299, False), (300, True), (86400, True), (604_800, True), (604_801, False)],
)
def test_cookie_security_has_bounds(max_age: int, valid: bool) -> None:
    assert SessionCookieManager(max_age=max_age).validate_cookie_security() is valid


@pytest.mark.ids("S47")
def test_an_insecure_cookie_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    assert SessionCookieManager(secure=False).validate_cookie_security() is True
    assert "not Secure" in caplog.text


@pytest.mark.ids("S46")
def test_cookie_manager_from_flasks_configuration() -> None:
    config = {
        "SESSION_COOKIE_NAME": "sid",
        "SESSION_COOKIE_SECURE": False,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=1),
    }
    cookies = create_session_cookie_manager(config)
    assert (cookies.cookie_name, cookies.secure, cookies.max_age) == ("sid", False, 3600)
