"""``FlaskRedisSessionInterface`` of v60: ``app.session_interface = FlaskRedisSessionInterface(...)``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from flask import current_app
from flask.sessions import SessionInterface

from .. import _core
from .._session import Session
from ..flask import EXTENSION_KEY, Vedfolnir, VedfolnirInterface
from ._client import options_of_client
from ._sessions import CoreSessions

if TYPE_CHECKING:
    from flask import Flask, Request, Response
    from flask.sessions import SessionMixin

__all__ = ["FlaskRedisSessionInterface", "RedisSession"]


class RedisSession(Session):
    """A session as v60 had it: always permanent, and with its name."""

    @property
    def sid(self) -> str | None:
        """The handle; None until something is stored."""
        return self.core.handle

    @property
    def permanent(self) -> bool:
        return True

    @permanent.setter
    def permanent(self, value: bool) -> None:
        pass

    _lifetime_field = "cookie_max_age"

    def _is_permanent(self, core: _core.Session) -> bool:
        return True


class FlaskRedisSessionInterface(SessionInterface):
    """Sets ``Vedfolnir(app)`` up with the first request, on the Redis that ``redis_client`` speaks to (by default the
    configured one). Better: ``Vedfolnir(app)``, which says at start what is wrong with the settings.

    Errors: ConfigurationError, with the first request."""

    session_class = RedisSession

    def __init__(
        self,
        redis_client: Any = None,
        key_prefix: str | None = None,
        session_timeout: int | None = None,
    ) -> None:
        self._options = {
            **(options_of_client(redis_client) if redis_client is not None else {}),
            "redis_session_prefix": key_prefix,
            "redis_session_timeout": session_timeout,
        }
        self._lock = threading.Lock()

    def bind(self, app: Flask) -> VedfolnirInterface:
        """What stands behind this interface in that application."""
        with self._lock:
            interface: VedfolnirInterface | None = app.extensions.get(EXTENSION_KEY)
            if interface is None:
                replaced = app.session_interface
                Vedfolnir(app, **self._options)
                app.session_interface = replaced
                interface = app.extensions[EXTENSION_KEY]
                interface.session_class = self.session_class
            return interface

    def open_session(self, app: Flask, request: Request) -> Session:
        return self.bind(app).open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        self.bind(app).save_session(app, session, response)

    # By name, inside an application context.

    def get_session_data(self, session_id: str) -> dict[str, Any] | None:
        return self._sessions().get_session_data(session_id)

    def delete_session(self, session_id: str) -> bool:
        return self._sessions().destroy_session(session_id)

    def get_user_sessions(self, user_id: Any) -> list[str]:
        """The handles of the user's live sessions, newest first."""
        return [row["session_id"] for row in self._sessions().get_user_sessions(user_id)]

    def cleanup_user_sessions(self, user_id: Any) -> int:
        return self._sessions().cleanup_user_sessions(user_id)

    def cleanup_expired_sessions(self) -> int:
        return self._sessions().cleanup_expired_sessions()

    def _sessions(self) -> CoreSessions:
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        return CoreSessions(app.config.get("db_manager"), self.bind(app).manager)
