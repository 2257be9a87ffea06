"""Contract tests of the original's names, made of compat_names.toml: where they are, how they are called, what comes.

docs/reference/compat.md is made of the same table.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis_session_manager
from compat_database import Database
from compat_shapes import Shapes
from flask import Flask, Response, g
from flask_wtf import CSRFProtect
from vedfolnir import compat

TABLE = tomllib.loads(Path(__file__).with_name("compat_names.toml").read_text(encoding="utf-8"))
MODULES: list[dict[str, Any]] = TABLE["module"]
ENTRIES = [(module["name"], entry) for module in MODULES for entry in module["names"]]
CALLS = [
    pytest.param(entry["returns"], call, id=call)
    for _, entry in ENTRIES
    for call in entry.get("calls", [])
]


def module_of(name: str) -> Any:
    if name == "redis_session_manager":
        return redis_session_manager
    return importlib.import_module(f"vedfolnir.compat.{name}")


def find(module: str, name: str) -> Any:
    found = module_of(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def signature_of(found: Any) -> str:
    parameters = [
        parameter.replace(annotation=parameter.empty)
        for parameter in inspect.signature(found).parameters.values()
        if parameter.name != "self" and parameter.kind is not parameter.KEYWORD_ONLY
    ]
    return str(inspect.Signature(parameters))


# An attribute that only objects have is found by its calls.
NAMED = [(m, e) for m, e in ENTRIES if "signature" in e or "calls" not in e]


@pytest.mark.ids("S42", "E9")
@pytest.mark.parametrize(
    ("module", "entry"), [pytest.param(m, e, id=f"{m}.{e['name']}") for m, e in NAMED]
)
def test_name_is_there_with_its_signature(module: str, entry: dict[str, Any]) -> None:
    found = find(module, entry["name"])
    if "signature" in entry:
        assert signature_of(found) == entry["signature"]


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def app(app: Flask, database: Database) -> Flask:
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    CSRFProtect(app)
    compat.init_app(app, database, monitor=object())
    return app


@pytest.fixture
def names(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[dict[str, Any]]:
    """What the calls of the table may name."""
    monkeypatch.setenv("VEDFOLNIR_KEY", "f0" + "".join(f"{n:02x}" for n in range(31)))
    monkeypatch.setenv("VEDFOLNIR_STATE_DIR", str(tmp_path))
    core = app.extensions["vedfolnir"].manager
    manager = compat.RedisSessionManager(database, manager=core)
    backend = compat.RedisSessionBackend(manager=core)
    sid = manager.create_session(7, 70)
    known: dict[str, Any] = {module["name"]: module_of(module["name"]) for module in MODULES}
    with app.test_request_context(headers={"Cookie": f"session={sid}; session_id={sid}"}):
        known |= {
            "manager": manager,
            "v2": compat.SessionManagerV2(database, backend),
            "backend": backend,
            "old": compat.SessionManager(database),
            "unified": compat.UnifiedSessionManager(database, manager=core),
            "interface": compat.init_redis_session(app),
            "cookies": compat.SessionCookieManager(),
            "config": compat.reload_session_config(),
            "response": Response(),
            "redis": SimpleNamespace(),
            "sid": sid,
            "other": manager.create_session(7),
            "database": database,
            "app": app,
            "g": g,
        }
        yield known


@pytest.fixture
def shapes(app: Flask) -> Shapes:
    classes = {name: getattr(compat, name) for name in compat.__all__}
    return Shapes(classes, app.extensions["vedfolnir"].manager.is_own_id)


@pytest.mark.ids("S42", "S43", "S44", "S45", "S46", "E9")
@pytest.mark.parametrize(("returns", "call"), CALLS)
def test_call_returns_its_shape(
    names: dict[str, Any], shapes: Shapes, returns: str, call: str
) -> None:
    value = eval(call, dict(names))
    assert shapes.matches(returns, value), f"{value!r} is no {returns}"
    if "cookie" not in returns:
        assert names["sid"] not in repr(value)
        assert names["other"] not in repr(value)
    kept_by_the_caller = returns == "Any"
    assert kept_by_the_caller or names["database"].open == 0


@pytest.mark.ids("S42", "E9")
@pytest.mark.parametrize("entry", TABLE["application"], ids=lambda entry: entry["name"])
def test_application_has_it(names: dict[str, Any], shapes: Shapes, entry: dict[str, Any]) -> None:
    assert shapes.matches(entry["returns"], eval(entry["name"], dict(names)))


@pytest.mark.ids("E9", "S42")
def test_every_module_of_ours_is_in_the_table() -> None:
    folder = Path(compat.__file__).parent
    public = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert public == {module["name"] for module in MODULES} - {"redis_session_manager"}
    for module in MODULES:
        ours = module_of(module["name"])
        assert ours.__all__ == sorted(ours.__all__)
        documented = {entry["name"].partition(".")[0] for entry in module["names"]}
        if module["about"].rstrip(".").endswith("and"):
            continue  # What it takes over from another module stands there.
        assert documented - set(ours.__all__) == set()
        assert set(ours.__all__) - documented == set(), module["name"]


@pytest.fixture
def top_level() -> Iterator[None]:
    """What a test installs is gone after it."""
    yield
    for module in MODULES:
        if module["name"] != "redis_session_manager":
            sys.modules.pop(module["name"], None)


@pytest.mark.ids("E9")
@pytest.mark.usefixtures("top_level")
def test_install_registers_the_old_top_level_names() -> None:
    compat.install()
    compat.install()
    for module in MODULES:
        assert importlib.import_module(module["name"]) is module_of(module["name"])
    from session_factory import create_session_manager  # noqa: PLC0415

    assert create_session_manager is compat.create_session_manager


@pytest.mark.ids("E9")
@pytest.mark.usefixtures("top_level")
def test_install_replaces_no_other_module() -> None:
    sys.modules["session_manager"] = theirs = SimpleNamespace()  # type: ignore[assignment]
    with pytest.raises(ImportError, match="session_manager"):
        compat.install()
    assert sys.modules["session_manager"] is theirs
    assert "session_factory" not in sys.modules
    compat.install("session_factory")
    assert sys.modules["session_factory"] is module_of("session_factory")
    with pytest.raises(ImportError, match="no_such_module"):
        compat.install("no_such_module")


@pytest.mark.ids("E9", "S20")
def test_a_request_that_asks_for_no_context_touches_no_session(
    app: Flask, names: dict[str, Any], counters: Callable[[], Any]
) -> None:
    app.add_url_rule("/plain", "plain", lambda: "plain")
    app.add_url_rule("/mine", "mine", lambda: str(g.session_context["user_info"]["username"]))
    client = app.test_client()
    client.set_cookie("session", names["sid"])
    before = counters().loads
    assert client.get("/plain").text == "plain"
    assert counters().loads == before
    assert client.get("/mine").text == "seven"
    assert counters().loads == before + 1
