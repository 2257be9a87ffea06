"""One request after another through Flask: what is loaded, stored and said in the headers."""

from __future__ import annotations

import datetime as dt
import enum
import gc
import io
import re
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import vedfolnir
import vedfolnir.testing
from flask import (
    Flask,
    Response,
    flash,
    get_flashed_messages,
    redirect,
    send_file,
    session,
    stream_with_context,
)
from flask.testing import FlaskClient
from markupsafe import Markup
from werkzeug.http import parse_date

Counters = Callable[[], Any]


def routes(app: Flask, **views: Callable[[], Any]) -> None:
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view, methods=["GET", "POST", "HEAD"])


def store(value: Any) -> Callable[[], str]:
    def write() -> str:
        session["value"] = value
        return "stored"

    return write


def read() -> str:
    return repr(session.get("value"))


@pytest.mark.ids("S49", "V14", "C18", "E6")
def test_untouched_costs_nothing_and_says_nothing(
    app: Flask, client: FlaskClient, counters: Counters
) -> None:
    routes(app, plain=lambda: "x", write=store(1))
    client.get("/write")
    before = counters()
    for path in ("/plain", "/static/none.css", "/missing"):
        answer = client.get(path)
        assert "Vary" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        assert "Cache-Control" not in answer.headers
    assert counters().loads == before.loads
    assert counters().store_commands == before.store_commands


@pytest.mark.ids("S49", "C18", "V09")
@pytest.mark.parametrize(
    "access",
    [
        lambda: "x" in session,
        lambda: len(session),
        lambda: bool(session),
        lambda: list(session),
        lambda: session.get("x"),
        lambda: session == {},
        lambda: repr(session),
        lambda: session.copy(),
        lambda: dict(session),
        lambda: session.keys() and None,
        lambda: session.permanent,
        lambda: session.new,
        lambda: list(session.items()),
    ],
)
def test_every_form_of_reading_varies_by_cookie(
    app: Flask, client: FlaskClient, access: Callable[[], Any]
) -> None:
    routes(app, look=lambda: str(access()))
    answer = client.get("/look")
    assert answer.status_code == 200
    assert answer.headers["Vary"] == "Cookie"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.ids("S15", "S49", "C18", "C11", "V09")
def test_a_response_that_sets_the_cookie_is_not_cached(app: Flask, client: FlaskClient) -> None:
    def write() -> Response:
        session["value"] = 1
        answer = Response("stored")
        answer.headers["Cache-Control"] = "public, max-age=3600"
        answer.headers["Vary"] = "Accept-Encoding"
        return answer

    routes(app, write=write)
    answer = client.get("/write")
    assert answer.headers.getlist("Cache-Control") == ["no-store"]
    assert answer.vary.to_header() == "Accept-Encoding, Cookie"
    assert len(answer.headers.getlist("Set-Cookie")) == 1
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]


@pytest.mark.ids("S75", "S19")
def test_typed_values_reach_the_next_request(app: Flask, client: FlaskClient) -> None:
    value = {
        "aware": dt.datetime(2025, 8, 20, 12, tzinfo=dt.UTC),
        "naive": dt.datetime(2025, 8, 20, 12),
        "date": dt.date(2025, 8, 20),
        "uuid": UUID(int=1),
        "bytes": b"\0\xff",
        "tuple": (1, (2,)),
        "markup": Markup("<b>"),
        7: "integer key",
        "set": {1, 2},
    }
    seen = []
    routes(app, write=store(value), read=lambda: seen.append(session["value"]) or "ok")
    client.get("/write")
    client.get("/read")
    assert seen == [value]
    assert type(seen[0]["tuple"]) is tuple
    assert type(seen[0]["markup"]) is Markup


@pytest.mark.ids("S19")
def test_flashes_reach_the_next_request_once(app: Flask, client: FlaskClient) -> None:
    def shout() -> str:
        flash("saved", "good")
        return "ok"

    routes(app, shout=shout, hear=lambda: repr(get_flashed_messages(with_categories=True)))
    client.get("/shout")
    assert client.get("/hear").text == "[('good', 'saved')]"
    assert client.get("/hear").text == "[]"


@pytest.mark.ids("S21")
def test_nested_changes_are_saved(app: Flask, client: FlaskClient, counters: Counters) -> None:
    def grow() -> str:
        session["value"]["list"].append(len(session["value"]["list"]))
        return "grown"

    routes(app, write=store({"list": []}), grow=grow, read=read)
    client.get("/write")
    client.get("/grow")
    client.get("/grow")
    assert client.get("/read").text == "{'list': [0, 1]}"
    assert counters().saves == 2


