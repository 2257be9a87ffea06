"""``with_session_error_handling``: what a view answers when its session cannot be had."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from werkzeug.exceptions import ServiceUnavailable, Unauthorized

from .._unavailable import RETRY_AFTER_SECONDS
from ._errors import RedisSessionError, SessionValidationError

__all__ = ["with_session_error_handling"]

P = ParamSpec("P")
R = TypeVar("R")


def with_session_error_handling(view: Callable[P, R]) -> Callable[P, R]:
    """A RedisSessionError of the view becomes 503 with Retry-After, a SessionValidationError 401. An outage that
    ``flask.session`` meets is answered with 503 without it."""

    @functools.wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return view(*args, **kwargs)
        except RedisSessionError as error:
            raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
        except SessionValidationError as error:
            raise Unauthorized from error

    return wrapper
