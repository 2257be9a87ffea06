"""What every manager of the original does with sessions by name, over the one core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import has_request_context

from .. import _core
from .._trace import current_trace_id
from ..errors import BadValue
from ..flask import current_session_object
from ._directory import Directory
from ._errors import SessionValidationError, translated

LIST_MAX = 1000
PLATFORM_KEY = "current_platform_id"
IDENTITY_KEYS = ("_user_id", "user_id")


class CoreSessions:
    """Wherever a session is named, its handle and its cookie value are both accepted. What is returned are plain dicts
    and scalars; ids in them are handles, except from the calls that create a session.

    Errors: RedisSessionError where the stores cannot say; an unknown name is None or False."""

    def __init__(self, db_manager: Any, manager: _core.SessionManager) -> None:
        self.db_manager = db_manager
        self._manager = manager
        self._directory = Directory(db_manager)

    # One session.

    def create_session(self, user_id: Any, platform_connection_id: Any = None) -> str:
        """Logs the user in without a request; the cookie value of the new session.

        Errors: SessionValidationError, for None, an unknown or inactive user, or somebody else's platform."""
        platform = self._directory.platform_for(user_id, platform_connection_id)
        return self._create(user_id, {} if platform is None else {PLATFORM_KEY: platform})

    def _create(self, user_id: Any, values: Mapping[str, Any]) -> str:
        if user_id is None:
            raise SessionValidationError("A session is made for a user; None names none.")
        with translated():
            session = self._manager.load(_core.RequestContext())
            session.set("user_id", user_id)
            session.set("_user_id", str(user_id))
            for key, value in values.items():
                session.set(key, value)
            return self._manager.create_named(session, _core.RequestContext())

    def get_session_data(self, session_id: str) -> dict[str, Any] | None:
        """The application's keys and values; None when there is no live session of that name."""
        session = self._load(session_id)
        return None if session is None else data_of(session)

    def get_session_context(self, session_id: str) -> dict[str, Any] | None:
        """Who and until when; counts as activity. None when there is no live session of that name."""
        session = self._load(session_id)
        if session is None:
            return None
        with translated():
            self._manager.touch_named(session_id)
        return context_of(session, self.session_timeout, datetime.now(UTC))

    def validate_session(self, session_id: str) -> bool:
        return self._load(session_id) is not None

    def update_session_activity(self, session_id: str) -> bool:
        """Moves the idle end, never the absolute one."""
        with translated():
            return self._manager.touch_named(_name(session_id))

    def extend_session(self, session_id: str, additional_seconds: int | None = None) -> bool:
        """Starts the idle time again. ``additional_seconds`` cannot lengthen a limit and is not used."""
        return self.update_session_activity(session_id)

    def update_session(self, session_id: str, updates: Mapping[str, Any]) -> bool:
        """Writes these keys. False when there is no live session of that name.

        Errors: SessionValidationError, for another user's id or a fresh login: a login is ``create_session``."""
        session = self._load(session_id)
        if session is None:
            return False
        refuse_login(session, updates)
        write(session, updates)
        return self._commit(session)

    def update_platform_context(self, session_id: str, platform_connection_id: Any) -> bool:
        """Switches the platform: audited. False for somebody else's platform, or no live session."""
        session = self._load(session_id)
        if session is None:
            return False
        try:
            self._directory.check_platform(session.user_id, platform_connection_id)
        except SessionValidationError:
            return False
        return self.update_session(session_id, {PLATFORM_KEY: platform_connection_id})

    def destroy_session(self, session_id: str) -> bool:
        """Ends the session, durably where SQL answers. True if there was one."""
        with translated():
            ending = self._manager.end(
                _name(session_id), "logout", "system", "", current_trace_id() or ""
            )
        return ending != "absent"

    # A user's sessions, and all of them.

    def get_user_sessions(self, user_id: Any) -> list[dict[str, Any]]:
        """The user's live sessions, newest first."""
        with translated():
            found = self._manager.sessions(user_id=str(user_id), limit=LIST_MAX)
        current = current_handle()
        return [self._row(info, current) for info in found if info.live is not False]

    def cleanup_user_sessions(self, user_id: Any, keep_current: str | bool | None = None) -> int:
        """Ends the user's sessions; how many. ``keep_current`` names one to keep, or says True for this request's."""
        keep = self._handle_to_keep(keep_current)
        with translated():
            _, count = self._manager.end_user(
                str(user_id), keep, "ended_by_operator", "system", current_trace_id() or ""
            )
        return count

    def cleanup_expired_sessions(self) -> int:
        """Closes the SQL rows of sessions past their absolute end; how many. Such sessions are refused at once, and
        their records leave Redis by their time to live, without it."""
        with translated():
            return self._manager.close_expired()

    def get_db_session(self) -> Any:
        """A session of the application's database, for old callers; whoever asks closes it."""
        return self.db_manager.get_session()

    # Ids.

    def generate_session_id(self) -> str:
        return generate_session_id(self._manager)

    def validate_session_id(self, session_id: str) -> bool:
        return validate_session_id(self._manager, session_id)

    @property
    def session_timeout(self) -> timedelta:
        return timedelta(seconds=self._manager.idle_seconds)

    # Private.

    def _load(self, session_id: str) -> _core.Session | None:
        with translated():
            return self._manager.load_named(_name(session_id))

    def _commit(self, session: _core.Session) -> bool:
        with translated():
            return self._manager.commit(session, _core.RequestContext()).action != "dropped"

    def _handle_to_keep(self, keep: str | bool | None) -> str | None:
        if isinstance(keep, str):
            session = self._load(keep)
            return None if session is None else session.handle
        return current_handle() if keep else None

    def _live(self) -> Iterator[_core.SessionInfo]:
        """The live sessions of all users, page by page."""
        after = None
        while True:
            with translated():
                page = self._manager.sessions(limit=LIST_MAX, after=after)
            yield from (info for info in page if info.live is not False)
            if len(page) < LIST_MAX:
                return
            after = page[-1].handle

    def _row(self, info: _core.SessionInfo, current: str | None) -> dict[str, Any]:
        platform = self._directory.platform_info(info.platform) if info.platform else None
        return {
            "session_id": info.handle,
            "created_at": info.created.isoformat(),
            "last_activity": info.last_seen.isoformat(),
            "platform_name": platform["name"] if platform else info.platform or None,
            "platform_type": platform["platform_type"] if platform else None,
            "ttl_seconds": seconds_left(info, self.session_timeout),
            "is_current": info.handle == current,
        }


