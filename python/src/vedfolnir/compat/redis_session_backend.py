"""``RedisSessionBackend`` of v60: the store by itself, over the one core."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from .. import _core
from ..errors import Error
from ._config import RedisConfig
from ._errors import SessionValidationError
from ._open import open_core
from ._sessions import IDENTITY_KEYS, CoreSessions, refuse_login, seconds_left, write

__all__ = ["RedisSessionBackend"]

log = logging.getLogger("vedfolnir")


class RedisSessionBackend:
    """``connection_pool_size`` is not used: a process needs one connection.

    Opens no connection before the first call. Errors: ConfigurationError, at the first call; RedisSessionError where
    the stores cannot say."""

    def __init__(
        self,
        redis_url: str | None = None,
        host: str = "localhost",
        port: int = 6379,
        db: int = 0,
        password: str | None = None,
        ssl: bool = False,
        key_prefix: str = "vedfolnir:session:",
        connection_pool_size: int = 10,
        *,
        manager: _core.SessionManager | None = None,
    ) -> None:
        self.key_prefix = key_prefix
        self._config = RedisConfig(redis_url, host, port, db, password, ssl, key_prefix)
        self._given = manager

    @classmethod
    def from_env(cls) -> RedisSessionBackend:
        """Reads the documented ``REDIS_*`` variables. Errors: ConfigurationError, naming the variable."""
        found = RedisConfig.from_env()
        backend = cls(
            found.url,
            found.host,
            found.port,
            found.db,
            found.password,
            found.ssl,
            found.session_prefix,
        )
        backend._config = found
        backend._given = _core.SessionManager.open({}, dict(os.environ))
        return backend

    def core(self, session_timeout: int | None = None) -> _core.SessionManager:
        """The core behind it; with another idle time than the settings say, one of its own."""
        if session_timeout is None or session_timeout == self._manager.idle_seconds:
            return self._manager
        return open_core(replace(self._config, session_timeout=session_timeout))

    @cached_property
    def _manager(self) -> _core.SessionManager:
        return self._given or open_core(self._config)

    @cached_property
    def _sessions(self) -> CoreSessions:
        return CoreSessions(None, self._manager)

    def get(self, session_id: str) -> dict[str, Any] | None:
        return self._sessions.get_session_data(session_id)

    def set(self, session_id: str, data: Mapping[str, Any], ttl: int = 7200) -> bool:
        """Replaces what the session holds, who it belongs to apart. ``ttl`` is not used: limits are settings.

        False where no live session has that name (nothing is ever created by a save: logins make sessions), or where
        ``data`` names another user or would be a login."""
        session = self._sessions._load(session_id)
        if session is None:
            return False
        try:
            refuse_login(session, data)
        except SessionValidationError as error:
            log.warning("%s", error)
            return False
        for key in session.keys():  # noqa: SIM118  (the core's session is no mapping)
            if key not in data and key not in IDENTITY_KEYS:
                session.erase(key)
        write(session, data)
        return self._sessions._commit(session)

    def delete(self, session_id: str) -> bool:
        return self._sessions.destroy_session(session_id)

    def exists(self, session_id: str) -> bool:
        return self._sessions.validate_session(session_id)

    def update_ttl(self, session_id: str, ttl: int) -> bool:
        """Starts the idle time again. ``ttl`` cannot change a limit and is not used."""
        return self._sessions.update_session_activity(session_id)

    def get_ttl(self, session_id: str) -> int | None:
        """Seconds until the idle or absolute end; None without such a session. Never -1: every session ends."""
        session = self._sessions._load(session_id)
        return None if session is None else seconds_left(session, self._sessions.session_timeout)

    def get_all_sessions(self) -> list[str]:
        """The handles of all live sessions of known users; anonymous ones have no index."""
        return [info.handle for info in self._sessions._live()]

    def get_sessions_by_user(self, user_id: Any) -> list[str]:
        """The handles of the user's live sessions."""
        return [row["session_id"] for row in self._sessions.get_user_sessions(user_id)]

    def cleanup_user_sessions(self, user_id: Any) -> int:
        return self._sessions.cleanup_user_sessions(user_id)

    def get_session_count(self) -> int:
        return sum(1 for _ in self._sessions._live())

    def flush_all_sessions(self) -> int:
        """Ends the sessions of all known users, one after the other, each durably; how many."""
        users = {info.user_id for info in self._sessions._live()}
        return sum(self._sessions.cleanup_user_sessions(user_id) for user_id in users)

    def health_check(self) -> dict[str, Any]:
        """``status`` is ``healthy`` with figures, or ``unhealthy`` with the ``error``. Asks Redis and SQL now."""
        try:
            begun = time.perf_counter()
            info = self._manager.store_info()
            ping_ms = round((time.perf_counter() - begun) * 1000, 2)
            count = self.get_session_count()
        except Error as error:
            return {"status": "unhealthy", "error": str(error)}
        return {
            "status": "healthy",
            "ping_ms": ping_ms,
            "connected_clients": info.connected_clients,
            "used_memory_human": info.used_memory_human or None,
            "redis_version": info.version or None,
            "session_count": count,
        }
