"""The stores cannot say: 503 wherever the first touch is, others go on, the cookie stays (design section 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest
import vedfolnir
from flask import (
    Flask,
    Response,
    abort,
    after_this_request,
    flash,
    get_flashed_messages,
    render_template_string,
    session,
    stream_with_context,
)
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException, ServiceUnavailable

Outage = Callable[..., AbstractContextManager[None]]


def touch() -> str:
    return str(session.get("value"))


def build_view(app: Flask) -> None:
    app.add_url_rule("/", "touch", touch)


def build_before_request(app: Flask) -> None:
    app.before_request(lambda: touch() and None)
    app.add_url_rule("/", "plain", lambda: "plain")


def build_after_request(app: Flask) -> None:
    app.after_request(lambda response: touch() and response)
    app.add_url_rule("/", "plain", lambda: "plain")


def build_template(app: Flask) -> None:
    app.add_url_rule("/", "page", lambda: render_template_string("{{ session.value }}"))


def build_404_handler(app: Flask) -> None:
    app.errorhandler(404)(lambda error: touch())
    app.add_url_rule("/", "missing", lambda: abort(404))


def build_500_handler(app: Flask) -> None:
    app.errorhandler(500)(lambda error: touch())
    app.add_url_rule("/", "broken", lambda: 1 / 0)


def build_teardown(app: Flask) -> None:
    app.teardown_request(lambda error: touch() and None)
    app.add_url_rule("/", "plain", lambda: "plain")


def build_stream(app: Flask) -> None:
    def body() -> Iterator[str]:
        yield touch()

    app.add_url_rule("/", "stream", lambda: Response(stream_with_context(body())))


def build_swallowing_view(app: Flask) -> None:
    def view() -> str:
        with suppress(Exception):
            touch()
        assert dict(session) == {}
        with pytest.raises(vedfolnir.ReadOnly):
            session["value"] = 1
        response = app.make_response("all is well")
        response.set_cookie("other", "1")
        after_this_request(lambda response: response)
        return response  # type: ignore[return-value]

    app.add_url_rule("/", "swallow", view)


HOOKS = [
    build_view,
    build_before_request,
    build_after_request,
    build_template,
    build_404_handler,
    build_500_handler,
    build_teardown,
    build_stream,
    build_swallowing_view,
]


def check_unavailable(answer: Any) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" in answer.headers["Vary"]


@pytest.mark.ids("C28", "S37")
@pytest.mark.parametrize("build", HOOKS, ids=lambda build: build.__name__.removeprefix("build_"))
def test_first_touch_anywhere_is_a_503(
    app: Flask, client: FlaskClient, session_outage: Outage, build: Callable[[Flask], None]
) -> None:
    build(app)
    with client.session_transaction() as before:
        before["value"] = 5
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with session_outage(app):
        check_unavailable(client.get("/"))
        head = client.head("/")
        # The body of a stream is not made for HEAD, so nothing touches the session there.
        assert head.status_code == (200 if build is build_stream else 503)
        assert head.data == b""
    assert client.get_cookie("session") is not None


@pytest.mark.ids("C28", "V25")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", ["plain", "redirect", "stream", "error", "cookie"])
def test_a_failed_save_replaces_the_response(
    app: Flask, client: FlaskClient, session_outage: Outage, kind: str, method: str
) -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[str]:
            return iter(["first", "second"])

        def close(self) -> None:
            closed.append(True)

    @app.route("/", methods=["GET", "HEAD"])
    def write() -> Any:
        session["value"] = 1
        if kind == "redirect":
            return Response(status=302, headers={"Location": "/elsewhere", "ETag": '"x"'})
        if kind == "stream":
            return Response(Body())
        if kind == "error":
            raise LookupError
        response = Response("done")
        if kind == "cookie":
            response.set_cookie("other", "1")
        return response

    with session_outage(app, load=False):
        answer = client.open("/", method=method)
        check_unavailable(answer)
        assert "Location" not in answer.headers
        assert "ETag" not in answer.headers
        assert b"done" not in answer.data
        assert b"first" not in answer.data
    assert len(closed) == (kind == "stream")


@pytest.mark.ids("C28", "V25")
def test_an_aborted_stream_after_the_headers(
    app: Flask, client: FlaskClient, session_outage: Outage
) -> None:
    @app.get("/")
    def stream() -> Response:
        def body() -> Iterator[str]:
            yield "first"
            yield touch()

        return Response(stream_with_context(body()))

    with session_outage(app):
        answer = client.get("/")
        chunks = answer.iter_encoded()
        assert answer.status_code == 200
        with pytest.raises(ServiceUnavailable):
            list(chunks)
        answer.close()


@pytest.mark.ids("C28")
def test_a_page_of_the_application_for_503_is_kept(
    app: Flask, client: FlaskClient, session_outage: Outage
) -> None:
    @app.errorhandler(503)
    def sorry(error: ServiceUnavailable) -> tuple[str, int, dict[str, str]]:
        return f"Sorry. {session.get('theme')}", 503, {"Set-Cookie": "other=1", "X-Ours": "1"}

    build_view(app)
    with session_outage(app):
        answer = client.get("/")
        check_unavailable(answer)
        assert answer.text == "Sorry. None"
        assert answer.headers["X-Ours"] == "1"


@pytest.mark.ids("C28", "V25")
@pytest.mark.parametrize("trapped", [False, True])
@pytest.mark.parametrize(
    "code_or_class", [503, HTTPException, Exception, vedfolnir.StoreUnavailable]
)
def test_it_also_stands_in_for_a_response_that_could_not_be_saved(
    app: Flask, client: FlaskClient, session_outage: Outage, code_or_class: Any, trapped: bool
) -> None:
    handled = []

    @app.errorhandler(code_or_class)
    def sorry(error: ServiceUnavailable) -> tuple[str, int, dict[str, str]]:
        handled.append(error)
        # As a layout does that shows flashed messages.
        page = f"Sorry. {session.get('value')} {get_flashed_messages()}"
        return page, 503, {"Set-Cookie": "other=1", "X-Ours": "1"}

    @app.get("/")
    def write() -> Response:
        flash("saved")
        session["value"] = 1
        return Response("done", headers={"ETag": '"x"'})

    app.config["TRAP_HTTP_EXCEPTIONS"] = trapped
    with session_outage(app, load=False):
        answer = client.get("/")
        check_unavailable(answer)
        assert answer.text == "Sorry. None []"
        assert answer.headers["X-Ours"] == "1"
        assert "ETag" not in answer.headers
        assert client.head("/").status_code == 503
    assert len(handled) == 2
    assert isinstance(handled[0], vedfolnir.StoreUnavailable)


@pytest.mark.ids("C28", "V25")
def test_it_also_stands_in_for_a_view_that_swallowed_the_error(
    app: Flask, client: FlaskClient, session_outage: Outage
) -> None:
    app.errorhandler(503)(lambda error: ("Sorry.", 503))
    build_swallowing_view(app)
    with session_outage(app):
        answer = client.get("/")
        check_unavailable(answer)
        assert answer.text == "Sorry."


@pytest.mark.ids("C28", "V25")
@pytest.mark.parametrize("fails_in", ["load", "save"])
@pytest.mark.parametrize("kind", ["raises", "answers 200", "streams"])
def test_a_page_that_is_no_503_is_replaced(
    app: Flask, client: FlaskClient, session_outage: Outage, fails_in: str, kind: str
) -> None:
    closed = []

    @app.errorhandler(503)
    def sorry(error: ServiceUnavailable) -> Any:
        if kind == "raises":
            raise LookupError
        if kind == "answers 200":
            return "all is well"
        page = Response(iter(["part"]), status=503)
        page.call_on_close(lambda: closed.append(True))
        return page

    @app.get("/")
    def write() -> str:
        session["value"] = 1
        return "done"

    app.config["PROPAGATE_EXCEPTIONS"] = False
    with session_outage(app, load=fails_in == "load"):
        answer = client.get("/")
        check_unavailable(answer)
        assert "Trace: " in answer.text
    assert bool(closed) == (kind == "streams")


@pytest.mark.ids("C28", "V25")
def test_without_a_page_of_its_own_a_trapped_error_is_the_plain_one(
    app: Flask, client: FlaskClient, session_outage: Outage
) -> None:
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    app.add_url_rule("/", "write", lambda: session.update(value=1) or "done")
    with session_outage(app, load=False):
        answer = client.get("/")
        check_unavailable(answer)
        assert "Trace: " in answer.text


@pytest.mark.ids("C28")
def test_the_exception_is_ours_and_werkzeugs(app: Flask, session_outage: Outage) -> None:
    with session_outage(app), app.test_request_context():
        with pytest.raises(vedfolnir.StoreUnavailable) as ours:
            touch()
        assert isinstance(ours.value, ServiceUnavailable)
        assert touch() == "None"


@pytest.mark.ids("C28")
def test_untouched_pages_are_served(
    app: Flask, client: FlaskClient, session_outage: Outage
) -> None:
    app.add_url_rule("/", "plain", lambda: "plain")
    with session_outage(app):
        answer = client.get("/", headers={"Cookie": "session=x"})
        assert answer.text == "plain"
        assert set(answer.headers.keys()) == {"Content-Type", "Content-Length"}


@pytest.mark.ids("C28")
def test_other_failures_are_not_hidden(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/", "broken", lambda: 1 / 0)
    assert client.get("/").status_code == 500


@pytest.mark.ids("S1", "C28", "S95")
def test_a_redis_that_is_not_there_is_a_503(make_app: Callable[..., Flask], tmp_path: Any) -> None:
    app = make_app(
        store="redis", redis_url=f"unix://{tmp_path}/no.sock", state_dir=tmp_path, env="testing"
    )
    app.add_url_rule("/", "touch", touch)
    issued = app.extensions["vedfolnir"].manager.mint_id()
    client = app.test_client()
    assert client.get("/").text == "None"  # Without a cookie there is nothing to ask.
    client.set_cookie("session", issued)
    check_unavailable(client.get("/"))
    assert client.get_cookie("session") is not None


@pytest.mark.ids("S95", "C28")
def test_the_log_says_once_what_is_wrong_and_the_page_does_not(
    make_app: Callable[..., Flask], tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/missing/sessions.db"
    app = make_app(store="database", database_url=url, state_dir=tmp_path, env="testing")
    app.add_url_rule("/", "write", lambda: session.update(key=1) or "done")
    answer = app.test_client().get("/")
    check_unavailable(answer)
    assert "missing" not in answer.text
    [line] = [each.getMessage() for each in caplog.records if "answering 503" in each.getMessage()]
    assert line.count("does not exist") == 1


class NoEndings:
    """A manager that takes everything but endings; what it is asked else, another answers."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def __getattr__(self, name: str) -> Any:
        return self._refuse if name in ("end", "end_user") else getattr(self._manager, name)

    def _refuse(self, *arguments: object) -> Any:
        raise vedfolnir.AuditUnavailable("Not written down.", "an outage made by a test")


@pytest.mark.ids("C28", "V18")
@pytest.mark.parametrize("which", ["others", "own", "anybody's"])
def test_an_ending_that_cannot_be_written_down_is_a_503(
    app: Flask, client: FlaskClient, which: str
) -> None:
    @app.get("/login")
    def log_in() -> str:
        vedfolnir.login(7)
        return "ok"

    @app.get("/end")
    def end() -> str:
        if which == "others":
            return str(vedfolnir.end_other_sessions())
        return vedfolnir.end_session("00" * 16, any_user=which == "anybody's")

    client.get("/login")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    interface = app.extensions["vedfolnir"]
    with interface.replaced(NoEndings(interface.manager)):
        answer = client.get("/end")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/end").status_code == 200
