"""Flask-Login and Flask-WTF, unmodified, on our sessions."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import vedfolnir
from flask import Flask, render_template_string, session
from flask.testing import FlaskClient
from flask_login import (
    LoginManager,
    UserMixin,
    confirm_login,
    current_user,
    login_required,
    login_user,
    logout_user,
)
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf

Counters = Callable[[], Any]


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return build(make_app())


def build(app: Flask) -> Flask:
    login = LoginManager(app)
    login.user_loader(User)

    @app.get("/login")
    def log_in() -> str:
        session["cart"] = [1]
        login_user(User("7"), remember=True)
        return "in"

    @app.get("/again")
    def log_in_again() -> str:
        login_user(User("7"))
        return "in"

    @app.get("/confirm")
    def confirm() -> str:
        confirm_login()
        return "confirmed"

    @app.get("/logout")
    def log_out() -> str:
        logout_user()
        return "out"

    @app.get("/logout/clear")
    def log_out_and_clear() -> str:
        logout_user()
        session.clear()
        return repr(dict(session))

    @app.get("/who")
    def who() -> str:
        return current_user.get_id() or "nobody"

    @app.get("/cart")
    def cart() -> str:
        return repr((session.get("cart"), session.get("_user_id")))

    @app.get("/mine")
    @login_required
    def mine() -> str:
        return "mine"

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/mark/<name>")
    def mark(name: str) -> str:
        session[f"mark_{name}"] = 1
        return current_user.get_id() or "nobody"

    return app


def value_of(client: FlaskClient, name: str = "session") -> str | None:
    cookie = client.get_cookie(name)
    return None if cookie is None else cookie.value


@pytest.mark.ids("S12", "S13", "S46", "E1", "C03")
def test_login_and_logout(app: Flask, client: FlaskClient, counters: Counters) -> None:
    assert client.get("/mine").status_code == 401
    client.get("/login")
    assert client.get("/who").text == "7"
    assert client.get("/mine").text == "mine"
    assert counters().logins == 1
    inside = value_of(client)
    client.get("/logout")
    assert value_of(client) is None
    assert value_of(client, "remember_token") is None
    assert client.get("/who").text == "nobody"
    assert counters().endings == 1
    client.set_cookie("session", inside or "")
    assert client.get("/who").text == "nobody"


@pytest.mark.ids("S13", "S91", "V06", "C03")
def test_each_authentication_rotates_the_id(app: Flask, client: FlaskClient) -> None:
    with client.session_transaction() as before:
        before["cart"] = [0]
    seen = [value_of(client)]
    for path in ("/login", "/again", "/confirm"):
        client.get(path)
        seen.append(value_of(client))
    assert len(set(seen)) == 4
    assert client.get("/cart").text == "([1], '7')"
    for old in seen[:-1]:
        stranger = app.test_client()
        stranger.set_cookie("session", old or "")
        answer = stranger.get("/who")
        assert answer.text == "nobody"
        assert "Set-Cookie" not in answer.headers


@pytest.mark.ids("S20", "E6")
def test_an_untouched_page_costs_no_load(
    app: Flask, client: FlaskClient, counters: Counters
) -> None:
    client.get("/login")
    before = counters().loads
    answer = client.get("/plain")
    assert counters().loads == before
    assert "Vary" not in answer.headers


@pytest.mark.ids("E1")
def test_a_remembered_user_comes_back(app: Flask, client: FlaskClient, counters: Counters) -> None:
    client.get("/login")
    client.delete_cookie("session")
    before = counters().logins
    assert client.get("/who").text == "7"
    assert counters().logins == before + 1
    assert value_of(client) is not None
    entries = app.extensions["vedfolnir"].manager.audit(type="session.remembered")
    assert len(entries) == 1
    assert client.get("/who").text == "7"
    assert counters().logins == before + 1


@pytest.mark.ids("E1")
def test_parallel_requests_with_a_remember_cookie_make_one_session(
    app: Flask, client: FlaskClient, counters: Counters
) -> None:
    client.get("/login")
    token = value_of(client, "remember_token")
    before = counters().logins
    barrier = Barrier(6)

    def visit(number: int) -> tuple[str, str]:
        visitor = app.test_client()
        visitor.set_cookie("remember_token", token or "")
        barrier.wait(10)
        answer = visitor.get(f"/mark/{number}")
        return answer.text, value_of(visitor) or ""

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(visit, range(6)))
    assert {who for who, _ in answers} == {"7"}
    assert len({cookie for _, cookie in answers}) == 1
    assert counters().logins == before + 1
    with app.test_request_context(headers={"Cookie": f"session={answers[0][1]}"}):
        assert sum(key.startswith("mark_") for key in session) == 6


@pytest.mark.ids("E1", "S32")
def test_requests_of_several_processes_with_one_remember_cookie_make_one_session(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    """Two applications that share stores, as two worker processes do."""
    options = {"store": "database", "state_dir": tmp_path, "key": secrets.token_hex(32)}
    workers = [build(make_app(**options)) for _ in range(2)]
    client = workers[0].test_client()
    client.get("/login")
    token = value_of(client, "remember_token") or ""
    barrier = Barrier(6)

    def visit(number: int) -> tuple[str, str]:
        visitor = workers[number % 2].test_client()
        visitor.set_cookie("remember_token", token)
        barrier.wait(10)
        return visitor.get(f"/mark/{number}").text, value_of(visitor) or ""

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(visit, range(6)))
    assert {who for who, _ in answers} == {"7"}
    assert len({cookie for _, cookie in answers}) == 1
    manager = workers[1].extensions["vedfolnir"].manager
    assert len(manager.audit(type="session.remembered")) == 1
    with workers[1].test_request_context(headers={"Cookie": f"session={answers[0][1]}"}):
        assert sum(key.startswith("mark_") for key in session) == 6


@pytest.mark.ids("E1", "S45")
def test_a_cleared_session_takes_the_remember_cookie_along(app: Flask, client: FlaskClient) -> None:
    """What Flask-Login noted for the end of the request outlives ``session.clear()``."""
    client.get("/login")
    client.get("/logout/clear")
    assert value_of(client) is None
    assert value_of(client, "remember_token") is None
    assert client.get("/who").text == "nobody"


@pytest.mark.ids("E1")
def test_clear_forgets_other_request_local_keys(app: Flask) -> None:
    with app.test_request_context():
        session["_remember"], session["_remember_seconds"] = "set", 5
        session.clear()
        assert dict(session) == {}


@pytest.mark.ids("E1")
def test_a_permanent_remembered_session_has_a_lasting_cookie(
    app: Flask, client: FlaskClient
) -> None:
    @app.before_request
    def permanent() -> None:
        session.permanent = True

    client.get("/login")
    client.delete_cookie("session")
    answer = client.get("/who")
    [cookie] = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("session=")]
    assert "Max-Age=" in cookie


@pytest.mark.ids("E1")
def test_a_remembered_login_keeps_what_an_anonymous_visitor_had(
    app: Flask, client: FlaskClient
) -> None:
    client.get("/login")
    client.delete_cookie("session")
    with client.session_transaction() as anonymous:
        anonymous["cart"] = ["mine"]
    client.get("/who")
    assert client.get("/cart").text == "(['mine'], '7')"


@pytest.mark.ids("E1", "C08")
def test_a_session_that_ended_is_not_shared(app: Flask, client: FlaskClient) -> None:
    client.get("/login")
    token = value_of(client, "remember_token") or ""
    client.delete_cookie("session")
    client.get("/who")
    first = value_of(client)
    client.get("/logout")
    client.set_cookie("remember_token", token)
    client.get("/who")
    assert value_of(client) not in (None, first)


@pytest.mark.ids("S12")
def test_our_own_login_helper(app: Flask, counters: Counters) -> None:
    app.add_url_rule("/in", "in_", lambda: vedfolnir.login(7, theme="dark") or "in")
    app.add_url_rule("/out", "out", lambda: vedfolnir.logout().value)
    app.add_url_rule(
        "/theme", "theme", lambda: repr((session.get("user_id"), session.get("theme")))
    )
    client = app.test_client()
    client.get("/in")
    assert client.get("/theme").text == "(7, 'dark')"
    assert client.get("/who").text == "7"
    assert client.get("/out").text == "ended"
    assert value_of(client) is None
    assert client.get("/out").text == "absent"
    assert counters().logins == 1


@pytest.mark.ids("S12", "S21")
@pytest.mark.parametrize(
    ("user_id", "keys"), [(None, {}), ("", {}), (object(), {}), ("7", {"file": io.BytesIO()})]
)
def test_a_login_that_cannot_be_logs_nobody_in(
    app: Flask, user_id: Any, keys: dict[str, Any]
) -> None:
    def attempt() -> str:
        with pytest.raises(vedfolnir.BadValue):
            vedfolnir.login(user_id, **keys)
        return "refused"

    app.add_url_rule("/in", "in_", attempt)
    client = app.test_client()
    assert client.get("/in").text == "refused"
    assert client.get("/who").text == "nobody"
    assert value_of(client) is None


@pytest.fixture
def guarded(app: Flask) -> FlaskClient:
    """The same application behind Flask-WTF."""
    CSRFProtect(app)

    @app.get("/form")
    def form() -> str:
        return render_template_string("{{ csrf_token() }}")

    @app.post("/submit")
    def submit() -> str:
        return "accepted"

    @app.post("/login_form")
    def login_form() -> str:
        login_user(User("7"))
        return generate_csrf()

    @app.post("/plain_login")
    def plain_login() -> str:
        session["user_id"] = 7
        return "in"

    return app.test_client()


def submit(client: FlaskClient, path: str, token: str) -> Any:
    return client.post(path, data={"csrf_token": token})


@pytest.mark.ids("S46", "V07", "C03", "S13")
def test_a_csrf_token_from_before_the_login_is_dead_after_it(guarded: FlaskClient) -> None:
    before = guarded.get("/form").text
    assert re.fullmatch(r"[\w.-]+", before)
    assert submit(guarded, "/submit", "forged").status_code == 400
    assert submit(guarded, "/submit", before).text == "accepted"
    rendered_at_login = submit(guarded, "/login_form", before)
    assert rendered_at_login.status_code == 200
    assert submit(guarded, "/submit", before).status_code == 400
    assert submit(guarded, "/submit", rendered_at_login.text).text == "accepted"
    assert submit(guarded, "/submit", guarded.get("/form").text).text == "accepted"


@pytest.mark.ids("V07")
def test_a_login_without_flask_login_drops_the_csrf_secret_too(guarded: FlaskClient) -> None:
    before = guarded.get("/form").text
    assert submit(guarded, "/plain_login", before).text == "in"
    assert submit(guarded, "/submit", before).status_code == 400


@pytest.mark.ids("V08")
def test_a_csrf_token_of_another_session_is_refused(app: Flask, guarded: FlaskClient) -> None:
    other = app.test_client()
    token = other.get("/form").text
    guarded.get("/form")
    assert submit(guarded, "/submit", token).status_code == 400
