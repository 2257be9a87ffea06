"""``simple_session_manager``: sign-in and platform of this request's session."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .. import _helpers
from ._sessions import PLATFORM_KEY
from .redis_session_middleware import (
    clear_session_platform,
    get_current_platform_id,
    get_current_user_id,
)

__all__ = [
    "clear_platform_context",
    "get_current_user_id",
    "get_platform_context",
    "get_session_info",
    "is_logged_in",
    "login_user",
    "logout_user",
    "set_platform_context",
]


def login_user(user_id: Any, platform_id: Any = None) -> bool:
    """The id rotates with this response. Always True; what fails is an exception."""
    _helpers.login(user_id, logged_in=True, login_time=datetime.now(UTC))
    if platform_id is not None:
        set_platform_context(platform_id)
    return True


def logout_user() -> bool:
    """Ends the session now. True if there was one."""
    return _helpers.logout() is not _helpers.Ending.ABSENT


def is_logged_in() -> bool:
    return get_current_user_id() is not None


def set_platform_context(platform_id: Any) -> bool:
    """Audited with the response. Whose platform it is, is the caller's business."""
    session = _helpers.session_of_request()
    _helpers.switch_platform(platform_id)
    session["platform_switch_time"] = datetime.now(UTC)
    return True


def get_platform_context() -> Any:
    """The id of the current platform, or None."""
    return get_current_platform_id()


def clear_platform_context() -> bool:
    """True if there was a platform."""
    _helpers.session_of_request().pop("platform_switch_time", None)
    return clear_session_platform()


def get_session_info() -> dict[str, Any]:
    session = _helpers.session_of_request()
    return {
        "session_id": session.core.handle,
        "user_id": get_current_user_id(),
        "logged_in": is_logged_in(),
        "login_time": session.get("login_time"),
        PLATFORM_KEY: get_current_platform_id(),
        "platform_switch_time": session.get("platform_switch_time"),
    }
