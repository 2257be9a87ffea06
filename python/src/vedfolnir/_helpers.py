"""What a view may ask and order besides reading and writing ``flask.session``."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import ParamSpec, TypeVar

from flask import current_app

from . import _core
from ._session import UNAVAILABLE, Session, SessionUnavailable
from .errors import BadValue, Denied
from .flask import EXTENSION_KEY, VedfolnirInterface, current_session_object

P = ParamSpec("P")
R = TypeVar("R")

LIST_MAX = 1000


class Ending(StrEnum):
    """How an ending was acknowledged."""

    ENDED = "ended"  #: Durable in SQL and gone from Redis.
    PENDING = "pending"  #: Denied here and removed from Redis as far as reachable; not durable in SQL yet.
    ABSENT = "absent"  #: There was no live session to end.


@dataclass(frozen=True)
class SessionInfo:
    """A session as people may see it: no id, no content. Times are aware, in UTC."""

    handle: str
    user_id: str
    created: dt.datetime
    last_seen: dt.datetime
    absolute_expiry: dt.datetime
    device: str = ""
    place: str = ""
    platform: str = ""
    is_current: bool = False


def login(user_id: str | int, **keys: object) -> None:
    """Logs the user in: the id rotates with this response. ``keys`` are written into the session.

    For applications without Flask-Login. Keys written before the login stay, CSRF secrets do not.

    Errors: BadValue, for a user id that is None or empty, and for what cannot be stored; then nobody is logged in."""
    if user_id is None or user_id == "":
        raise BadValue(f"login({user_id!r}): this names no user")
    session = session_of_request()
    # Last come the keys that make it a login: what raises before them leaves nobody logged in, whatever the view does.
    session.update(keys)
    session["user_id"] = user_id
    session["_user_id"] = str(user_id)
    session["_fresh"] = True
    session.mark_login()


def logout() -> Ending:
    """Ends the current session now, whatever becomes of the response.

    The cookie is cleared with the response. ``Ending.PENDING``: SQL is down; the session is dead here and in Redis."""
    session = session_of_request()
    ended = session.core.found
    session.clear()
    if not ended:
        return Ending.ABSENT
    return Ending(session.commit_now().ending)


def switch_platform(platform_id: object) -> None:
    """Changes the current platform. Audited: the SQL transaction goes before the save."""
    session_of_request()["current_platform_id"] = platform_id


def current_session() -> SessionInfo | None:
    """The stored session of this request; None while there is none. Costs nothing besides the session's own load."""
    core = session_of_request().core
    if core.handle is None:
        return None
    return SessionInfo(
        handle=core.handle,
        user_id=core.user_id,
        created=core.created,
        last_seen=core.last_seen,
        absolute_expiry=core.absolute_expiry,
        device=core.device,
        place=core.place,
        platform=core.platform,
        is_current=True,
    )


def session_cost() -> _core.SessionCost:
    """What the session cost this request so far: who answered its load, Redis commands, microseconds.

    Asks nothing: a session that the request did not touch costs nothing. The commit comes after the view, so its part
    is there for a teardown function. A login or logout that was committed in between begins a new count."""
    return session_of_request().cost


def sessions(user_id: str | int | None = None) -> list[SessionInfo]:
    """The live sessions of a user (by default the current one), newest first."""
    core = session_of_request().core
    wanted = core.user_id if user_id is None else str(user_id)
    if not wanted:
        return []
    with _manager() as manager:
        found = manager.sessions(user_id=wanted, limit=LIST_MAX)
    return [_info(info, core.handle) for info in found if info.live is not False]


def end_session(handle: str, *, any_user: bool = False) -> Ending:
    """Ends one session of the current user. ``any_user=True`` is for operators' pages: it ends anybody's.

    Errors: Denied, when nobody is logged in."""
    session = session_of_request()
    core = session.core
    if handle == core.handle:
        return logout()
    if not any_user and not core.user_id:
        raise Denied("Nobody is logged in.")
    trace = session.trace_id
    with _manager() as manager:
        if any_user:
            return Ending(manager.end(handle, "ended_by_operator", _operator(core), "", trace))
        return Ending(manager.end(handle, "ended_by_user", "user", core.user_id, trace))


def end_other_sessions() -> int:
    """Ends all sessions of the current user but this one; how many there were.

    Errors: Denied, when nobody is logged in."""
    session = session_of_request()
    core = session.core
    if not core.user_id:
        raise Denied("Nobody is logged in.")
    with _manager() as manager:
        _, count = manager.end_user(
            core.user_id, core.handle, "ended_by_user", "user", session.trace_id
        )
    return count


def passive(view: Callable[P, R]) -> Callable[P, R]:
    """Decorates a view that a page asks by itself (heartbeat, polling): it does not keep an idle user alive."""

    @functools.wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        session_of_request().context.passive = True
        return view(*args, **kwargs)

    return wrapper


def _operator(core: _core.Session) -> str:
    return f"operator:{core.user_id or 'unknown'}"


def _info(info: _core.SessionInfo, current: str | None) -> SessionInfo:
    return SessionInfo(
        handle=info.handle,
        user_id=info.user_id,
        created=info.created,
        last_seen=info.last_seen,
        absolute_expiry=info.absolute_expiry,
        device=info.device,
        place=info.place,
        platform=info.platform,
        is_current=info.handle == current,
    )


def session_of_request() -> Session:
    """The session of this request. Errors: RuntimeError where it is not one of ours."""
    session = current_session_object()
    if session is None:
        raise RuntimeError(
            "this application's sessions are not kept by vedfolnir: call Vedfolnir(app)"
        )
    return session


@contextmanager
def _manager() -> Iterator[_core.SessionManager]:
    """Turns "the stores could not say" into a 503, as it is for the session of the request."""
    interface: VedfolnirInterface = current_app.extensions[EXTENSION_KEY]
    try:
        yield interface.manager
    except UNAVAILABLE as error:
        raise SessionUnavailable(error) from error
