"""``config.redis`` of the original application."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from .. import _core


@dataclass
class RedisConfig:
    """Where Redis is. ``url`` wins over the single fields where it is set."""

    url: str | None = field(default=None, repr=False)
    host: str = "localhost"
    port: int = 6379
    db: int = 0
    password: str | None = field(default=None, repr=False)
    ssl: bool = False
    session_prefix: str = "vedfolnir:session:"
    session_timeout: int = 7200
    #: Read by nothing in this version: expired records leave Redis by their time to live.
    cleanup_interval: int = 3600

    @classmethod
    def from_env(cls) -> RedisConfig:
        """Reads the documented ``REDIS_*`` variables. Errors: ConfigurationError, naming the variable."""
        found = _core.redis_settings({}, dict(os.environ))
        return cls(
            url=os.environ.get("REDIS_URL") or None,
            host=found["host"],
            port=found["port"],
            db=found["db"],
            password=found["password"] or None,
            ssl=found["ssl"],
            session_prefix=found["session_prefix"],
            session_timeout=found["session_timeout"],
        )


#: Connection names that an explicit configuration replaces, in the environment too.
REPLACED = tuple(
    f"REDIS_{name}"
    for name in ("URL", "URL_FILE", "HOST", "PORT", "DB", "PASSWORD", "PASSWORD_FILE", "SSL")
)


def arguments_of(config: object) -> dict[str, str]:
    """The settings in a ``RedisConfig``, or in any object with some of its fields."""
    url = getattr(config, "url", None)
    if url:
        names: dict[str, Any] = {"redis_url": url}
    else:
        names = {
            "redis_host": getattr(config, "host", None),
            "redis_port": getattr(config, "port", None),
            "redis_db": getattr(config, "db", None),
            "redis_password": getattr(config, "password", None),
            "redis_ssl": getattr(config, "ssl", None),
        }
    names["redis_session_prefix"] = getattr(config, "session_prefix", None)
    names["redis_session_timeout"] = getattr(config, "session_timeout", None)
    return {name: _text(value) for name, value in names.items() if value is not None}


def _text(value: object) -> str:
    seconds = getattr(value, "total_seconds", None)
    if seconds is not None:
        return str(int(seconds()))
    return str(value).lower() if isinstance(value, bool) else str(value)
