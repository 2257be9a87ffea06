"""Which core a compatibility name works on."""

from __future__ import annotations

import os
from typing import Any

from flask import current_app, has_app_context

from .. import _core
from ..flask import EXTENSION_KEY, VedfolnirInterface
from ._config import REPLACED, RedisConfig, arguments_of


def open_core(redis: Any) -> _core.SessionManager:
    """Explicit connection settings replace those of the environment; nothing but defaults leaves them alone.

    Errors: ConfigurationError."""
    if redis == RedisConfig():
        return _core.SessionManager.open({}, dict(os.environ))
    environment = {name: text for name, text in os.environ.items() if name not in REPLACED}
    return _core.SessionManager.open(arguments_of(redis), environment)


def current_core() -> _core.SessionManager | None:
    """The core of the current application's ``Vedfolnir(app)``; None where there is none."""
    if not has_app_context():
        return None
    interface: VedfolnirInterface | None = current_app.extensions.get(EXTENSION_KEY)
    return None if interface is None else interface.manager
