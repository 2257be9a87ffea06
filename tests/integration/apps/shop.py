"""The application of the integration tests: one route per thing a test wants to see happen."""

from __future__ import annotations

import datetime as dt
import io
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import vedfolnir
from flask import (
    Flask,
    Response,
    abort,
    flash,
    jsonify,
    render_template_string,
    request,
    session,
    stream_with_context,
)
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import CSRFProtect
from markupsafe import Markup
from support.gates import pass_gate
from vedfolnir import Vedfolnir

MARKER = "marker-of-a-payload-9f31"
TYPED: dict[Any, Any] = {
    "aware": dt.datetime(2025, 8, 20, 12, tzinfo=dt.UTC),
    "naive": dt.datetime(2025, 8, 20, 12, 0, 0, 5),
    "date": dt.date(2025, 8, 20),
    "uuid": UUID(int=1),
    "bytes": b"\0\xff",
    "tuple": (1, (2, [3])),
    "markup": Markup("<b>"),
    7: {"nested": [{"deep": (True, None, 1.0)}]},
    "big": 10**40,
    "set": {1, 2},
}


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


def create_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = os.environ["FLASK_SECRET_KEY"]
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    app.extensions["sessions"] = Vedfolnir(app)
    LoginManager(app).user_loader(User)
    CSRFProtect(app)
    if os.environ.get("TOUCH_BEFORE_FORK"):
        app.extensions["sessions"].manager.ping()
    pages(app)
    logins(app)
    hooks(app)

    @app.after_request
    def name_worker(response: Response) -> Response:
        response.headers["X-Worker"] = str(os.getpid())
        return response

    return app


def gate() -> None:
    """Where the test said so, stands still between load and commit."""
    name = request.args.get("gate")
    if name:
        pass_gate(name)


def pages(app: Flask) -> None:
    @app.get("/healthz")
    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/fallback")
    def fallback() -> Response:
        """How this worker stands; the ping makes it look, whatever it did before."""
        manager = app.extensions["sessions"].manager
        with suppress(vedfolnir.Error):
            manager.ping()
        return jsonify(pid=os.getpid(), active=manager.counters().fallback_active)

    @app.get("/clock")
    def clock() -> str:
        return str(time.time())

    @app.get("/pid")
    def pid() -> str:
        return str(os.getpid())

    @app.get("/read")
    def read() -> Response:
        found = {key: session[key] for key in session if key.startswith("key")}
        gate()
        platform = session.get("current_platform_id")
        return jsonify(keys=found, user=session.get("_user_id"), platform=platform, pid=os.getpid())

    @app.route("/write", methods=["GET", "POST"])
    def write() -> Response:
        """Loads, waits, writes."""
        before = session.get("_user_id")
        gate()
        session[request.args["key"]] = request.args.get("value", MARKER)
        return jsonify(user=before, pid=os.getpid())

    @app.get("/typed/write")
    def typed_write() -> str:
        session["typed"] = TYPED
        flash("saved", "good")
        return "written"

    @app.get("/typed/read")
    def typed_read() -> str:
        same = session["typed"] == TYPED and type(session["typed"]["tuple"]) is tuple
        kinds = [type(value) for value in session["typed"].values()]
        expected = [type(value) for value in TYPED.values()]
        flashes = session.get("_flashes")
        return (
            "same" if same and kinds == expected and flashes == [("good", "saved")] else "different"
        )

    @app.get("/cannot")
    def cannot() -> str:
        session["key_bad"] = [{"file": io.BytesIO()}]
        return "unreachable"


def logins(app: Flask) -> None:
    @app.get("/login/<user_id>")
    def login(user_id: str) -> Response:
        login_user(User(user_id), remember=bool(request.args.get("remember")))
        gate()
        return jsonify(user=user_id)

    @app.get("/logout")
    def logout() -> str:
        logout_user()
        return "out"

    @app.get("/logout/now")
    def logout_now() -> str:
        return vedfolnir.logout().value

    @app.get("/who")
    def who() -> str:
        return current_user.get_id() or "nobody"

    @app.get("/platform/<platform>")
    def platform(platform: str) -> str:
        vedfolnir.switch_platform(int(platform))
        return str(session["platform_connection_id"])

    @app.get("/devices")
    def devices() -> Response:
        current = vedfolnir.current_session()
        return jsonify(
            current=current.handle if current else None,
            all=[(info.handle, info.is_current, info.platform) for info in vedfolnir.sessions()],
        )

    @app.get("/end/<handle>")
    def end(handle: str) -> str:
        return vedfolnir.end_session(handle).value

    @app.get("/end_others")
    def end_others() -> str:
        return str(vedfolnir.end_other_sessions())


def touch() -> str:
    """Reads; with ?write=1 writes as well."""
    value = repr(session.get("key"))
    if request.args.get("write"):
        session["key_hook"] = MARKER
    return value


def hooks(app: Flask) -> None:
    """/hook/<name>: the session is touched first in that place."""

    @app.before_request
    def before() -> None:
        if request.path == "/hook/before_request":
            touch()
        if request.path == "/hook/login_after_request":
            # Request-local, so no load here: Flask-Login's after_request then asks for the user id.
            session["_remember"] = "set"

    @app.get("/hook/before_request")
    @app.get("/hook/login_after_request")
    def untouched() -> str:
        return "body"

    @app.get("/hook/view")
    def view() -> str:
        return touch()

    @app.get("/hook/template")
    def template() -> str:
        return render_template_string("{{ touch() }}", touch=touch)

    @app.get("/hook/error_handler")
    def missing() -> str:
        abort(418)

    @app.errorhandler(418)
    def teapot(error: Exception) -> tuple[str, int]:
        return touch(), 200

    @app.get("/hook/error_handler_500")
    def broken() -> str:
        raise LookupError

    @app.errorhandler(500)
    def sorry(error: Exception) -> tuple[str, int]:
        return (touch(), 200) if request.path.startswith("/hook/") else ("error", 500)

    @app.get("/hook/login_loader")
    def loader() -> str:
        name = current_user.get_id() or "nobody"
        return touch() if request.args.get("write") else name

    @app.get("/hook/wtf")
    def wtf() -> str:
        if request.args.get("write"):
            session.pop("csrf_token", None)
        return render_template_string("{{ csrf_token() }}")

    @app.get("/hook/stream")
    def stream() -> Response:
        if request.args.get("write"):
            touch()

        def body() -> Iterator[str]:
            yield touch() if not request.args.get("write") else "x"

        return Response(stream_with_context(body()))

    @app.get("/hook/late_stream")
    def late_stream() -> Response:
        def body() -> Iterator[str]:
            yield "first"
            gate()
            yield touch()

        return Response(stream_with_context(body()))
