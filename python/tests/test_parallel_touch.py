"""Threads of one request that come to its session at once (flask.copy_current_request_context)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import vedfolnir
from flask import Flask, copy_current_request_context, session
from flask.testing import FlaskClient

SECONDS_MAX = 30.0


class Between:
    """A manager that lets `step` happen while its first load is under way, and then goes on, or fails."""

    def __init__(self, app: Flask, step: Callable[[], None], fails: bool) -> None:
        self._manager = app.extensions["vedfolnir"].manager
        self._count = 0
        self._step = step
        self._fails = fails

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def load(self, context: Any) -> Any:
        self._count += 1
        if self._count != 1:
            return self._manager.load(context)
        loaded = self._manager.load(context)
        self._step()
        if self._fails:
            raise vedfolnir.StoreUnavailable("the store did not answer")
        return loaded


def in_a_thread(function: Callable[[], None]) -> Callable[[], None]:
    """Runs to its end in a thread that has this request."""
    copied = copy_current_request_context(function)

    def run() -> None:
        thread = threading.Thread(target=copied)
        thread.start()
        thread.join(SECONDS_MAX)
        assert not thread.is_alive()

    return run


def write(key: str) -> Callable[[], None]:
    return lambda: session.__setitem__(key, "written")


def between(app: Flask, step: Callable[[], None], fails: bool = False) -> Any:
    return app.extensions["vedfolnir"].replaced(Between(app, step, fails))


def stored(client: FlaskClient) -> dict[str, Any]:
    with client.session_transaction() as now:
        return dict(now)


@pytest.mark.ids("S22", "E5")
@pytest.mark.parametrize("fails", [False, True])
def test_what_another_thread_wrote_while_this_one_loaded_stays(
    app: Flask, client: FlaskClient, fails: bool
) -> None:
    @app.get("/")
    def view() -> str:
        with between(app, in_a_thread(write("other")), fails):
            session["own"] = "written"
        return "done"

    assert client.get("/").status_code == 200
    assert stored(client) == {"other": "written", "own": "written"}


@pytest.mark.ids("C28", "E5")
def test_a_load_that_failed_first_is_the_503_of_all(app: Flask, client: FlaskClient) -> None:
    raised = []

    def fail() -> None:
        with between(app, lambda: None, fails=True), pytest.raises(vedfolnir.StoreUnavailable):
            session["other"] = "written"
        raised.append(True)

    @app.get("/")
    def view() -> str:
        with between(app, in_a_thread(fail)):
            session["own"] = "written"
        return "done"

    assert client.get("/").status_code == 503
    assert raised
    assert stored(client) == {}


@pytest.mark.ids("S22", "E5")
def test_what_another_thread_wrote_while_a_logout_was_committed_stays(
    app: Flask, client: FlaskClient
) -> None:
    with client.session_transaction() as before:
        before["user_id"] = "7"

    @app.get("/out")
    def out() -> str:
        session.get("user_id")
        with between(app, in_a_thread(write("other"))):
            return vedfolnir.logout().value

    assert client.get("/out").text == "ended"
    assert stored(client) == {"other": "written"}
