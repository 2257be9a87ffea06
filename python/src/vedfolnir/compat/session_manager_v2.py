"""``SessionManagerV2`` of v60, over the one core."""

from __future__ import annotations

from typing import Any

from ._sessions import PLATFORM_KEY, CoreSessions
from .redis_session_backend import RedisSessionBackend

__all__ = ["SessionManagerV2"]


class SessionManagerV2(CoreSessions):
    """As ``RedisSessionManager``, on a backend. A session it creates also holds what v60 kept in it: the names of user
    and platform, where ``db_manager`` knows them."""

    def __init__(
        self, db_manager: Any, redis_backend: RedisSessionBackend, session_timeout: int = 7200
    ) -> None:
        self.redis_backend = redis_backend
        super().__init__(db_manager, redis_backend.core(session_timeout))

    def create_session(self, user_id: Any, platform_connection_id: Any = None) -> str:
        """Logs the user in without a request; the cookie value of the new session.

        Errors: SessionValidationError, for an unknown or inactive user or somebody else's platform."""
        platform_id = self._directory.platform_for(user_id, platform_connection_id)
        values: dict[str, Any] = {}
        if user := self._directory.user_info(user_id):
            values |= {name: user[name] for name in ("username", "email", "role")}
        if platform := self._directory.platform_info(platform_id):
            values |= {
                "platform_name": platform["name"],
                "platform_type": platform["platform_type"],
                "platform_instance_url": platform["instance_url"],
            }
        if platform_id is not None:
            values[PLATFORM_KEY] = platform_id
        return self._create(user_id, values)

    def switch_platform(self, session_id: str, platform_connection_id: Any) -> bool:
        """Audited. False for somebody else's platform, or no live session."""
        return self.update_platform_context(session_id, platform_connection_id)

    def cleanup_user_sessions(self, user_id: Any, keep_current: str | bool | None = True) -> int:
        """Ends the user's sessions, but by default the one of this request; how many."""
        return super().cleanup_user_sessions(user_id, keep_current)

    def get_session_stats(self) -> dict[str, Any]:
        total, users = 0, set()
        for info in self._live():
            total += 1
            users.add(info.user_id)
        return {
            "total_sessions": total,
            "unique_users": len(users),
            "avg_sessions_per_user": round(total / len(users), 2) if users else 0.0,
            "redis_health": self.redis_backend.health_check(),
        }
