"""``redis_session_middleware``: the session of this request, by the names of the original.

Users and platforms are described and checked where ``app.config["db_manager"]`` knows them. After
``compat.init_app(app)``, ``g.session_id`` and ``g.session_context`` are there, too: looked up when first asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import current_app, g

from .. import _core, _helpers
from .._session import Session
from ..flask import EXTENSION_KEY, VedfolnirInterface
from ._directory import Directory
from ._errors import SessionValidationError
from ._sessions import PLATFORM_KEY, CoreSessions, context_of, number_or_text

__all__ = [
    "clear_session_platform",
    "create_user_session",
    "destroy_current_session",
    "get_current_platform_id",
    "get_current_platform_info",
    "get_current_session_context",
    "get_current_session_id",
    "get_current_user_id",
    "get_current_user_info",
    "get_session_created_at",
    "get_session_last_activity",
    "is_session_authenticated",
    "update_session_activity",
    "update_session_platform",
    "validate_current_session",
]


def get_current_session_context() -> dict[str, Any] | None:
    """Who and until when, with ``user_info`` and ``platform_info``; None while nobody is logged in."""
    core = _session().core
    if not core.found or not core.user_id:
        return None
    context = context_of(core, _sessions().session_timeout, core.last_seen)
    context["platform_connection_id"] = get_current_platform_id()
    context["user_info"] = get_current_user_info()
    context["platform_info"] = get_current_platform_info()
    return context


def get_current_session_id() -> str | None:
    """The handle: names the session everywhere but in a cookie."""
    return _session().core.handle


def get_current_user_id() -> int | str | None:
    session = _session()
    user_id = session.get("_user_id", session.get("user_id"))
    return None if user_id is None else number_or_text(str(user_id))


def get_current_platform_id() -> Any:
    return _session().get(PLATFORM_KEY)


def get_current_user_info() -> dict[str, Any] | None:
    """``id, username, email, role``."""
    return _described("user", get_current_user_id())


def get_current_platform_info() -> dict[str, Any] | None:
    """``id, name, platform_type, instance_url, username, is_active``."""
    return _described("platform", get_current_platform_id())


def update_session_platform(platform_connection_id: Any) -> bool:
    """Switches the platform: audited with the response. False for somebody else's platform, or nobody logged in."""
    user_id = get_current_user_id()
    if user_id is None:
        return False
    try:
        _directory().check_platform(user_id, platform_connection_id)
    except SessionValidationError:
        return False
    _helpers.switch_platform(platform_connection_id)
    return True


def create_user_session(user_id: Any, platform_connection_id: Any = None) -> str | None:
    """Logs this request's visitor in, at once; the handle of the new session. The cookie goes with the response.

    Errors: SessionValidationError, for an unknown or inactive user or somebody else's platform."""
    platform = _directory().platform_for(user_id, platform_connection_id)
    _helpers.login(user_id)
    if platform is not None:
        _helpers.switch_platform(platform)
    _session().commit_now()
    return get_current_session_id()


def destroy_current_session() -> bool:
    """Ends it now. True if there was one."""
    return _helpers.logout() is not _helpers.Ending.ABSENT


def validate_current_session() -> bool:
    """Whether a live session of a known user stands behind this request."""
    core = _session().core
    return core.found and bool(core.user_id)


is_session_authenticated = validate_current_session


def update_session_activity() -> bool:
    """Moves the idle end now, never the absolute one. False while there is no stored session."""
    handle = get_current_session_id()
    return handle is not None and _sessions().update_session_activity(handle)


def clear_session_platform() -> bool:
    """True if there was a platform."""
    return _session().pop(PLATFORM_KEY, None) is not None


def get_session_created_at() -> datetime | None:
    """Aware, in UTC."""
    core = _session().core
    return core.created if core.found else None


def get_session_last_activity() -> datetime | None:
    """Aware, in UTC. Activity is written at most once a minute."""
    core = _session().core
    return core.last_seen if core.found else None


# For the modules beside this one.


def _session() -> Session:
    return _helpers.session_of_request()


def _sessions() -> CoreSessions:
    return CoreSessions(current_app.config.get("db_manager"), _core_of_application())


def _core_of_application() -> _core.SessionManager:
    interface: VedfolnirInterface = current_app.extensions[EXTENSION_KEY]
    return interface.manager


def _directory() -> Directory:
    return Directory(current_app.config.get("db_manager"))


def _described(kind: str, key: Any) -> dict[str, Any] | None:
    """Asked of the database once in a request."""
    if key is None:
        return None
    known: dict[Any, Any] = g.setdefault("_vedfolnir_described", {})
    if (kind, key) not in known:
        directory = _directory()
        ask = directory.user_info if kind == "user" else directory.platform_info
        known[kind, key] = ask(key)
    found: dict[str, Any] | None = known[kind, key]
    return found