@pytest.mark.ids("S21", "S18")
def test_reading_writes_nothing(app: Flask, client: FlaskClient, counters: Counters) -> None:
    routes(app, write=store({"list": [1]}), read=read)
    client.get("/write")
    before = counters()
    answer = client.get("/read")
    after = counters()
    assert "Set-Cookie" not in answer.headers
    assert (after.saves, after.touches, after.creates) == (
        before.saves,
        before.touches,
        before.creates,
    )


@pytest.mark.ids("S21")
def test_modified_can_be_assigned(app: Flask, client: FlaskClient) -> None:
    def discard() -> str:
        session["value"] = "thrown away"
        session.modified = False
        return "ok"

    def insist() -> str:
        session["value"].append(1)
        session.modified = True
        return "ok"

    routes(app, write=store([]), discard=discard, insist=insist, read=read)
    client.get("/write")
    client.get("/discard")
    assert client.get("/read").text == "[]"
    client.get("/insist")
    assert client.get("/read").text == "[1]"


@pytest.mark.ids("S45", "S46")
def test_a_session_emptied_in_the_request_takes_its_cookie_along(
    app: Flask, client: FlaskClient
) -> None:
    routes(
        app,
        write=store(1),
        clear=lambda: session.clear() or "ok",
        pop=lambda: str(session.pop("value")),
        read=read,
    )
    for path in ("/clear", "/pop"):
        client.get("/write")
        assert client.get_cookie("session") is not None
        answer = client.get(path)
        assert answer.headers["Set-Cookie"].startswith("session=;")
        assert answer.headers["Cache-Control"] == "no-store"
        assert client.get_cookie("session") is None
        assert client.get("/read").text == "None"


@pytest.mark.ids("S46")
def test_clear_and_write_is_a_new_session(app: Flask, client: FlaskClient) -> None:
    def again() -> str:
        session.clear()
        session["value"] = 2
        return "ok"

    routes(app, write=store(1), again=again, read=read)
    client.get("/write")
    first = client.get_cookie("session")
    client.get("/again")
    second = client.get_cookie("session")
    assert first is not None
    assert second is not None
    assert first.value != second.value
    assert client.get("/read").text == "2"


@pytest.mark.ids("S19")
def test_what_cannot_be_stored_leaves_the_session_as_it_was(
    app: Flask, client: FlaskClient
) -> None:
    def bad() -> str:
        session["other"] = 5
        session["value"].append(object())
        return "not reached by the client"

    routes(app, write=store([1]), bad=bad, read=lambda: repr(dict(session)))
    client.get("/write")
    assert client.get("/bad").status_code == 500
    assert client.get("/read").text == "{'value': [1]}"

    app.testing = True
    with pytest.raises(vedfolnir.BadValue, match=r"session\['value'\]\[1\]: cannot store object"):
        client.get("/bad")


@pytest.mark.ids("S30", "S19")
def test_oversize_is_refused_with_both_sizes(app: Flask, client: FlaskClient) -> None:
    routes(app, write=store("small"), big=store("x" * 300_000), read=read)
    client.get("/write")
    assert client.get("/big").status_code == 500
    assert client.get("/read").text == "'small'"
    app.testing = True
    with pytest.raises(vedfolnir.TooLarge, match=r"3000\d\d bytes; at most 262144"):
        client.get("/big")


@pytest.mark.ids("V25")
def test_a_500_saves_what_the_view_changed_and_keeps_an_ending(
    app: Flask, client: FlaskClient
) -> None:
    def change() -> str:
        session["value"] = 2
        raise LookupError

    def leave() -> str:
        vedfolnir.logout()
        raise LookupError

    def leave_with_rubbish() -> str:
        session["value"] = []
        session.pop("_user_id")
        session.pop("user_id")
        session["value"].append(object())
        return "ok"

    routes(
        app,
        login=lambda: vedfolnir.login(7) or "in",
        change=change,
        leave=leave,
        rubbish=leave_with_rubbish,
        read=lambda: repr((session.get("user_id"), session.get("value"))),
    )
    client.get("/login")
    assert client.get("/change").status_code == 500
    assert client.get("/read").text == "(7, 2)"
    for path in ("/leave", "/rubbish"):
        client.get("/login")
        cookie = client.get_cookie("session")
        assert cookie is not None
        assert client.get(path).status_code == 500
        client.set_cookie("session", cookie.value)
        assert client.get("/read").text == "(None, None)"


