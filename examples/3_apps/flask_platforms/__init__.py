"""The demo: Flask, Flask-Login and Flask-WTF, unmodified, on Vedfolnir Sessions.

Everything that concerns sessions is one line, ``Vedfolnir(app)``; from there on the application
uses ``flask.session`` and Flask-Login as any other, and ``vedfolnir.sessions`` for its devices.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from vedfolnir import Vedfolnir

from . import accounts, activity, desk, devices, pages, web
from .store import Store


def create_app() -> Flask:
    """Makes the application; configuration comes from the environment (see README.md)."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ.get("FLASK_SECRET_KEY") or secrets.token_hex(),
        # A form lives as long as the session that rendered it, and not by a clock of its own.
        WTF_CSRF_TIME_LIMIT=None,
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_SECURE=os.environ.get("SESSION_COOKIE_SECURE", "true").lower() != "false",
        MAX_CONTENT_LENGTH=64 * 1024,
    )
    database = os.environ.get("DEMO_DATABASE") or Path(app.instance_path) / "demo.sqlite3"
    app.extensions["store"] = Store(Path(database))

    Vedfolnir(app)
    CSRFProtect(app)
    accounts.init_app(app)
    web.init_app(app)
    for module in (pages, accounts, desk, devices, activity):
        app.register_blueprint(module.blueprint)
    return app
