"""The names of the original application over the one core. Thin: every rule lives in the core.

docs/reference/compat.md lists them all. ``init_app(app, db_manager)`` sets the attributes that the original's code
looks for on the application; ``install()`` makes its old top-level modules importable.
"""

from ._config import RedisConfig
from ._errors import (
    RedisSessionError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionValidationError,
)
from ._init import RequestSessionManager, init_app, install
from ._manager import RedisSessionManager
from ._sessions import generate_session_id, validate_session_id
from .flask_redis_session import init_redis_session
from .flask_redis_session_interface import FlaskRedisSessionInterface
from .redis_session_backend import RedisSessionBackend
from .session_aware_user import SessionAwareUser
from .session_config import SessionConfig, get_session_config, reload_session_config
from .session_cookie_manager import SessionCookieManager, create_session_cookie_manager
from .session_factory import create_session_manager
from .session_manager import SessionManager
from .session_manager_v2 import SessionManagerV2
from .unified_session_manager import UnifiedSessionManager

__all__ = [
    "FlaskRedisSessionInterface",
    "RedisConfig",
    "RedisSessionBackend",
    "RedisSessionError",
    "RedisSessionManager",
    "RequestSessionManager",
    "SessionAwareUser",
    "SessionConfig",
    "SessionCookieManager",
    "SessionExpiredError",
    "SessionManager",
    "SessionManagerV2",
    "SessionNotFoundError",
    "SessionValidationError",
    "UnifiedSessionManager",
    "create_session_cookie_manager",
    "create_session_manager",
    "generate_session_id",
    "get_session_config",
    "init_app",
    "init_redis_session",
    "install",
    "reload_session_config",
    "validate_session_id",
]