@pytest.mark.ids("V25")
def test_streams_read_and_cannot_write(app: Flask, client: FlaskClient) -> None:
    def stream() -> Response:
        session["value"] = [1]

        def body() -> Iterator[str]:
            yield repr(session["value"])
            session["value"] = 2
            yield "never"

        return Response(stream_with_context(body()))

    routes(app, stream=stream, read=read)
    with pytest.raises(vedfolnir.ReadOnly, match="was saved"):
        client.get("/stream", buffered=True)
    client.get("/read")


@pytest.mark.ids("V25", "V09", "C18")
def test_a_stream_that_may_touch_the_session_varies(app: Flask, client: FlaskClient) -> None:
    def stream() -> Response:
        def body() -> Iterator[str]:
            yield "first "
            yield repr(session.get("value"))

        return Response(stream_with_context(body()))

    routes(
        app,
        write=store(5),
        stream=stream,
        untouched=lambda: send_file(io.BytesIO(b"f"), "text/plain"),
    )
    client.get("/write")
    answer = client.get("/stream")
    assert answer.text == "first 5"
    assert answer.headers["Vary"] == "Cookie"
    assert "Vary" not in client.get("/untouched").headers


@pytest.mark.ids("V25")
def test_head_redirect_file_range_and_conditional_responses_carry_the_cookie(
    app: Flask, client: FlaskClient, tmp_path: Any
) -> None:
    path = tmp_path / "file.txt"
    path.write_text("0123456789")

    def file() -> Response:
        session["count"] = session.get("count", 0) + 1
        return send_file(path, conditional=True)

    routes(
        app,
        file=file,
        away=lambda: store(1)() and redirect("/file"),
        count=lambda: str(session["count"]),
    )
    with client.get("/file") as whole:
        etag = whole.headers["ETag"]
    with client.head("/file") as head:
        assert head.status_code == 200
    with client.get("/file", headers={"Range": "bytes=2-3"}) as part:
        assert part.data == b"23"
    with client.get("/file", headers={"If-None-Match": etag}) as unchanged:
        assert unchanged.status_code == 304
    assert client.get("/count").text == "4"
    fresh = app.test_client()
    answer = fresh.get("/away")
    assert answer.status_code == 302
    assert "Set-Cookie" in answer.headers


@pytest.mark.ids("S17", "V31")
def test_an_id_is_taken_from_the_cookie_only(app: Flask, client: FlaskClient) -> None:
    routes(app, write=store(1), read=read)
    client.get("/write")
    cookie = client.get_cookie("session")
    assert cookie is not None
    stranger = app.test_client()
    answers = [
        stranger.get("/read", query_string={"session": cookie.value}),
        stranger.get("/read", headers={"session": cookie.value, "X-Session": cookie.value}),
        stranger.post("/read", data={"session": cookie.value}),
        stranger.get("/read", headers={"Cookie": f"Session={cookie.value}"}),
        stranger.get("/read", headers={"Cookie": f"={cookie.value}"}),
        stranger.get(
            "/read", headers={"Cookie": f"session={cookie.value}; session={cookie.value}"}
        ),
    ]
    assert [answer.text for answer in answers] == ["None"] * 6
    assert not any("Set-Cookie" in answer.headers for answer in answers)


@pytest.mark.ids("S6", "V05", "V22", "V10", "S98")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "../../etc/passwd",
        "*",
        "a" * 10_000,
        "eyJhIjoxfQ.aaaaaa.bbbbbbbb",
        ".eJyrVkpUslJQMlTSUVDKTIFRicXFmTnFSlYK0WAJpdjY2FoAXYkLkA.Zz",
        "A" * 67,
        "AQ" + "A" * 65,
        "{2a}:x",
        "session%00",
        "\xff\xfe",
    ],
)
def test_no_store_is_asked_about_junk(
    app: Flask, client: FlaskClient, counters: Counters, value: str
) -> None:
    routes(app, read=read)
    answer = client.get("/read", environ_overrides={"HTTP_COOKIE": f"session={value}"})
    assert answer.status_code == 200
    assert counters().store_commands == 0
    assert counters().loads == 1


