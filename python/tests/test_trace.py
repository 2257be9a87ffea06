"""One trace id from the request to log lines and audit events, and what operations took."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
import vedfolnir
from flask import Flask, session
from flask.testing import FlaskClient
from redis_session_manager import RedisSessionManager

TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
WELL_FORMED = re.compile("[0-9a-f]{32}")


@pytest.fixture
def app(app: Flask) -> Flask:
    @app.get("/trace")
    def trace() -> str:
        return vedfolnir.current_trace_id() or "none"

    @app.get("/login")
    def login() -> str:
        vedfolnir.login(7)
        return "ok"

    @app.get("/logout")
    def logout() -> str:
        vedfolnir.logout()
        return "ok"

    @app.get("/others")
    def others() -> str:
        return str(vedfolnir.end_other_sessions())

    @app.get("/read")
    def read() -> str:
        session.get("value")
        return vedfolnir.current_trace_id() or "none"

    return app


def events(app: Flask, **wanted: Any) -> list[tuple[str, str | None]]:
    found = app.extensions["vedfolnir"].manager.audit(**wanted)
    return [(event.type, json.loads(event.detail).get("trace")) for event in found]


@pytest.mark.ids("S101")
def test_the_trace_of_the_request_is_taken_over(client: FlaskClient) -> None:
    assert client.get("/trace", headers=HEADERS).text == TRACE
    assert client.get("/read", headers=HEADERS).text == TRACE


@pytest.mark.ids("S101")
@pytest.mark.parametrize("header", [None, "", "00-" + TRACE, HEADERS["traceparent"].upper()])
def test_a_request_without_one_has_its_own(client: FlaskClient, header: str | None) -> None:
    headers = {} if header is None else {"traceparent": header}
    seen = {client.get("/trace", headers=headers).text for _ in range(3)}
    assert len(seen) == 3
    assert all(WELL_FORMED.fullmatch(each) and each != TRACE for each in seen)


@pytest.mark.ids("S101")
def test_asking_for_the_trace_loads_nothing(
    client: FlaskClient, counters: Callable[[], Any]
) -> None:
    answer = client.get("/trace")
    assert counters().loads == 0
    assert "Vary" not in answer.headers


@pytest.mark.ids("S101", "S41")
def test_audit_events_carry_the_trace_of_their_request(app: Flask, client: FlaskClient) -> None:
    client.get("/login", headers=HEADERS)
    app.test_client().get("/login")
    client.get("/others", headers=HEADERS)
    client.get("/logout")
    found = events(app)
    assert ("session.created", TRACE) in found
    assert ("session.ended", TRACE) in found
    assert all(WELL_FORMED.fullmatch(trace or "") for _, trace in found)
    assert {trace for _, trace in events(app, trace_id=TRACE)} == {TRACE}
    assert events(app, trace_id="f" * 32) == []
    with pytest.raises(ValueError, match="trace id"):
        events(app, trace_id="%")


@pytest.mark.ids("S101", "S41", "S42")
def test_endings_by_the_documented_names_carry_it_too(app: Flask, client: FlaskClient) -> None:
    core = app.extensions["vedfolnir"].manager
    documented = RedisSessionManager(None, manager=core)

    @app.get("/end/<handle>")
    def end(handle: str) -> str:
        return str(documented.destroy_session(handle))

    @app.get("/end-all")
    def end_all() -> str:
        return str(documented.cleanup_user_sessions(7))

    client.get("/login")
    [session_of_seven] = core.sessions(user_id="7")
    answer = client.get(f"/end/{session_of_seven.handle}", headers=HEADERS)
    assert answer.text == "True"
    client.get("/login")
    assert client.get("/end-all", headers=HEADERS).text == "1"
    assert events(app, trace_id=TRACE) == [("session.ended", TRACE)] * 2


@pytest.mark.ids("S101")
def test_lines_of_the_application_carry_it(app: Flask, client: FlaskClient) -> None:
    lines = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Kept()
    handler.addFilter(vedfolnir.TraceFilter())
    handler.setFormatter(logging.Formatter("%(trace_id)s %(message)s"))
    app.logger.addHandler(handler)
    app.logger.setLevel(logging.INFO)

    @app.get("/say")
    def say() -> str:
        app.logger.info("inside")
        return "ok"

    client.get("/say", headers=HEADERS)
    app.logger.info("outside")
    assert lines == [f"{TRACE} inside", "- outside"]
    assert vedfolnir.current_trace_id() is None


@pytest.mark.ids("S101", "C28")
def test_a_503_names_the_trace_and_no_session(
    app: Flask, client: FlaskClient, session_outage: Callable[..., Any]
) -> None:
    client.get("/login")
    cookie = client.get_cookie("session")
    assert cookie is not None
    with session_outage(app):
        answer = client.get("/read", headers=HEADERS)
    assert answer.status_code == 503
    assert TRACE in answer.text
    assert cookie.value not in answer.text


@pytest.mark.ids("S101", "S63")
def test_operations_are_timed_in_buckets(app: Flask, client: FlaskClient) -> None:
    manager = app.extensions["vedfolnir"].manager
    assert all(timing.count == 0 for timing in manager.timings().values())
    client.get("/login")
    client.get("/read")
    client.get("/logout")
    timings = manager.timings()
    counters = manager.counters()
    assert timings["login"].count == counters.logins == 1
    assert timings["end"].count == counters.endings == 1
    # The login came without a cookie: no store was asked for it.
    assert timings["load"].count == 2
    for timing in timings.values():
        assert sum(timing.buckets) == timing.count
        assert len(timing.buckets) == len(timing.bounds_us) + 1
        assert list(timing.bounds_us) == sorted(timing.bounds_us)
    assert timings["login"].sum_us > 0
