"""Python values as the text that the settings reader of the core takes."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping

from .errors import ConfigurationError

#: What Flask and this product read from ``app.config``; other names there are none of our business.
PREFIXES = ("SESSION_", "REDIS_", "VEDFOLNIR_")
#: Flask's own cookie settings: they may change until, and in tests between, requests.
COOKIE_NAMES = (
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_PATH",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_SAMESITE",
    "SESSION_COOKIE_PARTITIONED",
    "APPLICATION_ROOT",
    "PERMANENT_SESSION_LIFETIME",
)
#: Clients that Flask-Session is given there. That one is set is worth a warning; what it is, nobody reads.
FLASK_SESSION_CLIENTS = (
    "SESSION_REDIS",
    "SESSION_MEMCACHED",
    "SESSION_CACHELIB",
    "SESSION_MONGODB",
    "SESSION_SQLALCHEMY",
    "SESSION_DYNAMODB",
)


def as_text(name: str, value: object) -> str:
    """Spells one value. Errors: ConfigurationError for what cannot be a setting."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dt.timedelta):
        return str(int(value.total_seconds()))
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        return ",".join(str(item) for item in value)
    raise ConfigurationError(f"{name}: cannot read a setting from {type(value).__name__}")


def arguments_as_text(arguments: Mapping[str, object]) -> dict[str, str]:
    """Explicit arguments; ``None`` means "not given"."""
    return {
        "storage" if name == "store" else name: as_text(name, value)
        for name, value in arguments.items()
        if value is not None
    }


def framework_as_text(config: Mapping[str, object]) -> dict[str, str]:
    """Our part of ``app.config``. Objects that only other extensions understand are left out."""
    found = {}
    for name, value in config.items():
        if not (name.startswith(PREFIXES) or name == "PERMANENT_SESSION_LIFETIME"):
            continue
        if isinstance(value, bool | str | int | float | dt.timedelta | os.PathLike):
            found[name] = as_text(name, value)
        elif name in FLASK_SESSION_CLIENTS and value is not None:
            found[name] = type(value).__name__
    root = config.get("APPLICATION_ROOT")
    if not found.get("SESSION_COOKIE_PATH") and isinstance(root, str):
        found["SESSION_COOKIE_PATH"] = root
    return found