@pytest.mark.ids("S5", "S11", "C11")
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"session", "Path=/", "HttpOnly", "SameSite=Lax"}),
        ({"SESSION_COOKIE_NAME": "sid"}, {"sid"}),
        ({"SESSION_COOKIE_DOMAIN": "example.org"}, {"Domain=example.org"}),
        ({"SESSION_COOKIE_PATH": "/shop"}, {"Path=/shop"}),
        ({"APPLICATION_ROOT": "/root"}, {"Path=/root"}),
        ({"SESSION_COOKIE_SECURE": True}, {"Secure"}),
        ({"SESSION_COOKIE_SAMESITE": "Strict"}, {"SameSite=Strict"}),
        (
            {"SESSION_COOKIE_SAMESITE": "None", "SESSION_COOKIE_SECURE": True},
            {"SameSite=None", "Secure"},
        ),
        (
            {
                "SESSION_COOKIE_PARTITIONED": True,
                "SESSION_COOKIE_SECURE": True,
                "SESSION_COOKIE_SAMESITE": "None",
            },
            {"Partitioned"},
        ),
    ],
)
def test_cookie_settings_of_flask_show_in_the_cookie(
    make_app: Callable[..., Flask], config: dict[str, Any], expected: set[str]
) -> None:
    app = make_app(config)
    routes(app, write=store(1))
    header = app.test_client().get("/write").headers["Set-Cookie"]
    name, *attributes = header.split("; ")
    assert expected <= {name.partition("=")[0], *attributes}


@pytest.mark.ids("S5", "S11")
def test_httponly_can_be_switched_off(make_app: Callable[..., Flask]) -> None:
    app = make_app({"SESSION_COOKIE_HTTPONLY": False})
    routes(app, write=store(1))
    assert "HttpOnly" not in app.test_client().get("/write").headers["Set-Cookie"]


@pytest.mark.ids("S11", "S9")
def test_argument_goes_before_environment_goes_before_config(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_COOKIE_NAME", "from_environment")
    monkeypatch.setenv("SESSION_COOKIE_SAMESITE", "Strict  # a comment")
    config = {"SESSION_COOKIE_NAME": "from_config", "SESSION_COOKIE_PATH": "/config"}
    app = make_app(config, cookie_name="from_argument")
    routes(app, write=store(1))
    header = app.test_client().get("/write").headers["Set-Cookie"]
    assert header.startswith("from_argument=")
    assert "SameSite=Strict" in header
    assert "Path=/config" in header


@pytest.mark.ids("S11", "C06")
def test_max_age_is_sent_where_it_is_set(make_app: Callable[..., Flask]) -> None:
    app = make_app(cookie_max_age=7200)
    routes(app, write=store(1))
    assert "Max-Age=7200" in app.test_client().get("/write").headers["Set-Cookie"]
    capped = make_app(cookie_max_age=200_000)
    routes(capped, write=store(1))
    assert "Max-Age=86400" in capped.test_client().get("/write").headers["Set-Cookie"]


@pytest.mark.ids("S11", "S46")
def test_a_permanent_session_has_a_lasting_cookie(app: Flask, client: FlaskClient) -> None:
    app.permanent_session_lifetime = dt.timedelta(hours=1)

    def write() -> str:
        session.permanent = True
        return "ok"

    routes(app, write=write)
    header = client.get("/write").headers["Set-Cookie"]
    assert "Max-Age=3600" in header
    assert "Expires=" in header


@pytest.mark.ids("S11", "S46")
@pytest.mark.parametrize("settings", [{}, {"cookie_max_age": 7200}])
def test_both_spellings_of_the_lifetime_of_a_cookie_agree(
    make_app: Callable[..., Flask], settings: dict[str, int]
) -> None:
    app = make_app(**settings)
    app.permanent_session_lifetime = dt.timedelta(days=3)

    def write() -> str:
        session.permanent = True
        return "ok"

    routes(app, write=write)
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    header = app.test_client().get("/write").headers["Set-Cookie"]
    cookie = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    # No longer than the session itself, which ends after a day.
    lasts = dt.timedelta(seconds=int(cookie["Max-Age"]))
    assert lasts == dt.timedelta(seconds=settings.get("cookie_max_age", 86400))
    until = parse_date(cookie["Expires"])
    assert until is not None
    assert before + lasts <= until <= dt.datetime.now(dt.UTC) + lasts


@pytest.mark.ids("S11", "S46")
def test_a_change_of_permanence_sends_the_cookie_again(app: Flask, client: FlaskClient) -> None:
    def lasting() -> str:
        session.permanent = True
        return "ok"

    def passing() -> str:
        session.permanent = False
        return "ok"

    routes(app, lasting=lasting, passing=passing)
    client.get("/lasting")
    assert "Set-Cookie" not in client.get("/lasting").headers
    header = client.get("/passing").headers["Set-Cookie"]
    assert "Expires" not in header
    assert "Max-Age" not in header


@pytest.mark.ids("S11", "S13", "S46")
def test_the_next_user_does_not_inherit_the_lifetime_of_the_cookie(
    app: Flask, client: FlaskClient
) -> None:
    def first() -> str:
        session.permanent = True
        vedfolnir.login(1)
        return "ok"

    def second() -> str:
        vedfolnir.login(2)
        return "ok"

    def again() -> str:
        session.permanent = True
        vedfolnir.login(3)
        return "ok"

    def leave() -> str:
        session.clear()
        session["value"] = "anonymous"
        return "ok"

    routes(app, first=first, second=second, again=again, leave=leave)
    assert "Max-Age=86400" in client.get("/first").headers["Set-Cookie"]
    switched = client.get("/second").headers["Set-Cookie"]
    assert "Max-Age" not in switched
    assert "Expires" not in switched
    assert "Max-Age=86400" in client.get("/again").headers["Set-Cookie"]
    left = client.get("/leave").headers["Set-Cookie"]
    assert "Max-Age" not in left
    assert "Expires" not in left


@pytest.mark.ids("S46")
def test_an_application_is_freed_with_its_last_reference(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    reference = weakref.ref(app)
    gc.disable()
    try:
        del app
        assert reference() is None
    finally:
        gc.enable()


@pytest.mark.ids("S11")
def test_cookie_settings_changed_after_the_start_count(app: Flask, client: FlaskClient) -> None:
    routes(app, write=store(1))
    app.config["SESSION_COOKIE_PATH"] = "/later"
    assert "Path=/later" in client.get("/write").headers["Set-Cookie"]


@pytest.mark.ids("S7", "S11", "S46")
@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"SESSION_COOKIE_SAMESITE": "invalid"}, "SESSION_COOKIE_SAMESITE"),
        (
            {"SESSION_COOKIE_PARTITIONED": True, "SESSION_COOKIE_SAMESITE": "Lax"},
            "SESSION_COOKIE_PARTITIONED",
        ),
    ],
)
def test_a_cookie_setting_made_invalid_later_is_an_error_and_no_503(
    app: Flask, client: FlaskClient, config: dict[str, Any], name: str
) -> None:
    routes(app, write=store(1), read=read)
    client.get("/write")
    app.config.update(config)
    assert client.get("/read").status_code == 500
    app.testing = True
    for path in ("/read", "/write"):
        with pytest.raises(ValueError, match=name):
            client.get(path)


