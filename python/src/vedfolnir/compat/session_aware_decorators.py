"""The decorators of the original. What is handed out here is plain data, so most of what they guarded is gone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import current_app, g
from werkzeug.exceptions import Forbidden

from .redis_session_middleware import get_current_platform_id
from .session_error_handlers import with_session_error_handling

__all__ = [
    "ensure_user_session_attachment",
    "handle_detached_instance_error",
    "require_platform_context",
    "with_db_session",
    "with_session_error_handling",
]

P = ParamSpec("P")
R = TypeVar("R")


def with_db_session(view: Callable[P, R]) -> Callable[P, R]:
    """``g.db_session`` is the request's session of the application's database (``app.request_session_manager``)."""

    @functools.wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        g.db_session = current_app.request_session_manager.get_request_session()  # type: ignore[attr-defined]
        return view(*args, **kwargs)

    return wrapper


def require_platform_context(view: Callable[P, R]) -> Callable[P, R]:
    """403 while the session has no platform; a page of the application for it is ``@app.errorhandler(403)``."""

    @functools.wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if get_current_platform_id() is None:
            raise Forbidden("Choose a platform first.")
        return view(*args, **kwargs)

    return wrapper


def handle_detached_instance_error(view: Callable[P, R]) -> Callable[P, R]:
    """The view unchanged: nothing of ours is attached to a database session. Errors of the application's own objects
    pass through."""
    return view


def ensure_user_session_attachment(view: Callable[P, R]) -> Callable[P, R]:
    """The view unchanged, as above; see ``SessionAwareUser``."""
    return view
