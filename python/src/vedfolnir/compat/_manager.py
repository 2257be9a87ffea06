"""``RedisSessionManager``: sessions by name, outside of any request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from flask import has_request_context

from .. import _core
from ..flask import current_session_object
from ._client import redis_client_of
from ._config import REPLACED, RedisConfig, arguments_of
from ._directory import Directory
from ._errors import SessionValidationError, translated

LIST_MAX = 1000
PLATFORM_KEY = "current_platform_id"


class RedisSessionManager:
    """The documented manager, over the core: the same sessions that ``flask.session`` shows.

    Wherever a session is named, its handle and its cookie value are both accepted. What is returned are plain dicts
    and scalars; ids in them are handles, except from ``create_session``, which returns the cookie value.

    ``config`` is a ``RedisConfig`` (``config.redis``); without it the single arguments count. All other settings come
    from the environment. Errors: ConfigurationError at construction; RedisSessionError where the stores cannot say.
    """

    def __init__(
        self,
        db_manager: Any,
        config: Any = None,
        redis_host: str = "localhost",
        redis_port: int = 6379,
        redis_db: int = 0,
        redis_password: str | None = None,
        redis_ssl: bool = False,
        security_manager: Any = None,
        monitor: Any = None,
        *,
        manager: _core.SessionManager | None = None,
    ) -> None:
        self.db_manager = db_manager
        self.config = config
        self.security_manager = security_manager
        self.monitor = monitor
        if config is None:
            redis = RedisConfig(None, redis_host, redis_port, redis_db, redis_password, redis_ssl)
        else:
            redis = _redis_of(config)
        self._manager = manager or _open(redis)
        self._directory = Directory(db_manager)

    @property
    def session_timeout(self) -> timedelta:
        return timedelta(seconds=self._manager.idle_seconds)

    @property
    def session_prefix(self) -> str:
        return self._manager.prefix

    @property
    def user_sessions_prefix(self) -> str:
        """Where a user's index begins; the full layout is in docs/internals/redis_keys.md."""
        return self._manager.prefix

    @property
    def session_index_prefix(self) -> str:
        return self._manager.prefix

    @cached_property
    def redis_client(self) -> Any:
        """A redis-py client to the same Redis, for the application's own keys; sessions are sealed.

        Errors: RedisSessionError, where sessions are not in Redis or redis-py is not installed."""
        return redis_client_of(self._manager)

    # One session.

    def create_session(self, user_id: Any, platform_connection_id: Any = None) -> str:
        """Logs the user in without a request; the cookie value of the new session.

        Errors: SessionValidationError, for an unknown or inactive user or somebody else's platform."""
        platform = self._directory.platform_for(user_id, platform_connection_id)
        with translated():
            session = self._manager.load(_core.RequestContext())
            session.set("user_id", user_id)
            session.set("_user_id", str(user_id))
            if platform is not None:
                session.set(PLATFORM_KEY, platform)
            return self._manager.create_named(session, _core.RequestContext())

    def get_session_data(self, session_id: str) -> dict[str, Any] | None:
        """The application's keys and values; None when there is no live session of that name."""
        session = self._load(session_id)
        return None if session is None else {key: session.get(key) for key in session.keys()}  # noqa: SIM118

    def get_session_context(self, session_id: str) -> dict[str, Any] | None:
        """Who and until when; counts as activity. None when there is no live session of that name."""
        session = self._load(session_id)
        if session is None:
            return None
        with translated():
            self._manager.touch_named(session_id)
        last_activity = datetime.now(UTC)
        return {
            "session_id": session.handle,
            "user_id": _user_number(session),
            "platform_connection_id": session.get(PLATFORM_KEY),
            "created_at": session.created.isoformat(),
            "last_activity": last_activity.isoformat(),
            "expires_at": min(
                last_activity + self.session_timeout, session.absolute_expiry
            ).isoformat(),
            "is_active": True,
        }

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
        """Writes these keys. False when there is no live session of that name."""
        session = self._load(session_id)
        if session is None:
            return False
        for key, value in updates.items():
            session.set(key, value)
        with translated():
            return self._manager.commit(session, _core.RequestContext()).action != "dropped"

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
            return self._manager.end(_name(session_id), "logout", "system") != "absent"

    # A user's sessions, and all of them.

    def get_user_sessions(self, user_id: Any) -> list[dict[str, Any]]:
        """The user's live sessions, newest first."""
        with translated():
            found = self._manager.sessions(user_id=str(user_id), limit=LIST_MAX)
        current = _current_handle()
        return [self._row(info, current) for info in found if info.live is not False]

    def cleanup_user_sessions(self, user_id: Any, keep_current: str | bool | None = None) -> int:
        """Ends the user's sessions; how many. ``keep_current`` names one to keep, or says True for this request's."""
        keep = self._handle_to_keep(keep_current)
        with translated():
            return self._manager.end_user(str(user_id), keep, "ended_by_operator", "system")[1]

    def cleanup_expired_sessions(self) -> int:
        """Closes the SQL rows of sessions past their absolute end; how many. Such sessions are refused at once, and
        their records leave Redis by their time to live, without it."""
        with translated():
            return self._manager.close_expired()

    def get_session_stats(self) -> dict[str, int | None]:
        """Live authenticated sessions, and Redis' own figures (memory in bytes): None where Redis does not tell
        them, because its user has no permission for INFO or sessions are not in Redis."""
        with translated():
            info = self._manager.store_info()
        return {
            "total_sessions": self._count(),
            "redis_connected_clients": info.connected_clients,
            "redis_used_memory": info.used_memory,
            "redis_keyspace_hits": info.keyspace_hits,
            "redis_keyspace_misses": info.keyspace_misses,
        }

    def get_db_session(self) -> Any:
        """A session of the application's database, for old callers; whoever asks closes it."""
        return self.db_manager.get_session()

    # Ids.

    def generate_session_id(self) -> str:
        return generate_session_id(self._manager)

    def validate_session_id(self, session_id: str) -> bool:
        return validate_session_id(self._manager, session_id)

    # Private.

    def _load(self, session_id: str) -> _core.Session | None:
        with translated():
            return self._manager.load_named(_name(session_id))

    def _handle_to_keep(self, keep: str | bool | None) -> str | None:
        if isinstance(keep, str):
            session = self._load(keep)
            return None if session is None else session.handle
        return _current_handle() if keep else None

    def _count(self) -> int:
        total, after = 0, None
        while True:
            with translated():
                page = self._manager.sessions(limit=LIST_MAX, after=after)
            total += sum(info.live is not False for info in page)
            if len(page) < LIST_MAX:
                return total
            after = page[-1].handle

    def _row(self, info: _core.SessionInfo, current: str | None) -> dict[str, Any]:
        now = datetime.now(UTC)
        end = min(info.last_seen + self.session_timeout, info.absolute_expiry)
        return {
            "session_id": info.handle,
            "created_at": info.created.isoformat(),
            "last_activity": info.last_seen.isoformat(),
            "platform_name": info.platform or None,
            "platform_type": None,
            "ttl_seconds": max(0, int((end - now).total_seconds())),
            "is_current": info.handle == current,
        }