@pytest.mark.ids("S46", "S88")
def test_nothing_hangs_on_the_secret_key_of_flask(app: Flask, client: FlaskClient) -> None:
    routes(app, write=store(1), read=read)
    for before, after in (("one", "other"), ("other", None), (None, "one")):
        app.secret_key = before
        assert client.get("/write").status_code == 200
        app.secret_key = after
        assert client.get("/read").text == "1"


@pytest.mark.ids("S7", "S9", "V11")
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"cookie_samesite": "None", "cookie_secure": False}, "SESSION_COOKIE_SAMESITE"),
        ({"cookie_name": "a b"}, "SESSION_COOKIE_NAME"),
        ({"cookie_path": "/;x"}, "SESSION_COOKIE_PATH"),
        ({"redis_session_timeout": "soon"}, "REDIS_SESSION_TIMEOUT"),
        ({"no_such_option": 1}, "no_such_option"),
        ({"key": "short"}, "VEDFOLNIR_KEY"),
        ({"state_dir": object()}, "state_dir"),
    ],
)
def test_errors_at_the_start_name_the_setting(
    make_app: Callable[..., Flask], options: dict[str, Any], name: str
) -> None:
    with pytest.raises(vedfolnir.ConfigurationError, match=name):
        make_app(**options)


@pytest.mark.ids("S42")
def test_application_factories_share_one_extension() -> None:
    extension = vedfolnir.Vedfolnir(**vedfolnir.testing.memory_options())
    with pytest.raises(RuntimeError, match="init_app"):
        extension.manager  # noqa: B018
    apps = [Flask("one"), Flask("two")]
    for app in apps:
        extension.init_app(app)
    managers = []
    for app in apps:
        with app.app_context():
            managers.append(extension.manager)
    assert managers[0] is not managers[1]
    assert extension.manager is managers[1]


