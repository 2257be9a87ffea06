"""The original's interface, decorators and user object in an application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from compat_database import Database, User
from flask import Flask, g, session
from flask.testing import FlaskClient
from vedfolnir import compat
from vedfolnir.compat import session_aware_decorators

SESSION_OPTIONS = {"SESSION_STORAGE": "memory", "VEDFOLNIR_ENV": "testing"}


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def app(app: Flask, database: Database) -> Flask:
    compat.init_app(app, database)
    return app


@pytest.mark.ids("S46", "E9")
def test_the_v60_interface_on_an_application(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in SESSION_OPTIONS.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("VEDFOLNIR_KEY", "f0" + "".join(f"{n:02x}" for n in range(31)))
    app = Flask(__name__)
    app.session_interface = ours = compat.FlaskRedisSessionInterface(None, "shop:", 600)

    @app.get("/write")
    def write() -> str:
        session["_user_id"] = "7"
        session.permanent = False
        return repr((session.permanent, session.new, session.modified, session.sid))  # type: ignore[attr-defined]

    @app.get("/read")
    def read() -> str:
        return repr((session["_user_id"], session.new, session.sid))  # type: ignore[attr-defined]

    client = app.test_client()
    answer = client.get("/write")
    assert answer.text == "(True, True, True, None)"
    assert "Max-Age=" in answer.headers["Set-Cookie"]
    assert app.session_interface is ours
    assert app.extensions["vedfolnir"].manager.prefix == "shop:"
    with app.app_context():
        [handle] = ours.get_user_sessions(7)
        assert client.get("/read").text == f"('7', False, '{handle}')"
        assert (ours.get_session_data(handle) or {})["_user_id"] == "7"
        assert ours.delete_session(handle) is True
    assert client.get("/read").status_code == 500


@pytest.mark.ids("S42", "S9")
@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (redis.Redis("cache", 7001, 2), {"host": "cache", "port": 7001, "db": 2, "ssl": False}),
        (
            redis.Redis("cache", username="me", password="s/e:c@r"),
            {"username": "me", "password": "s/e:c@r"},
        ),
        (
            redis.Redis(unix_socket_path="/run/r.sock", db=3),
            {"unix_socket": "/run/r.sock", "db": 3},
        ),
        (
            redis.Redis("cache", ssl=True, ssl_ca_certs=__file__),
            {"ssl": True, "ssl_verify": True, "ssl_ca_file": __file__},
        ),
        (redis.Redis("cache", ssl=True, ssl_cert_reqs="none"), {"ssl": True, "ssl_verify": False}),
    ],
)
def test_sessions_go_where_the_given_client_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, client: Any, expected: dict[str, Any]
) -> None:
    monkeypatch.setenv("VEDFOLNIR_KEY", "f0" + "".join(f"{n:02x}" for n in range(31)))
    monkeypatch.setenv("VEDFOLNIR_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/1")
    app = Flask(__name__)
    compat.init_redis_session(app, client)
    found = app.extensions["vedfolnir"].manager.redis
    assert {name: found[name] for name in expected} == expected


@pytest.mark.ids("E9")
def test_decorators(app: Flask, client: FlaskClient, database: Database) -> None:
    decorators = session_aware_decorators

    @app.get("/platform")
    @decorators.require_platform_context
    def platform() -> str:
        return "platform"

    @app.get("/database")
    @decorators.with_db_session
    def with_database() -> str:
        assert g.db_session is app.request_session_manager.get_request_session()  # type: ignore[attr-defined]
        return str(database.open)

    @app.get("/broken/<kind>")
    @decorators.with_session_error_handling
    def broken(kind: str) -> str:
        errors = {"store": compat.RedisSessionError, "session": compat.SessionNotFoundError}
        raise errors[kind]("x")

    def view() -> str:
        return "view"

    assert decorators.handle_detached_instance_error(view) is view
    assert decorators.ensure_user_session_attachment(view) is view
    assert client.get("/platform").status_code == 403
    with client.session_transaction() as before:
        before["current_platform_id"] = 70
    assert client.get("/platform").text == "platform"
    assert client.get("/database").text == "1"
    assert database.open == 0
    answer = client.get("/broken/store")
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
    assert client.get("/broken/session").status_code == 401


@pytest.mark.ids("E9", "S43")
def test_the_request_scoped_database_session(app: Flask, database: Database) -> None:
    done: list[str] = []

    @contextmanager
    def recorded() -> Iterator[None]:
        db = scoped.get_request_session()
        db.commit, db.rollback = lambda: done.append("commit"), lambda: done.append("rollback")
        yield

    scoped = compat.RequestSessionManager(database)
    with app.app_context():
        with recorded(), scoped.session_scope() as db:
            assert db is scoped.get_request_session()
        with pytest.raises(LookupError), scoped.session_scope():
            raise LookupError
        scoped.close_request_session()
        scoped.close_request_session()
    assert done == ["commit", "rollback"]
    assert database.open == 0


class DetachedInstanceError(Exception):
    pass


class Detached(User):
    """A model whose database session is gone: all but the key is out of reach."""

    __mapper__ = SimpleNamespace(primary_key_from_instance=lambda user: [7])

    def __getattribute__(self, name: str) -> Any:
        if name == "email" and not object.__getattribute__(self, "__dict__").get("fresh"):
            raise DetachedInstanceError
        return object.__getattribute__(self, name)


@pytest.mark.ids("E9", "S43")
def test_a_user_outlives_its_database_session(app: Flask, database: Database) -> None:
    manager = app.unified_session_manager  # type: ignore[attr-defined]
    fresh = database.rows[Detached, 7] = Detached(7)
    fresh.fresh = True  # type: ignore[attr-defined]
    user = compat.SessionAwareUser(Detached(7), manager)
    assert user.get_id() == "7"
    assert user.is_active
    assert user.is_authenticated
    assert not user.is_anonymous
    assert user.email == "seven@example.org"
    assert database.open == 0
    with pytest.raises(AttributeError):
        _ = user.shoe_size
    with pytest.raises(DetachedInstanceError):
        _ = compat.SessionAwareUser(Detached(7)).email
    del database.rows[Detached, 7]
    with pytest.raises(AttributeError):
        _ = user.email
