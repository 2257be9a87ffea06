"""What a streamed body does to the session when its headers are gone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response, session, stream_with_context
from flask.testing import FlaskClient

Counters = Callable[[], Any]


def stream(app: Flask, body: Callable[[], Iterator[str]], before: Callable[[], object]) -> None:
    @app.get("/stream")
    def view() -> Response:
        before()
        return Response(stream_with_context(body()))

    @app.get("/cart")
    def cart() -> str:
        return repr(session.get("cart"))


def fill() -> None:
    session["cart"] = ["apple"]


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]


@pytest.mark.ids("S21", "V25")
def test_a_change_inside_a_value_after_the_headers_is_reported(
    app: Flask, client: FlaskClient, counters: Counters, caplog: pytest.LogCaptureFixture
) -> None:
    def body() -> Iterator[str]:
        yield "first"
        session["cart"].append("pear")
        yield "second"

    stream(app, body, fill)
    client.get("/stream", buffered=True).close()
    assert client.get("/cart").text == "['apple']"
    [line] = errors(caplog)
    assert "session['cart']" in line
    assert counters().changes_lost == 1


@pytest.mark.ids("S21", "V25")
def test_a_change_inside_a_value_that_the_stream_loaded_is_reported(
    app: Flask, client: FlaskClient, counters: Counters, caplog: pytest.LogCaptureFixture
) -> None:
    with client.session_transaction() as before:
        before["cart"] = ["apple"]

    def body() -> Iterator[str]:
        yield "first"
        session["cart"].append(object())
        yield "second"

    stream(app, body, lambda: None)
    client.get("/stream", buffered=True).close()
    assert len(errors(caplog)) == 1
    assert counters().changes_lost == 1


@pytest.mark.ids("S21", "V25")
def test_a_stream_that_changes_nothing_is_not_reported(
    app: Flask, client: FlaskClient, counters: Counters, caplog: pytest.LogCaptureFixture
) -> None:
    other = app.test_client()

    def before() -> None:
        session["cart"] = ["apple"]
        session["cart"].append("pear")

    def meet() -> None:
        # Another request changes what this one only read: the merge keeps it.
        assert session["cart"] == ["apple", "pear"]
        session["count"] = 1
        other.set_cookie("session", client.get_cookie("session").value)  # type: ignore[union-attr]
        with other.session_transaction() as others:
            others["cart"] = ["plum"]

    def body() -> Iterator[str]:
        yield "first"
        yield repr(session["cart"])

    stream(app, body, before)
    client.get("/stream", buffered=True).close()
    app.view_functions["view"] = lambda: (meet(), Response(stream_with_context(body())))[1]
    client.get("/stream", buffered=True).close()
    assert client.get("/cart").text == "['plum']"
    assert errors(caplog) == []
    assert counters().changes_lost == 0
