"""The documented module: ``from redis_session_manager import RedisSessionManager``. It is vedfolnir.compat."""

from vedfolnir.compat import (
    RedisConfig,
    RedisSessionError,
    RedisSessionManager,
    SessionExpiredError,
    SessionNotFoundError,
    SessionValidationError,
)

__all__ = [
    "RedisConfig",
    "RedisSessionError",
    "RedisSessionManager",
    "SessionExpiredError",
    "SessionNotFoundError",
    "SessionValidationError",
]
