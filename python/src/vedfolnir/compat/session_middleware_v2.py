"""``session_middleware_v2`` of v60: ``redis_session_middleware`` with four names more."""

from __future__ import annotations

import importlib

from .redis_session_middleware import (
    clear_session_platform,
    create_user_session,
    destroy_current_session,
    get_current_platform_id,
    get_current_platform_info,
    get_current_session_context,
    get_current_session_id,
    get_current_user_id,
    get_current_user_info,
    get_session_created_at,
    get_session_last_activity,
    is_session_authenticated,
    update_session_activity,
    update_session_platform,
    validate_current_session,
)

__all__ = [
    "clear_session_platform",
    "create_user_session",
    "destroy_current_session",
    "extend_current_session",
    "get_csrf_token",
    "get_current_platform_id",
    "get_current_platform_info",
    "get_current_session_context",
    "get_current_session_id",
    "get_current_user_id",
    "get_current_user_info",
    "get_session_created_at",
    "get_session_last_activity",
    "has_platform_context",
    "is_session_authenticated",
    "is_user_authenticated",
    "update_session_activity",
    "update_session_platform",
    "validate_current_session",
]


def extend_current_session(additional_seconds: int | None = None) -> bool:
    """Starts the idle time again. ``additional_seconds`` cannot lengthen a limit and is not used."""
    return update_session_activity()


def is_user_authenticated() -> bool:
    return validate_current_session()


def has_platform_context() -> bool:
    return get_current_platform_id() is not None


def get_csrf_token() -> str | None:
    """The token of Flask-WTF for a form of this response; None where it is not installed."""
    try:
        csrf = importlib.import_module("flask_wtf.csrf")
    except ImportError:
        return None
    token: str = csrf.generate_csrf()
    return token
