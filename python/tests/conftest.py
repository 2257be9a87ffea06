"""Fixtures of the unit tests: applications with sessions in memory. No server, no file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from vedfolnir import Vedfolnir
from vedfolnir.testing import memory_options

pytest_plugins = ["vedfolnir.testing.fixtures"]

MakeApp = Callable[..., Flask]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in os.environ:
        if name.startswith(("SESSION_", "REDIS_", "VEDFOLNIR_")):
            monkeypatch.delenv(name)


@pytest.fixture
def make_app() -> MakeApp:
    def make(config: dict[str, Any] | None = None, **options: object) -> Flask:
        app = Flask(__name__)
        app.secret_key = "only Flask's own signatures hang on this"
        app.config.update(config or {})
        Vedfolnir(app, **{**memory_options(), **options})
        return app

    return make


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def counters(app: Flask) -> Callable[[], Any]:
    """What the core counted so far."""
    return lambda: app.extensions["vedfolnir"].manager.counters()
