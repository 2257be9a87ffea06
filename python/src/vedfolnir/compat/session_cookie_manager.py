"""``SessionCookieManager``: the cookie of an application that moves ids itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import request

from .. import _core

if TYPE_CHECKING:
    from flask import Response

__all__ = ["SessionCookieManager", "create_session_cookie_manager"]

log = logging.getLogger("vedfolnir")

MAX_AGE_MIN = 300
MAX_AGE_MAX = 604_800


class SessionCookieManager:
    """Sets, reads and clears one session cookie: HttpOnly, SameSite=Lax, path ``/``.

    Applications that use ``Vedfolnir(app)`` need none of this: the extension sends the cookie."""

    def __init__(
        self, cookie_name: str = "session_id", max_age: int = 86400, secure: bool = True
    ) -> None:
        self.cookie_name = cookie_name
        self.max_age = max_age
        self.secure = secure

    def set_session_cookie(self, response: Response, session_id: str) -> None:
        """The response that sets an id must not be cached."""
        response.set_cookie(
            self.cookie_name, session_id, max_age=self.max_age, **self._attributes()
        )
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")

    def get_session_id_from_cookie(self) -> str | None:
        """The value of the one cookie of our name; None if there is none, two, or any doubt."""
        header = request.environ.get("HTTP_COOKIE", "").encode("latin-1", "replace")
        return _core.find_cookie(header, self.cookie_name) or None

    def clear_session_cookie(self, response: Response) -> None:
        response.delete_cookie(self.cookie_name, **self._attributes())
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")

    def refresh_session_cookie(self, response: Response, session_id: str) -> None:
        self.set_session_cookie(response, session_id)

    def validate_cookie_security(self) -> bool:
        """False for a lifetime below 5 minutes or above a week. Warns where the cookie is not Secure."""
        if not self.secure:
            log.warning(
                "the session cookie %s is not Secure: for development only", self.cookie_name
            )
        return MAX_AGE_MIN <= self.max_age <= MAX_AGE_MAX

    def _attributes(self) -> dict[str, Any]:
        return {"path": "/", "secure": self.secure, "httponly": True, "samesite": "Lax"}


def create_session_cookie_manager(app_config: Mapping[str, Any]) -> SessionCookieManager:
    """Reads SESSION_COOKIE_NAME, SESSION_COOKIE_SECURE and PERMANENT_SESSION_LIFETIME."""
    lifetime = app_config.get("PERMANENT_SESSION_LIFETIME", 86400)
    seconds = lifetime.total_seconds() if isinstance(lifetime, timedelta) else lifetime
    return SessionCookieManager(
        cookie_name=app_config.get("SESSION_COOKIE_NAME", "session_id"),
        max_age=int(seconds),
        secure=app_config.get("SESSION_COOKIE_SECURE", True),
    )
