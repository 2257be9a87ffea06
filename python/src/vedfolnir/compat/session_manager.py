"""``session_manager`` (HEAD): the oldest names."""

from __future__ import annotations

from typing import Any

from flask import Flask

from .. import _core
from ._config import RedisConfig
from ._init import install_globals
from ._open import current_core, open_core
from ._sessions import CoreSessions

__all__ = ["DatabaseSessionMiddleware", "PlatformContextMiddleware", "SessionManager"]


class SessionManager:
    """The shape of HEAD, fixed: ``create_session`` returns a dict."""

    def __init__(self, db_manager: Any, *, manager: _core.SessionManager | None = None) -> None:
        self.db_manager = db_manager
        core = manager or current_core() or open_core(RedisConfig())
        self._sessions = CoreSessions(db_manager, core)

    def create_session(self, user_id: Any, platform_connection_id: Any = None) -> dict[str, Any]:
        """The context of the new session. Its ``session_id`` is the cookie value, as from every call that creates one.

        Errors: SessionValidationError, for an unknown or inactive user or somebody else's platform."""
        cookie_value = self._sessions.create_session(user_id, platform_connection_id)
        context = self._sessions.get_session_context(cookie_value)
        return {**(context or {}), "session_id": cookie_value}

    def get_session(self, session_id: str) -> dict[str, Any] | None:
        """The context, by handle or cookie value; None when there is no live session of that name."""
        return self._sessions.get_session_context(session_id)

    def cleanup_user_sessions(self, user_id: Any) -> int:
        """Ends the user's sessions; how many."""
        return self._sessions.cleanup_user_sessions(user_id)


class DatabaseSessionMiddleware:
    """Gives the application ``g.session_id`` and ``g.session_context``. Sessions come from ``Vedfolnir(app)``."""

    def __init__(self, app: Flask, session_manager: Any = None) -> None:
        self.app = app
        self.session_manager = session_manager
        install_globals(app)


class PlatformContextMiddleware(DatabaseSessionMiddleware):
    """The same: the platform is part of the context."""