def generate_session_id(manager: _core.SessionManager) -> str:
    """A new id that no store knows: 256 random bits, with the signature of this key ring."""
    with translated():
        return manager.mint_id()


def validate_session_id(manager: _core.SessionManager, session_id: str) -> bool:
    """Whether an id has exactly the form and the signature of ours. Says nothing about a session."""
    return isinstance(session_id, str) and manager.is_own_id(session_id)


def _open(redis: Any) -> _core.SessionManager:
    """Explicit connection settings replace those of the environment; nothing but defaults leaves them alone."""
    if redis == RedisConfig():
        return _core.SessionManager.open({}, dict(os.environ))
    environment = {name: text for name, text in os.environ.items() if name not in REPLACED}
    return _core.SessionManager.open(arguments_of(redis), environment)


def _redis_of(config: Any) -> Any:
    """``config.redis`` where a whole configuration was passed, else the configuration itself."""
    return getattr(config, "redis", config)


def _name(session_id: Any) -> str:
    return session_id if isinstance(session_id, str) else ""


def _user_number(session: _core.Session) -> int | str:
    return int(session.user_id) if session.user_id.isdecimal() else session.user_id


def _current_handle() -> str | None:
    session = current_session_object() if has_request_context() else None
    return None if session is None else session.core.handle