def data_of(session: _core.Session) -> dict[str, Any]:
    return {key: session.get(key) for key in session.keys()}  # noqa: SIM118  (no mapping)


def context_of(session: _core.Session, idle: timedelta, last_activity: datetime) -> dict[str, Any]:
    return {
        "session_id": session.handle,
        "user_id": number_or_text(session.user_id),
        "platform_connection_id": session.get(PLATFORM_KEY),
        "created_at": session.created.isoformat(),
        "last_activity": last_activity.isoformat(),
        "expires_at": min(last_activity + idle, session.absolute_expiry).isoformat(),
        "is_active": True,
    }


def seconds_left(info: _core.Session | _core.SessionInfo, idle: timedelta) -> int:
    end = min(info.last_seen + idle, info.absolute_expiry)
    return max(0, int((end - datetime.now(UTC)).total_seconds()))


def write(session: _core.Session, values: Mapping[str, Any]) -> None:
    with translated():
        for key, value in values.items():
            if not isinstance(key, str):
                raise BadValue(f"{key!r}: a key must be str, not {type(key).__name__}")
            session.set(key, value)


def refuse_login(session: _core.Session, updates: Mapping[str, Any]) -> None:
    """A login gives the session a new id, which no update could hand to the browser: the user would be signed out."""
    if updates.get("_fresh") is True and session.get("_fresh") is not True:
        raise SessionValidationError("_fresh: becomes true by a login, not by an update.")
    for key in IDENTITY_KEYS:
        if key in updates and str(updates[key]) != session.user_id:
            raise SessionValidationError(
                f"{key}: a session changes its user by a login, not by an update."
            )


def number_or_text(user_id: str) -> int | str:
    return int(user_id) if user_id.isdecimal() else user_id


def current_handle() -> str | None:
    """The handle of this request's session."""
    session = current_session_object() if has_request_context() else None
    return None if session is None else session.core.handle


def generate_session_id(manager: _core.SessionManager) -> str:
    """A new id that no store knows: 256 random bits, with the signature of this key ring."""
    with translated():
        return manager.mint_id()


def validate_session_id(manager: _core.SessionManager, session_id: str) -> bool:
    """Whether an id has exactly the form and the signature of ours. Says nothing about a session."""
    return manager.is_own_id(_name(session_id))


def _name(session_id: Any) -> str:
    # Every name is ASCII; other text may hold what has no bytes at all (half a surrogate pair).
    return session_id if isinstance(session_id, str) and session_id.isascii() else ""
