"""Sessions for the tests of applications: in memory, with outages on demand.

In a ``conftest.py``, ``pytest_plugins = ["vedfolnir.testing.fixtures"]`` brings the fixtures. Without pytest::

    Vedfolnir(app, **vedfolnir.testing.memory_options())
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from ..errors import StoreUnavailable
from ..flask import EXTENSION_KEY, VedfolnirInterface

__all__ = ["memory_options", "outage"]

LOADING = ("load", "load_named", "store_info", "ping")
SAVING = (
    "commit",
    "login_remembered",
    "create_named",
    "touch_named",
    "end",
    "end_user",
    "close_expired",
)


def memory_options() -> dict[str, object]:
    """Options of ``Vedfolnir(app, **memory_options())``: everything in this process, gone with it."""
    return {"store": "memory", "env": "testing", "key": secrets.token_hex(32)}


@contextmanager
def outage(app: Flask, *, load: bool = True, save: bool = True) -> Iterator[None]:
    """As long as it lasts, sessions of ``app`` cannot be loaded, or saved, as if Redis were away."""
    interface: VedfolnirInterface = app.extensions[EXTENSION_KEY]
    with interface.replaced(_Outage(interface.manager, load, save)):
        yield


class _Outage:
    """A manager some of whose calls fail; all others are passed on."""

    def __init__(self, manager: Any, load: bool, save: bool) -> None:
        self._manager = manager
        self._failing = {*(LOADING if load else ()), *(SAVING if save else ())}

    def __getattr__(self, name: str) -> Any:
        if name in self._failing:
            return self._fail
        return getattr(self._manager, name)

    def _fail(self, *arguments: object) -> Any:
        raise StoreUnavailable("The session store does not answer.", "an outage made by a test")