@pytest.mark.ids("S23")
def test_passive_views_do_not_touch(make_app: Callable[..., Flask]) -> None:
    app = make_app(touch_interval_seconds=1)
    contexts = []

    def beat() -> str:
        contexts.append(session._get_current_object().context.passive)
        return read()

    routes(app, write=store(1), beat=vedfolnir.passive(beat), read=beat)
    client = app.test_client()
    client.get("/write")
    client.get("/beat")
    client.get("/read")
    assert contexts == [True, False]


@pytest.mark.ids("S101")
def test_a_request_knows_what_its_session_cost(app: Flask, client: FlaskClient) -> None:
    seen: list[tuple[str, int, bool]] = []
    committed: list[float] = []

    @app.teardown_request
    def note(error: BaseException | None) -> None:
        cost = vedfolnir.session_cost()
        seen.append((cost.source, cost.store_commands, cost.load_us > 0))
        committed.append(cost.commit_us)

    routes(app, plain=lambda: "plain", read=lambda: str(session.get("value")))
    routes(app, write=store("x"), change=store("y"))
    for path in ("/plain", "/read", "/write", "/read", "/change"):
        client.get(path)
    assert seen == [
        ("none", 0, False),  # It was not touched, and asking for its cost did not touch it.
        ("none", 0, True),  # No cookie, so nobody to ask.
        ("none", 1, True),
        ("store", 1, True),
        ("store", 2, True),
    ]
    assert committed[:2] == [0, 0]
    assert committed[2] > 0 < committed[4]


def test_the_cost_of_a_session_is_shown_by_print(app: Flask, client: FlaskClient) -> None:
    routes(app, cost=lambda: str(session.get("value")) + repr(vedfolnir.session_cost()))
    shown = r"NoneSessionCost\(source='none', store_commands=0, load_us=\d+\.\d, commit_us=0\.0\)"
    assert re.fullmatch(shown, client.get("/cost").text)


@pytest.mark.ids("S101", "S14")
def test_asking_for_the_cost_says_nothing_about_caching(app: Flask, client: FlaskClient) -> None:
    routes(app, cost=lambda: vedfolnir.session_cost().source)
    answer = client.get("/cost")
    assert answer.text == "none"
    assert "Vary" not in answer.headers


@pytest.mark.ids("S9", "S95")
def test_settings_of_flask_session_are_warned_about_by_name(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    client = object()
    make_app({"SESSION_TYPE": "redis", "SESSION_REDIS": client, "SESSION_MINE": client})
    [line] = [record.getMessage() for record in caplog.records if "SESSION_TYPE" in record.msg]
    assert "SESSION_REDIS, SESSION_TYPE" in line
    assert "REDIS_URL" in line
    assert "SESSION_MINE" not in caplog.text


@pytest.mark.ids("S17", "S19")
@pytest.mark.parametrize(
    "old",
    [
        "eyJfdXNlcl9pZCI6IjcifQ.aSk3dQ.c2lnbmF0dXJlb2ZmbGFza2l0c2VsZg",
        "b6f3c0c2-58f5-4f0a-9f0e-0c8d7d4f9a11",
        "4kQm0c3m1mX8m1Xo1bN0y8K3mQ5k7uV9sJ2tZ6wYxAE",
    ],
)
def test_who_moves_here_signs_in_once(app: Flask, client: FlaskClient, old: str) -> None:
    """As docs/guide/migrating.md says it."""

    @app.get("/")
    def visit() -> str:
        assert not hasattr(session, "sid")
        assert not hasattr(app.session_interface, "regenerate")
        return str(session.get("_user_id"))

    @app.get("/in")
    def sign_in() -> str:
        vedfolnir.login(7)
        return "in"

    client.set_cookie("session", old)
    assert client.get("/").text == "None"
    client.get("/in")
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert cookie.value != old
    assert client.get("/").text == "7"


@pytest.mark.ids("S19")
@pytest.mark.parametrize("kind", [enum.Enum, enum.IntEnum, enum.StrEnum])
def test_an_enum_is_refused_by_its_place(
    app: Flask, client: FlaskClient, kind: type[enum.Enum]
) -> None:
    colour = kind("Colour", {"RED": "1"})  # type: ignore[arg-type]

    @app.get("/")
    def write() -> str:
        session["colour"] = colour["RED"]
        return "unseen"

    app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(vedfolnir.BadValue, match="colour"):
        client.get("/")
