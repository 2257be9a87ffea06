"""Waiting under gevent and eventlet: through their hubs, so that a wait for Redis or SQL holds no other greenlet up.

To release the GIL frees other threads, not the hub: all greenlets of a thread are one thread to the system. What is
patched is looked at in each wait and not at import: a worker patches after it was forked from a preloaded application.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

Waiter = Callable[[int, float], None]

_modules = sys.modules


class _Late(Exception):  # noqa: N818  (never seen outside)
    """The time is up. A class of our own: a timeout that the application set must not be taken for it."""


def waiter() -> Waiter | None:
    """How the calling thread waits for a descriptor; None: by blocking, as nothing else runs on it."""
    if "gevent.monkey" in _modules and _modules["gevent.monkey"].is_module_patched("select"):
        return _gevent()
    if "eventlet.patcher" in _modules and _modules["eventlet.patcher"].is_monkey_patched("select"):
        return _eventlet()
    return None


def _gevent() -> Waiter | None:
    import gevent  # type: ignore[import-untyped]  # noqa: PLC0415  (there, as it patched)

    # The hub itself cannot wait for the hub.
    return None if gevent.getcurrent() is gevent.get_hub() else _wait_gevent


def _eventlet() -> Waiter | None:
    import eventlet.hubs  # type: ignore[import-untyped]  # noqa: PLC0415

    current = eventlet.getcurrent()
    return None if current is eventlet.hubs.get_hub().greenlet else _wait_eventlet


def _wait_gevent(fd: int, seconds: float) -> None:
    from gevent.socket import wait_read  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        wait_read(fd, timeout=seconds, timeout_exc=_Late())
    except _Late:
        return


def _wait_eventlet(fd: int, seconds: float) -> None:
    from eventlet.hubs import trampoline  # noqa: PLC0415

    try:
        trampoline(fd, read=True, timeout=seconds, timeout_exc=_Late)
    except _Late:
        return
