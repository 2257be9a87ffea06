"""``session_factory``: the manager, and where sessions are kept."""

from __future__ import annotations

import os
from typing import Any

from .. import _core
from ._manager import RedisSessionManager
from ._open import current_core

__all__ = [
    "create_session_manager",
    "get_session_manager_type",
    "is_database_session_manager",
    "is_redis_session_manager",
]


def create_session_manager(
    db_manager: Any, config: Any = None, security_manager: Any = None, monitor: Any = None
) -> RedisSessionManager:
    """Inside an application with ``Vedfolnir(app)`` and without ``config``, over that application's core."""
    return RedisSessionManager(
        db_manager,
        config,
        security_manager=security_manager,
        monitor=monitor,
        manager=current_core() if config is None else None,
    )


def get_session_manager_type() -> str:
    """``redis``, ``database`` or ``memory``: where the records of sessions are."""
    core = current_core() or _core.SessionManager.open({}, dict(os.environ))
    return core.store


def is_redis_session_manager() -> bool:
    return get_session_manager_type() == "redis"


def is_database_session_manager() -> bool:
    return get_session_manager_type() == "database"
