"""What the original's names do, beyond their shape (test_compat_contract.py)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from compat_database import Database, Platform, add_users
from flask import Flask, g
from flask.testing import FlaskClient
from vedfolnir import compat
from vedfolnir.compat import (
    session_middleware_v2,
    simple_session_manager,
)
from vedfolnir.testing import outage

SESSION_OPTIONS = {"SESSION_STORAGE": "memory", "VEDFOLNIR_ENV": "testing"}


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def app(app: Flask, database: Database) -> Flask:
    compat.init_app(app, database)
    return app


@pytest.fixture
def core(app: Flask) -> Any:
    return app.extensions["vedfolnir"].manager


@pytest.fixture
def page(app: Flask) -> Callable[[Callable[[], Any]], str]:
    """A view that answers with the representation of what a function gives."""

    def add(view: Callable[[], Any]) -> str:
        path = f"/{len(app.view_functions)}"
        app.add_url_rule(path, path, lambda: repr(view()))
        return path

    return add


Page = Callable[[Callable[[], Any]], str]


@pytest.mark.ids("S44", "S43", "E2")
def test_v2_keeps_the_names_that_v60_kept(core: Any, database: Database) -> None:
    v2 = compat.SessionManagerV2(database, compat.RedisSessionBackend(manager=core))
    data = v2.get_session_data(v2.create_session(7))
    assert data == {
        "_user_id": "7",
        "user_id": 7,
        "username": "seven",
        "email": "seven@example.org",
        "role": "admin",
        "current_platform_id": 70,
        "platform_connection_id": 70,
        "platform_name": "My pixels",
        "platform_type": "pixelfed",
        "platform_instance_url": "https://pixels.example",
    }
    [row] = v2.get_user_sessions(7)
    assert (row["platform_name"], row["platform_type"]) == ("My pixels", "pixelfed")
    stats = v2.get_session_stats()
    assert (stats["total_sessions"], stats["unique_users"]) == (1, 1)
    assert stats["avg_sessions_per_user"] == 1.0
    assert stats["redis_health"]["session_count"] == 1
    assert v2.redis_backend.key_prefix == "vedfolnir:session:"


@pytest.mark.ids("S42", "S9")
def test_v2_has_the_idle_time_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VEDFOLNIR_KEY", "f0" + "".join(f"{n:02x}" for n in range(31)))
    monkeypatch.setenv("VEDFOLNIR_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("REDIS_HOST", "cache")
    backend = compat.RedisSessionBackend.from_env()
    v2 = compat.SessionManagerV2(None, backend, session_timeout=600)
    assert v2.session_timeout.total_seconds() == 600
    assert v2._manager.redis["host"] == "cache"
    assert compat.SessionManagerV2(None, backend)._manager is backend.core()


@pytest.mark.ids("S44", "S45")
def test_backend_replaces_what_a_session_holds(core: Any, database: Database) -> None:
    backend = compat.RedisSessionBackend(manager=core)
    manager = compat.RedisSessionManager(database, manager=core)
    sid = manager.create_session(7)
    assert backend.set(sid, {"theme": "dark", "user_id": 7}) is True
    assert backend.get(sid) == {"_user_id": "7", "user_id": 7, "theme": "dark"}
    assert backend.set(sid, {"user_id": 8}) is False
    assert backend.set(backend_id := manager.generate_session_id(), {"user_id": 7}) is False
    assert backend.exists(backend_id) is False
    assert 7000 < (backend.get_ttl(sid) or 0) <= 7200
    assert backend.update_ttl(sid, 10) is True
    assert 7000 < (backend.get_ttl(sid) or 0) <= 7200
    assert backend.get_all_sessions() == backend.get_sessions_by_user("7")
    add_users(database, ["nine"])
    manager.create_session("nine")
    assert backend.get_session_count() == 2
    assert backend.flush_all_sessions() == 2
    assert backend.get_session_count() == 0
    assert backend.delete(sid) is False


@pytest.mark.ids("S42", "C28")
def test_backend_health_names_the_error(app: Flask) -> None:
    interface = app.extensions["vedfolnir"]
    assert (
        compat.RedisSessionBackend(manager=interface.manager).health_check()["status"] == "healthy"
    )
    with outage(app):
        health = compat.RedisSessionBackend(manager=interface.manager).health_check()
    assert health == {"status": "unhealthy", "error": "The session store does not answer."}


@pytest.mark.ids("S44", "S13")
def test_an_update_is_no_login(core: Any, database: Database) -> None:
    manager = compat.RedisSessionManager(database, manager=core)
    sid = manager.create_session(7)
    with pytest.raises(compat.SessionValidationError, match="user_id"):
        manager.update_session(sid, {"user_id": 9})
    with pytest.raises(compat.SessionValidationError, match="_fresh"):
        manager.update_session(sid, {"_fresh": True})
    assert compat.RedisSessionBackend(manager=core).set(sid, {"_fresh": True}) is False
    assert manager.update_session(sid, {"user_id": 7, "theme": "dark"}) is True
    assert manager.validate_session(sid)


@pytest.mark.ids("S44", "S46")
@pytest.mark.parametrize("updates", [{"file": object()}, {5: "five"}, {"text": "x" * 300_000}])
def test_an_update_that_cannot_be_stored_changes_nothing(
    core: Any, database: Database, updates: Any
) -> None:
    manager = compat.RedisSessionManager(database, manager=core)
    sid = manager.create_session(7)
    before = manager.get_session_data(sid)
    with pytest.raises(compat.RedisSessionError):
        manager.update_session(sid, {"theme": "dark", **updates})
    assert manager.get_session_data(sid) == before


@pytest.mark.ids("E9", "E2", "S24")
def test_accessors_follow_the_session_through_its_requests(
    app: Flask, client: FlaskClient, page: Page, core: Any
) -> None:
    ours = session_middleware_v2
    log_in = page(lambda: ours.create_user_session(7))
    who = page(
        lambda: (
            ours.get_current_session_id() == g.session_id,
            ours.get_current_user_id(),
            ours.get_current_platform_id(),
            ours.is_user_authenticated(),
            ours.has_platform_context(),
        )
    )
    clear = page(ours.clear_session_platform)
    switch = page(lambda: (ours.update_session_platform(90), ours.update_session_platform(70)))
    context = page(lambda: sorted((ours.get_current_session_context() or {}).items()))
    log_out = page(lambda: (ours.destroy_current_session(), ours.destroy_current_session()))
    nobody = "(True, None, None, False, False)"

    assert client.get(who).text == nobody
    assert client.get(context).text == "[]"
    handle = client.get(log_in).text.strip("'")
    assert client.get(who).text == "(True, 7, 70, True, True)"
    assert client.get(clear).text == "True"
    assert client.get(who).text == "(True, 7, None, True, False)"
    assert client.get(switch).text == "(False, True)"
    assert "('platform_connection_id', 70)" in client.get(context).text
    assert f"('session_id', '{handle}')" in client.get(context).text
    assert [entry.handle for entry in core.audit(type="session.platform_switched")] == [handle] * 2
    assert client.get(log_out).text == "(True, False)"
    assert client.get(who).text == nobody


@pytest.mark.ids("E9", "C28")
def test_a_foreign_platform_is_no_login(app: Flask, client: FlaskClient, page: Page) -> None:
    def refused() -> str:
        with pytest.raises(compat.SessionValidationError):
            session_middleware_v2.create_user_session(7, 90)
        return "refused"

    client.get(page(refused))
    assert client.get_cookie("session") is None


@pytest.mark.ids("E9")
def test_without_flask_wtf_there_is_no_csrf_token(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    with monkeypatch.context() as patched, app.test_request_context():
        patched.setattr(importlib, "import_module", missing)
        assert session_middleware_v2.get_csrf_token() is None


@pytest.mark.ids("E9", "E2", "S12")
def test_the_simple_manager(app: Flask, client: FlaskClient, page: Page) -> None:
    simple = simple_session_manager
    log_in = page(lambda: simple.login_user(7, 70))
    info = page(lambda: list(simple.get_session_info().items())[1:])
    forget = page(lambda: (simple.clear_platform_context(), simple.clear_platform_context()))
    log_out = page(lambda: (simple.logout_user(), simple.is_logged_in()))
    assert client.get(log_in).text == "True"
    text = client.get(info).text
    assert text.startswith(
        "[('user_id', 7), ('logged_in', True), ('login_time', datetime.datetime("
    )
    assert "('current_platform_id', 70)" in text
    assert client.get(forget).text == "(True, False)"
    assert "('platform_switch_time', None)" in client.get(info).text
    assert client.get(log_out).text == "(True, False)"


@pytest.mark.ids("E9", "S9")
def test_configuration_tells_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PORT", "many")
    broken = compat.reload_session_config()
    assert any("REDIS_PORT" in sentence for sentence in broken.validate_configuration())
    assert compat.get_session_config() is broken
    monkeypatch.delenv("REDIS_PORT")
    for name, text in {**SESSION_OPTIONS, "SESSION_COOKIE_SECURE": "false"}.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("VEDFOLNIR_KEY", "f0" + "".join(f"{n:02x}" for n in range(31)))
    config = compat.reload_session_config()
    assert config.environment == "testing"
    assert config.features == {"storage": "memory"}
    assert any("SESSION_COOKIE_SECURE" in sentence for sentence in config.validate_configuration())
    assert config.get_config_summary()["timeout"]["session_lifetime"] == 7200
    assert "f0" not in repr(config.get_config_summary())


@pytest.mark.ids("E9")
def test_factory_works_on_the_applications_core(app: Flask, core: Any, database: Database) -> None:
    factory = importlib.import_module("vedfolnir.compat.session_factory")
    with app.app_context():
        assert factory.create_session_manager(database)._manager is core
        assert factory.get_session_manager_type() == "memory"
        assert not factory.is_redis_session_manager()


@pytest.mark.ids("E9")
def test_session_info_needs_an_application() -> None:
    with pytest.raises(compat.RedisSessionError, match="application"):
        importlib.import_module("vedfolnir.compat.flask_redis_session").get_session_info(None, "x")


@pytest.mark.ids("S44")
def test_platform_of_another_database(core: Any, database: Database) -> None:
    """Where nobody knows the platform, its id is its name."""
    manager = compat.RedisSessionManager(SimpleNamespace(), manager=core)
    manager.create_session(7, 70)
    assert manager.get_user_sessions(7)[0]["platform_name"] == "70"
    known = compat.RedisSessionManager(database, manager=core)
    assert known.get_user_sessions(7)[0]["platform_name"] == "My pixels"
    del database.rows[Platform, 70]
    assert known.get_user_sessions(7)[0]["platform_name"] == "70"
