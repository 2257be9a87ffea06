"""The Flask extension: ``Vedfolnir(app)``, then plain ``flask.session``."""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, has_app_context, request
from flask import session as flask_session
from flask.sessions import SessionInterface

from . import _core
from ._session import Session
from ._settings import COOKIE_NAMES, arguments_as_text, framework_as_text
from ._wsgi import Guard

if TYPE_CHECKING:
    from flask import Request, Response
    from flask.sessions import SessionMixin

log = logging.getLogger("vedfolnir")

EXTENSION_KEY = "vedfolnir"


class Vedfolnir:
    """Keeps the sessions of a Flask application in Redis, with their audit trail in SQL.

    ``Vedfolnir(app)`` or, with an application factory, ``Vedfolnir()`` and later ``init_app(app)``. Options are the
    names of the reference in lower case, without their ``REDIS_``, ``SESSION_`` or ``VEDFOLNIR_``:
    ``Vedfolnir(app, redis_url="redis://…", cookie_secure=True, state_dir="/var/lib/shop")``. They go before the
    environment, and the environment goes before ``app.config``.

    Opens no connection and starts no thread before the first session is touched, and starts anew after a fork.
    Errors: ConfigurationError, naming every setting that has to be changed.
    """

    def __init__(self, app: Flask | None = None, **options: object) -> None:
        self._options = options
        self._latest: VedfolnirInterface | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        interface = VedfolnirInterface(app, self._options)
        app.extensions[EXTENSION_KEY] = interface
        app.session_interface = interface
        app.wsgi_app = Guard(app.wsgi_app)  # type: ignore[method-assign]
        interface.follow_flask_login(app)
        self._latest = interface

    @property
    def manager(self) -> _core.SessionManager:
        """The core's manager of the current application, or of the one initialised last."""
        interface = self._latest
        if has_app_context():
            interface = current_app.extensions.get(EXTENSION_KEY, interface)
        if interface is None:
            raise RuntimeError("Vedfolnir has no application yet: call init_app(app) first")
        return interface.manager


class VedfolnirInterface(SessionInterface):
    """What Flask asks: opens and saves the session of each request."""

    session_class: type[Session] = Session

    def __init__(self, app: Flask, options: dict[str, object]) -> None:
        # An application is freed with its last reference (Flask promises that), so nothing here may hold one.
        self._app_reference = weakref.ref(app)
        self._arguments = arguments_as_text(options)
        self._lock = threading.Lock()
        self._open()

    @property
    def _app(self) -> Flask:
        app = self._app_reference()
        if app is None:
            raise RuntimeError("the application is gone")
        return app

    def _open(self) -> None:
        config = self._app.config
        cookie_settings = tuple(map(config.get, COOKIE_NAMES))
        manager = _core.SessionManager.open(
            self._arguments, dict(os.environ), framework_as_text(config)
        )
        for warning in manager.warnings:
            log.warning(warning)
        self.request_local = frozenset(manager.request_local_keys)
        self.identity_keys = tuple(manager.identity_keys)
        #: Under which name the value of a key is kept: twins share one. Keys without a twin are not listed.
        self.stored_names = {name: names[0] for names in manager.twin_keys for name in names}
        self._dropped_at_login = tuple(manager.dropped_at_login)
        self._permanent_seconds = manager.permanent_lifetime
        # Last: settings that were refused are refused again, by every request until they are mended.
        self._manager = manager
        self._cookie_settings = cookie_settings

    @property
    def manager(self) -> _core.SessionManager:
        """The core's manager. Made anew when the cookie settings in ``app.config`` changed since it was opened."""
        if tuple(map(self._app.config.get, COOKIE_NAMES)) != self._cookie_settings:
            with self._lock:
                self._open()
        return self._manager

    @contextmanager
    def replaced(self, manager: Any) -> Iterator[None]:
        """For tests: another object answers in the manager's place."""
        self._manager, before = manager, self._manager
        try:
            yield
        finally:
            self._manager = before

    @property
    def dropped_at_login(self) -> tuple[str, ...]:
        """Keys that no login keeps: CSRF secrets, Flask-WTF's under the name it is configured to."""
        field = self._app.config.get("WTF_CSRF_FIELD_NAME")
        return self._dropped_at_login if field is None else (*self._dropped_at_login, field)

    @property
    def permanent_lifetime(self) -> dt.timedelta:
        """How long the cookie of a permanent session lives in the browser."""
        if self._permanent_seconds is not None:
            return dt.timedelta(seconds=self._permanent_seconds)
        return self._app.permanent_session_lifetime

    def open_session(self, app: Flask, request: Request) -> Session:
        return self.session_class(self, request.environ)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if isinstance(session, Session):
            session.save(response)

    def follow_flask_login(self, app: Flask) -> None:
        """Learns of logins from Flask-Login's signals, where it is installed."""
        try:
            import flask_login  # type: ignore[import-untyped]  # noqa: PLC0415  (optional)
        except ImportError:
            return
        flask_login.user_logged_in.connect(self._on_login, app)
        flask_login.user_login_confirmed.connect(self._on_login, app)
        flask_login.user_loaded_from_cookie.connect(self._on_remembered, app)

    def _on_login(self, sender: Flask, **details: Any) -> None:
        session = current_session_object()
        if session is not None:
            session.mark_login()

    def _on_remembered(self, sender: Flask, **details: Any) -> None:
        session = current_session_object()
        if session is None:
            return
        name = sender.config.get("REMEMBER_COOKIE_NAME", "remember_token")
        session.log_in_remembered(request.cookies.get(name, ""))


def current_session_object() -> Session | None:
    """The session of this request if it is one of ours."""
    session = flask_session._get_current_object()  # type: ignore[attr-defined]
    return session if isinstance(session, Session) else None
