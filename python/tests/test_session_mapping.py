"""flask.session behaves like the mapping Flask's own session is."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import vedfolnir
from flask import Flask, session
from flask.sessions import SessionMixin
from vedfolnir import _core

DATA = {"a": 1, "b": [1, 2], "c": {"k": "v"}}


@pytest.fixture
def filled(app: Flask) -> Iterator[Any]:
    """A session that was stored, as the next request sees it."""
    client = app.test_client()
    with client.session_transaction() as before:
        before.update(DATA)
    client_cookie = client.get_cookie("session")
    assert client_cookie is not None
    with app.test_request_context(headers={"Cookie": f"session={client_cookie.value}"}):
        yield session._get_current_object()


@pytest.mark.ids("S46")
def test_reads_like_a_dict(filled: Any) -> None:
    assert isinstance(filled, SessionMixin)
    assert len(filled) == 3
    assert bool(filled)
    assert "a" in filled
    assert "x" not in filled
    assert 5 not in filled
    assert list(filled) == ["a", "b", "c"]
    assert list(reversed(filled)) == ["c", "b", "a"]
    assert list(filled.keys()) == ["a", "b", "c"]
    assert list(filled.values()) == [1, [1, 2], {"k": "v"}]
    assert dict(filled.items()) == DATA
    assert dict(filled) == DATA
    assert {**filled} == DATA
    assert filled == DATA
    assert filled != {"a": 1}
    assert filled["a"] == 1
    assert filled.get("a") == 1
    assert filled.get("x") is None
    assert filled.get("x", 5) == 5
    assert repr(filled) == f"<Session {DATA!r}>"
    assert json.loads(json.dumps(dict(filled))) == DATA
    with pytest.raises(KeyError, match="x"):
        filled["x"]


@pytest.mark.ids("S46")
def test_copies_are_plain_dicts(filled: Any) -> None:
    for made in (filled.copy(), copy.copy(filled), copy.deepcopy(filled)):
        assert type(made) is dict
        assert made == DATA
    assert copy.deepcopy(filled)["b"] is not filled["b"]


@pytest.mark.ids("S46")
def test_writes_like_a_dict(filled: Any) -> None:
    filled["d"] = 4
    assert filled.setdefault("d", 5) == 4
    assert filled.setdefault("e", 5) == 5
    filled.update({"f": 6}, g=7)
    filled |= {"h": 8}
    assert filled | {"i": 9} == {**DATA, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9}
    assert {"i": 9} | filled == {"i": 9, **DATA, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8}
    assert filled.pop("d") == 4
    assert filled.pop("d", None) is None
    with pytest.raises(KeyError):
        filled.pop("d")
    del filled["e"]
    with pytest.raises(KeyError):
        del filled["e"]
    assert filled.popitem() == ("h", 8)
    filled.clear()
    assert not filled
    assert dict(filled) == {}
    with pytest.raises(KeyError):
        filled.popitem()


@pytest.mark.ids("S46")
def test_a_value_stays_the_same_object_within_a_request(filled: Any) -> None:
    assert filled["b"] is filled["b"]
    cart: list[int] = []
    filled["cart"] = cart
    assert filled["cart"] is cart


@pytest.mark.ids("S19")
@pytest.mark.parametrize("key", [1, None, ("a",), b"a"])
def test_keys_are_text(filled: Any, key: Any) -> None:
    with pytest.raises(vedfolnir.BadValue, match="a key must be str"):
        filled[key] = 1
    assert filled.get(key) is None
    with pytest.raises(KeyError):
        filled[key]


@pytest.mark.ids("S46")
def test_permanent_is_kept_in_the_session(filled: Any) -> None:
    assert filled.permanent is False
    filled.permanent = True
    assert filled["_permanent"] is True


@pytest.mark.ids("S46")
def test_new_until_something_is_stored(app: Flask, filled: Any) -> None:
    assert filled.new is False
    with app.test_request_context():
        assert session.new is True


@pytest.mark.ids("S46", "C18")
def test_accessed_means_real_access(app: Flask, counters: Callable[[], Any]) -> None:
    with app.test_request_context():
        untouched = session._get_current_object()
        assert session.accessed is False  # Looking at the proxy is no access ...
        untouched.accessed = True  # ... and Flask's own assignment does not count.
        assert untouched.accessed is False
        assert untouched.modified is False
        assert counters().loads == 0
        assert "x" not in session
        assert session.accessed is True
        assert session.modified is False
        assert counters().loads == 1


@pytest.mark.ids("E2")
def test_twin_names_are_one_value(filled: Any) -> None:
    filled["platform_connection_id"] = 5
    assert filled["current_platform_id"] == 5
    filled["current_platform_id"] = [6]
    assert filled["platform_connection_id"] is filled["current_platform_id"]
    assert {"platform_connection_id", "current_platform_id"} <= set(filled)
    del filled["platform_connection_id"]
    assert "current_platform_id" not in filled


@pytest.mark.ids("E1")
def test_request_local_keys_never_load(app: Flask, counters: Callable[[], Any]) -> None:
    with app.test_request_context(headers={"Cookie": "session=whatever"}):
        assert "_remember" not in session
        session["_remember"] = "set"
        session["_remember_seconds"] = 5
        assert session.pop("_remember") == "set"
        assert session.get("_remember") is None
        del session["_remember_seconds"]
        with pytest.raises(KeyError):
            session["_remember"]
        assert counters().loads == 0
        assert not session.modified


@pytest.mark.ids("C25", "S19")
def test_a_value_that_is_replaced_while_it_is_decoded_is_read_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Making a UUID runs Python code; another thread may use that moment to write the same key."""
    session = _core.Session()
    values = [uuid.UUID(int=number) for number in range(200)]
    session.set("key", values)
    make = uuid.UUID.__init__

    def disturbed(self: uuid.UUID, *arguments: object, **names: object) -> None:
        session.set("key", "Z" * 3900)
        make(self, *arguments, **names)  # type: ignore[arg-type]

    monkeypatch.setattr(uuid.UUID, "__init__", disturbed)
    assert session.get("key") == values
    monkeypatch.undo()
    assert session.get("key") == "Z" * 3900


@pytest.mark.ids("S19", "S46")
def test_a_key_with_a_lone_surrogate_cannot_be_stored_and_is_never_there(app: Flask) -> None:
    key = "half\ud800"
    with app.test_request_context():
        for write in (session.__setitem__, session.setdefault, lambda k, v: session.update({k: v})):
            with pytest.raises(ValueError, match=r"session\['half\\ud800'\]: .* lone surrogate"):
                write(key, 1)
        with pytest.raises(ValueError, match=r"session\['k'\]\['half\\ud800'\]: .* lone surrogate"):
            session["k"] = {key: 1}
        assert key not in session
        assert session.get(key, "none") == "none"
        assert session.pop(key, "none") == "none"
        with pytest.raises(KeyError):
            del session[key]
