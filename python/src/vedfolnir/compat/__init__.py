"""The names of the original application over the one core. Thin: every rule lives in the core.

What is here: ``RedisSessionManager``, ``RedisConfig``, their exceptions, ``SessionCookieManager`` and functions for
ids. docs/guide/flask.md lists what differs, and which of the original's names are not there yet.
"""

from ._config import RedisConfig
from ._cookies import SessionCookieManager, create_session_cookie_manager
from ._errors import (
    RedisSessionError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionValidationError,
)
from ._manager import RedisSessionManager, generate_session_id, validate_session_id

__all__ = [
    "RedisConfig",
    "RedisSessionError",
    "RedisSessionManager",
    "SessionCookieManager",
    "SessionExpiredError",
    "SessionNotFoundError",
    "SessionValidationError",
    "create_session_cookie_manager",
    "generate_session_id",
    "validate_session_id",
]
