"""``init_app`` and ``install``: the places where the original's code looks for its session objects."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask import g

from ..flask import EXTENSION_KEY, VedfolnirInterface

if TYPE_CHECKING:
    from flask import Flask
    from flask.ctx import _AppCtxGlobals

#: The old top-level modules; each is a module of this package.
MODULES = (
    "flask_redis_session",
    "flask_redis_session_interface",
    "redis_session_backend",
    "redis_session_middleware",
    "session_aware_decorators",
    "session_aware_user",
    "session_config",
    "session_cookie_manager",
    "session_error_handlers",
    "session_factory",
    "session_manager",
    "session_manager_v2",
    "session_middleware_v2",
    "simple_session_manager",
    "unified_session_manager",
)


def install(*names: str) -> None:
    """From here on ``import session_factory`` and the like find the modules of this package; all, or those named.

    Call it before the first such import. Errors: ImportError where another module of that name was imported already,
    or a name is none of ours; nothing is installed then."""
    wanted = names or MODULES
    unknown = sorted(set(wanted) - set(MODULES))
    if unknown:
        raise ImportError(f"vedfolnir.compat has no {', '.join(unknown)}")
    modules = {name: importlib.import_module(f"{__package__}.{name}") for name in wanted}
    taken = sorted(
        name for name, ours in modules.items() if sys.modules.get(name, ours) is not ours
    )
    if taken:
        raise ImportError(f"other modules of these names were imported before: {', '.join(taken)}")
    sys.modules.update(modules)


class RequestSessionManager:
    """``app.request_session_manager``: one database session of ``db_manager`` per application context."""

    def __init__(self, db_manager: Any) -> None:
        self.db_manager = db_manager

    def get_request_session(self) -> Any:
        """Opened at the first call; closed when the context ends."""
        if "_vedfolnir_db_session" not in g:
            g._vedfolnir_db_session = self.db_manager.get_session()
        return g._vedfolnir_db_session

    def close_request_session(self) -> None:
        db = g.pop("_vedfolnir_db_session", None)
        if db is None:
            return
        close = getattr(self.db_manager, "close_session", None)
        if close is None:
            db.close()
        else:
            close(db)

    @contextmanager
    def session_scope(self) -> Iterator[Any]:
        """Commits at the end, rolls back on an exception."""
        db = self.get_request_session()
        try:
            yield db
            db.commit()
        except BaseException:
            db.rollback()
            raise


def init_app(app: Flask, db_manager: Any = None, monitor: Any = None) -> None:
    """Puts the original's objects where its code looks for them. Call it after ``Vedfolnir(app)``.

    Attributes of ``app``: ``unified_session_manager``, ``session_cookie_manager``, ``request_session_manager``,
    ``session_monitor`` (what was passed). Keys of ``app.config``: ``session_manager``, ``db_manager``, and
    ``session_health_checker`` and ``session_alerting_system``, which are None in this version: nothing checks, and
    nothing alerts. In requests, ``g.session_id`` and ``g.session_context``."""
    from .session_cookie_manager import create_session_cookie_manager  # noqa: PLC0415
    from .unified_session_manager import UnifiedSessionManager  # noqa: PLC0415

    interface: VedfolnirInterface = app.extensions[EXTENSION_KEY]
    manager = UnifiedSessionManager(db_manager, monitor=monitor, manager=interface.manager)
    database = RequestSessionManager(db_manager)
    attributes = {
        "unified_session_manager": manager,
        "session_cookie_manager": create_session_cookie_manager(app.config),
        "request_session_manager": database,
        "session_monitor": monitor,
    }
    for name, value in attributes.items():
        setattr(app, name, value)
    app.config["session_manager"] = manager
    app.config["db_manager"] = db_manager
    app.config.setdefault("session_health_checker", None)
    app.config.setdefault("session_alerting_system", None)
    app.teardown_appcontext(lambda error: database.close_request_session())
    install_globals(app)


def install_globals(app: Flask) -> None:
    """``g.session_id`` and ``g.session_context``, asked of the session when they are first looked at: a request that
    looks at neither touches no session."""
    plain: type[_AppCtxGlobals] = app.app_ctx_globals_class
    if getattr(plain, "knows_sessions", False):
        return

    class Globals(plain):  # type: ignore[valid-type,misc]
        knows_sessions = True

        def __getattr__(self, name: str) -> Any:
            from . import redis_session_middleware as ours  # noqa: PLC0415

            if name == "session_id":
                return ours.get_current_session_id()
            if name == "session_context":
                return ours.get_current_session_context()
            return super().__getattr__(name)

    app.app_ctx_globals_class = Globals
