"""The same small Flask application on several kinds of sessions; BENCH_KIND chooses. Run by bench/run.py."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, request, session
from flask.typing import ResponseReturnValue

# What a logged-in user's session typically holds; the same 11 fields for every kind.
FIELDS = {
    "username": "astrid.holm",
    "email": "astrid.holm@example.org",
    "role": "reviewer",
    "platform_name": "Harbour Photos",
    "platform_type": "pixelfed",
    "platform_instance_url": "https://photos.harbour.example",
    "theme": "dark",
    "language": "en",
    "last_page": "/review/queue?page=3",
    "csrf_token": "b7f7a1f0c3d94e0a8f2e6d5c4b3a29180f1e2d3c",
    "counter": 0,
}
# Writes answered with 200, by all workers that were forked from this process.
WRITES = multiprocessing.Value("Q", 0)
KINDS = ("bare", "signed cookie", "Flask-Session", "Vedfolnir", "Vedfolnir, no near cache")


def create() -> Flask:
    kind = os.environ["BENCH_KIND"]
    app = Flask(__name__)
    app.config["SECRET_KEY"] = "only for the bench"  # signs throw-away data
    app.add_url_rule("/healthz", view_func=untouched)
    app.add_url_rule("/untouched", view_func=untouched)
    if kind == "bare":
        for path in ("/setup", "/read", "/write", "/login"):
            app.add_url_rule(path, path, view_func=untouched, methods=["GET", "POST"])
        return app

    regenerate = clear
    if kind == "Flask-Session":
        regenerate = use_flask_session(app)
    elif kind.startswith("Vedfolnir"):
        use_vedfolnir(app, near_cache=kind == "Vedfolnir")
    if "BENCH_COUNT_WRITES" in os.environ:
        count_writes(app)

    def login() -> ResponseReturnValue:
        regenerate()
        session.update(FIELDS)
        session["user_id"] = request.args["user"]
        return "in"

    app.add_url_rule("/setup", view_func=setup, methods=["POST"])
    app.add_url_rule("/read", view_func=read)
    app.add_url_rule("/write", view_func=write, methods=["POST"])
    app.add_url_rule("/login", view_func=login, methods=["POST"])
    return app


def clear() -> None:
    session.clear()


def untouched() -> ResponseReturnValue:
    return "ok"


def setup() -> ResponseReturnValue:
    """An anonymous session with the fields."""
    session.update(FIELDS)
    return "set"


def read() -> ResponseReturnValue:
    return f"{session['username']} {session['role']} {session['counter']}"


def write() -> ResponseReturnValue:
    session["counter"] = session["counter"] + 1
    return "written"


def use_flask_session(app: Flask) -> Callable[[], None]:
    import redis  # noqa: PLC0415
    from flask_session import Session  # noqa: PLC0415

    app.config["SESSION_TYPE"] = "redis"
    app.config["SESSION_REDIS"] = redis.Redis.from_url(os.environ["REDIS_URL"])
    Session(app)

    def regenerate() -> None:
        # A login that keeps the id would be open to fixation, so the peer has to do this as well.
        session.clear()
        app.session_interface.regenerate(session)  # type: ignore[attr-defined]

    return regenerate


def use_vedfolnir(app: Flask, near_cache: bool) -> None:
    from vedfolnir import Vedfolnir  # noqa: PLC0415

    extension = Vedfolnir(app, near_cache=near_cache)

    def figures() -> ResponseReturnValue:
        counters = extension.manager.counters()
        return {
            "sql_statements": counters.sql_statements,
            "fallback_active": counters.fallback_active,
        }

    app.add_url_rule("/figures", view_func=figures)


def count_writes(app: Flask) -> None:
    """Counts outside the application, so that a commit which failed is not counted."""
    inner = app.wsgi_app

    def counting(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, *rest: Any) -> Any:
            if environ["PATH_INFO"] == "/write" and status.startswith("200"):
                with WRITES.get_lock():
                    WRITES.value += 1
            return start_response(status, *rest)

        return inner(environ, start)

    app.wsgi_app = counting  # type: ignore[method-assign]
    app.add_url_rule("/writes", "writes", view_func=lambda: str(WRITES.value))
