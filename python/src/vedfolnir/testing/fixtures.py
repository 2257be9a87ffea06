"""pytest fixtures: ``pytest_plugins = ["vedfolnir.testing.fixtures"]``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask import Flask

from ..flask import Vedfolnir
from . import memory_options, outage


@pytest.fixture
def memory_sessions() -> Callable[[Flask], Vedfolnir]:
    """Gives an application sessions in memory: ``memory_sessions(app)``."""
    return lambda app: Vedfolnir(app, **memory_options())


@pytest.fixture
def session_outage() -> Callable[..., AbstractContextManager[None]]:
    """``with session_outage(app):`` sessions cannot be loaded or saved. ``load=False``: they can be loaded."""
    return outage
