"""``RedisSessionManager``: sessions by name, outside of any request."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from .. import _core
from ._client import redis_client_of
from ._config import RedisConfig
from ._errors import translated
from ._open import open_core
from ._sessions import CoreSessions


class RedisSessionManager(CoreSessions):
    """The documented manager, over the core: the same sessions that ``flask.session`` shows.

    ``config`` is a ``RedisConfig`` (``config.redis``); without it the single arguments count. All other settings come
    from the environment. Errors: ConfigurationError at construction.
    """

    def __init__(
        self,
        db_manager: Any,
        config: Any = None,
        redis_host: str = "localhost",
        redis_port: int = 6379,
        redis_db: int = 0,
        redis_password: str | None = None,
        redis_ssl: bool = False,
        security_manager: Any = None,
        monitor: Any = None,
        *,
        manager: _core.SessionManager | None = None,
    ) -> None:
        self.config = config
        self.security_manager = security_manager
        self.monitor = monitor
        if config is None:
            redis = RedisConfig(None, redis_host, redis_port, redis_db, redis_password, redis_ssl)
        else:
            # A whole configuration, or its `redis` part.
            redis = getattr(config, "redis", config)
        super().__init__(db_manager, manager or open_core(redis))

    @property
    def session_prefix(self) -> str:
        return self._manager.prefix

    @property
    def user_sessions_prefix(self) -> str:
        """Where a user's index begins; the full layout is in docs/internals/redis_keys.md."""
        return self._manager.prefix

    @property
    def session_index_prefix(self) -> str:
        return self._manager.prefix

    @cached_property
    def redis_client(self) -> Any:
        """A redis-py client to the same Redis, for the application's own keys; sessions are sealed.

        Errors: RedisSessionError, where sessions are not in Redis or redis-py is not installed."""
        return redis_client_of(self._manager)

    def get_session_stats(self) -> dict[str, int | None]:
        """Live authenticated sessions, and Redis' own figures (memory in bytes): None where Redis does not tell
        them, because its user has no permission for INFO or sessions are not in Redis."""
        with translated():
            info = self._manager.store_info()
        return {
            "total_sessions": sum(1 for _ in self._live()),
            "redis_connected_clients": info.connected_clients,
            "redis_used_memory": info.used_memory,
            "redis_keyspace_hits": info.keyspace_hits,
            "redis_keyspace_misses": info.keyspace_misses,
        }
