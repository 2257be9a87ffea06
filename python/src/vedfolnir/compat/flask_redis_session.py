"""``flask_redis_session``: sessions of an application in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._errors import RedisSessionError
from ._open import current_core
from ._sessions import CoreSessions, data_of, seconds_left
from .flask_redis_session_interface import FlaskRedisSessionInterface

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["get_session_info", "init_redis_session"]


def init_redis_session(
    app: Flask, redis_client: Any = None, prefix: str | None = None, timeout: int | None = None
) -> FlaskRedisSessionInterface:
    """Sets ``app.session_interface``, on the Redis that ``redis_client`` speaks to (by default the configured one).

    Errors: ConfigurationError, naming every setting that has to be changed."""
    interface = FlaskRedisSessionInterface(redis_client, prefix, timeout)
    interface.bind(app)
    app.session_interface = interface
    return interface


def get_session_info(redis: Any, session_id: str, prefix: str | None = None) -> dict[str, Any]:
    """``session_id`` (the handle), ``exists``, ``ttl`` in seconds, ``data_keys`` and ``data_size`` in bytes as encoded.

    For the current application's sessions; ``redis`` and ``prefix`` are not used. A name without a live session:
    ``exists`` is False, and ``session_id`` None."""
    core = current_core()
    if core is None:
        raise RedisSessionError("get_session_info needs an application with Vedfolnir(app)")
    sessions = CoreSessions(None, core)
    session = sessions._load(session_id)
    if session is None:
        return {"session_id": None, "exists": False, "ttl": None, "data_keys": [], "data_size": 0}
    keys = list(data_of(session))
    return {
        "session_id": session.handle,
        "exists": True,
        "ttl": seconds_left(session, sessions.session_timeout),
        "data_keys": keys,
        "data_size": sum(len(session.encoded(key) or b"") for key in keys),
    }
