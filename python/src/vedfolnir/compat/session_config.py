"""``session_config``: what the settings amount to, in the groups of the original."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from .. import _core
from ..errors import ConfigurationError

__all__ = ["SessionConfig", "get_session_config", "reload_session_config"]


@dataclass(frozen=True)
class SessionConfig:
    """Read-only: settings are changed in the environment (docs/reference/configuration.md)."""

    environment: str
    debug_mode: bool
    #: ``session_lifetime`` (idle) and ``absolute_lifetime``.
    timeout: Mapping[str, timedelta] = field(default_factory=dict)
    #: ``expired_sessions``: who forgets them.
    cleanup: Mapping[str, Any] = field(default_factory=dict)
    #: Nothing is configured here in this version.
    sync: Mapping[str, Any] = field(default_factory=dict)
    #: ``cookie_name`` and ``cookie_secure``.
    security: Mapping[str, Any] = field(default_factory=dict)
    #: Nothing is configured here in this version.
    monitoring: Mapping[str, Any] = field(default_factory=dict)
    #: ``storage``: redis, database or memory.
    features: Mapping[str, Any] = field(default_factory=dict)
    custom_settings: Mapping[str, Any] = field(default_factory=dict)
    _errors: tuple[str, ...] = ()
    _warnings: tuple[str, ...] = ()

    def validate_configuration(self) -> list[str]:
        """What is wrong or weak, a sentence each; empty if nothing is."""
        return [*self._errors, *self._warnings]

    def get_config_summary(self) -> dict[str, Any]:
        """All groups as plain values. No secret is among them."""
        return {
            "environment": self.environment,
            "debug_mode": self.debug_mode,
            "timeout": {name: int(time.total_seconds()) for name, time in self.timeout.items()},
            "cleanup": dict(self.cleanup),
            "sync": dict(self.sync),
            "security": dict(self.security),
            "monitoring": dict(self.monitoring),
            "features": dict(self.features),
            "custom_settings": dict(self.custom_settings),
        }


_lock = threading.Lock()
_current: SessionConfig | None = None


def get_session_config() -> SessionConfig:
    """Read from the environment at the first call. Settings that cannot be read are in ``validate_configuration()``."""
    with _lock:
        return _current or _replace()


def reload_session_config() -> SessionConfig:
    """Reads the environment again. Applications that are already running keep what they began with."""
    with _lock:
        return _replace()


def _replace() -> SessionConfig:
    global _current  # noqa: PLW0603  (the original's interface is a module-wide configuration)
    _current = _read()
    return _current


def _read() -> SessionConfig:
    environment = os.environ.get("VEDFOLNIR_ENV", "production")
    debug = environment == "development"
    try:
        core = _core.SessionManager.open({}, dict(os.environ))
    except ConfigurationError as error:
        return SessionConfig(environment, debug, _errors=tuple(str(error).splitlines()))
    return SessionConfig(
        environment=environment,
        debug_mode=debug,
        timeout={
            "session_lifetime": timedelta(seconds=core.idle_seconds),
            "absolute_lifetime": timedelta(seconds=core.absolute_seconds),
        },
        cleanup={"expired_sessions": "by their time to live"},
        security={"cookie_name": core.cookie_name, "cookie_secure": core.cookie_secure},
        features={"storage": core.store},
        _warnings=tuple(core.warnings),
    )
