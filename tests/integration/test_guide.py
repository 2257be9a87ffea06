"""The examples of docs/guide/flask.md run as they stand there, the two snippets of the original document among them."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import vedfolnir
from conftest import ROOT, Stack, environment_of
from flask import Flask, g, session
from support.gates import Gates
from vedfolnir import Vedfolnir
from vedfolnir.compat import RedisConfig

GUIDE = (ROOT / "docs" / "guide" / "flask.md").read_text(encoding="utf-8")
DOCUMENT = {
    "document": """\
# Accessing session data
from flask import session
user_id = session.get('user_id')
platform_id = session.get('current_platform_id')

# Updating session data
session['last_activity'] = datetime.utcnow()
session['current_platform_id'] = new_platform_id
""",
    "direct": """\
# Direct Redis operations (when needed)
from redis_session_manager import RedisSessionManager
session_manager = RedisSessionManager(db_manager, config.redis)
session_data = session_manager.get_session_data(session_id)
""",
}


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", GUIDE, re.DOTALL)
    assert found, f"the guide has no example {name}"
    return found.group(1)


def run(name: str, **names: Any) -> dict[str, Any]:
    names.setdefault("__name__", "__main__")
    exec(compile(example(name), f"docs/guide/flask.md: {name}", "exec"), names)
    return names


@pytest.fixture(scope="module")
def running(make_stack: Callable[[], Stack]) -> Stack:
    return make_stack()


@pytest.fixture
def redis_environment(
    running: Stack, gates: Gates, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    environment = environment_of(running.folder, running.redis.url, gates)
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    return environment


@pytest.mark.ids("S75", "S76")
@pytest.mark.parametrize("name", DOCUMENT)
def test_the_documents_snippets_stand_there_word_for_word(name: str) -> None:
    assert example(name) == DOCUMENT[name]


@pytest.mark.ids("S46")
def test_start(redis_environment: dict[str, str]) -> None:
    client = run("start")["app"].test_client()
    assert [client.get("/count").text for _ in range(3)] == ["visit 1", "visit 2", "visit 3"]


@pytest.mark.ids("S75", "S19", "E2")
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow")
def test_reading_and_writing(redis_environment: dict[str, str]) -> None:
    app = Flask(__name__)
    Vedfolnir(app)
    seen = []

    @app.get("/snippet")
    def snippet() -> str:
        names = run("document", datetime=dt.datetime, new_platform_id=5)
        seen.append((names["user_id"], names["platform_id"]))
        return "done"

    @app.get("/after")
    def after() -> str:
        seen.append((session["last_activity"], session["platform_connection_id"]))
        return "done"

    client = app.test_client()
    for path in ("/snippet", "/snippet", "/after"):
        client.get(path)
    assert seen[:2] == [(None, None), (None, 5)]
    moment, platform = seen[2]
    assert type(moment) is dt.datetime
    assert moment.tzinfo is None
    assert platform == 5


@pytest.mark.ids("S12", "S24", "S23", "C09")
def test_helpers(redis_environment: dict[str, str]) -> None:
    names = run("start")
    names = run("helpers", **{name: names[name] for name in ("app", "session")})
    client = names["app"].test_client()
    other = names["app"].test_client()
    assert client.get("/heartbeat").text == "False"
    assert client.post("/sign-in").text == "welcome"
    assert other.post("/sign-in").text == "welcome"
    assert len(client.get("/devices").json) == 2
    assert client.get("/heartbeat").text == "True"
    assert client.post("/platform/5").text == "5"
    assert client.post("/end-others").text == "1"
    assert other.get("/heartbeat").text == "False"
    assert client.post(f"/end/{'0' * 32}").text == "absent"
    assert client.post("/sign-out").text == "ended"


@pytest.mark.ids("S76", "S42", "S43")
def test_direct_access(running: Stack, redis_environment: dict[str, str]) -> None:
    app = Flask(__name__)
    Vedfolnir(app)
    app.add_url_rule("/", "write", lambda: session.update(user_id=7, cart=[1]) or "in")
    client = app.test_client()
    client.get("/")
    cookie = client.get_cookie("session")
    assert cookie is not None
    config = SimpleNamespace(redis=RedisConfig(url=running.redis.url))
    names = run("direct", db_manager=None, config=config, session_id=cookie.value)
    assert names["session_data"] == {"cart": [1], "user_id": 7}
    names = run("direct", db_manager=None, config=config, session_id="unknown")
    assert names["session_data"] is None


@pytest.mark.ids("E9", "S42")
def test_compatibility_names(redis_environment: dict[str, str]) -> None:
    before = set(sys.modules)
    names = run("compat", app=run("start")["app"], db_manager=None)
    try:
        app = names["app"]
        app.add_url_rule("/in", "in_", lambda: vedfolnir.login(7) or "in")
        app.add_url_rule("/me", "me", lambda: str(names["get_current_user_id"]()))
        app.add_url_rule("/context", "context", lambda: g.session_context["session_id"])
        client = app.test_client()
        assert client.get("/me").text == "None"
        client.get("/in")
        assert client.get("/me").text == "7"
        rows = app.unified_session_manager.get_user_sessions(7)
        assert client.get("/context").text in [row["session_id"] for row in rows]
    finally:
        for name in set(sys.modules) - before:
            if "." not in name:
                del sys.modules[name]


@pytest.mark.ids("S77")
def test_testing(redis_environment: dict[str, str]) -> None:
    names = run("testing", Flask=Flask, Vedfolnir=Vedfolnir, session=session)
    names["test_my_application"]()
