"""``flask.session``: a lazy mapping over the core's view of one request's session."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from flask import g
from markupsafe import Markup
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.http import http_date
from werkzeug.wsgi import ClosingIterator

from . import _core
from ._mapping import SessionMapping
from ._unavailable import RETRY_AFTER_SECONDS, force_unavailable, use_own_page
from .errors import (
    BadValue,
    ConfigurationError,
    Conflict,
    Error,
    ReadOnly,
    StoreUnavailable,
    TooLarge,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from flask import Response

    from .flask import VedfolnirInterface

_T = TypeVar("_T")

log = logging.getLogger("vedfolnir")

#: Where the WSGI wrapper finds the session of a request.
ENVIRON_KEY: Final = "vedfolnir.session"

#: Exactly these types cannot change after they were handed out, so they are not encoded again at the commit.
UNCHANGING: Final = frozenset(
    {
        type(None), bool, int, float, str, bytes, dt.datetime, dt.date, dt.time, dt.timedelta, UUID, Decimal, Markup,
    }
)  # fmt: skip

#: Errors of a running request that mean "not now". A ConfigurationError among them: what a setting names (the folder of
#: the SQL file, a certificate) was there when the process started, and has gone.
UNAVAILABLE: Final = (StoreUnavailable, Conflict, ConfigurationError)


class SessionUnavailable(StoreUnavailable, ServiceUnavailable):
    """The 503 a request gets when its session could not be loaded or saved."""

    def __init__(self, cause: Error) -> None:
        ServiceUnavailable.__init__(self, retry_after=RETRY_AFTER_SECONDS)
        self.detail = cause.detail


class Session(SessionMapping):
    """One request's session. Nothing is asked of any store before the first real access.

    Behaves as Flask's own session for whoever reads and writes it. Values keep their types (docs/guide/flask.md);
    what was changed inside a value (a list appended to, a nested dict) is noticed when the response is made.
    """

    # What a request begins with stands in the class: one that never touches its session pays for none of it.

    #: What the request is to the core; made when it is first needed.
    _context: _core.RequestContext | None = None
    _unavailable: Error | None = None
    _sent = False
    #: The cookie of a login or logout that was committed before the response.
    _cookie: str | None = None
    #: The response is a stream that may still touch the session (see vedfolnir._wsgi).
    streams = False
    #: Then: what could be changed in place, as it was saved.
    _saved: Mapping[str, bytes] = MappingProxyType({})

    def __init__(self, interface: VedfolnirInterface, environ: WSGIEnvironment) -> None:
        self._interface = interface
        self._environ = environ
        environ[ENVIRON_KEY] = self

    # What Flask asks of a session object besides the mapping.

    @property
    def accessed(self) -> bool:
        """Whether the application read or wrote. Flask assigns this whenever the proxy is looked at; that does not
        count."""
        return self._loaded is not None

    @accessed.setter
    def accessed(self, value: bool) -> None:
        pass

    @property
    def modified(self) -> bool:
        """Whether anything changed, nested values included. Assign ``False`` to discard this request's changes."""
        if self._modified is not None:
            return self._modified
        return self._loaded is not None and not self._sent and self._store_nested_changes()

    @modified.setter
    def modified(self, value: bool) -> None:
        self._modified = bool(value)

    @property
    def new(self) -> bool:  # type: ignore[override]  # an attribute in the mixin
        """True while no stored session stands behind this one."""
        return not self._read().found

    @property
    def unavailable(self) -> bool:
        """The stores could not be asked: this request ends as a 503."""
        return self._unavailable is not None

    # What the helpers of vedfolnir do with it.

    @property
    def core(self) -> _core.Session:
        """The core's session, loaded."""
        return self._read()

    @property
    def cost(self) -> _core.SessionCost:
        """Loads nothing."""
        return (self._loaded or _core.Session()).cost

    @property
    def context(self) -> _core.RequestContext:
        self._read()
        return self._request_context()

    @property
    def trace_id(self) -> str:
        """Names this request in log lines and audit events. Loads nothing."""
        return self._request_context().trace_id

    def mark_login(self) -> None:
        """The application authenticated this user now: the id rotates with the response.

        CSRF secrets go at once, so that a form rendered in this same response carries a token of the new session."""
        core = self._write()
        core.mark_login()
        for key in self._interface.dropped_at_login:
            self.pop(key, None)
            if g:
                g.pop(key, None)

    def log_in_remembered(self, token: str) -> None:
        """A remember-me cookie named this user. Logs in at once, together with parallel requests of the same cookie;
        a session of its own (a cart, say) logs in with its own response. Audited as remembered."""
        core = self._write()
        core.mark_remembered()
        self._store_nested_changes()
        self._announce_lifetime(core)
        with self._guarded() as manager:
            result = manager.login_remembered(core, self._request_context(), token)
        if result.action == "none":
            return
        self._cookie = result.set_cookie or self._cookie
        self._values.clear()
        self._modified = None

    def commit_now(self) -> _core.CommitResult:
        """Commits before the response is made, and goes on with what stands afterwards. For login and logout."""
        core = self._write()
        self._store_nested_changes()
        with self._guarded() as manager:
            result = manager.commit(core, self._request_context())
        self._cookie = result.set_cookie or self._cookie
        pair = (result.set_cookie or "").partition(";")[0]
        cookie = "" if pair.endswith("=") else pair
        self._context = self._request_context().with_cookie(cookie.encode("ascii"))
        self._values = {}
        self._modified = None
        # Whoever touches the session from here on loads what the commit left; what was committed takes no more writes.
        del self._loaded
        self._read()
        return result

    # Loading and committing.

    def _read(self) -> _core.Session:
        return self._loaded or self._load()

    def _load(self) -> _core.Session:
        """Threads and greenlets of one request may come at once (flask.copy_current_request_context). None waits for
        another, as no lock suits threads, gevent and eventlet alike: each loads, and all take what the first of them
        got. An answer goes before a failure that comes later."""
        manager, context = self._interface.manager, self._request_context()
        self._set_once("_values", {})
        try:
            mine = manager.load(context)
        except UNAVAILABLE as error:
            mine = _core.Session()  # From here on this request reads an empty session.
            core = self._set_once("_loaded", mine)
            if core is mine:
                self.mark_unavailable(error)
                raise SessionUnavailable(error) from error
        else:
            core = self._set_once("_loaded", mine)
        if core is not mine and self._unavailable is not None:
            raise SessionUnavailable(self._unavailable)
        return core

    def _set_once(self, name: str, value: _T) -> _T:
        """What the attribute is afterwards: as another thread set it before, else ``value``."""
        now: _T = self.__dict__.setdefault(name, value)  # One step under the GIL.
        return now

    def _request_context(self) -> _core.RequestContext:
        return self._context or self._set_once("_context", self._make_context())

    def _make_context(self) -> _core.RequestContext:
        environ = self._environ
        return _core.RequestContext(
            environ.get("HTTP_COOKIE", "").encode("latin-1", "replace"),
            environ.get("HTTP_USER_AGENT", ""),
            environ.get("REMOTE_ADDR", ""),
            False,
            environ.get("HTTP_TRACEPARENT", ""),
        )

    def _cookie_again(self) -> None:
        self._request_context().cookie_again = True

    def _write(self) -> _core.Session:
        core = self._read()
        if self._unavailable is not None:
            raise ReadOnly(
                "The session could not be loaded or saved in this request; it cannot be written."
            )
        if self._sent:
            raise ReadOnly(
                "The session was saved with the response's headers; it cannot be written any more."
            )
        return core

    def _guarded(self) -> _Guarded:
        # Asked for out here: an app.config that was made invalid is an error to see, not a 503 to wait out.
        return _Guarded(self, self._interface.manager)

    def mark_unavailable(self, error: Error) -> None:
        self._unavailable = error
        # Some errors have no words but those for operators.
        more = error.detail not in ("", str(error))
        why = f"{error} ({error.detail})" if more else str(error)
        log.warning("session unavailable, answering 503: %s [trace %s]", why, self.trace_id)

    def _store_nested_changes(self) -> bool:
        """Encodes again what could have been changed in place. True if anything had been."""
        core = self._loaded
        if core is None:
            return False
        changed = [
            core.set_if_changed(key, value)
            for key, value in self._values.items()
            if type(value) not in UNCHANGING
        ]
        return any(changed)

    def _encode_changeable(self) -> dict[str, bytes]:
        """What could be changed in place, encoded as it stands."""
        core = self._loaded
        if core is None or self._unavailable is not None or self._modified is False:
            return {}
        encoded = {}
        for key, value in self._values.items():
            if type(value) not in UNCHANGING:
                try:
                    encoded[key] = core.encode(key, value)
                except (BadValue, TooLarge):
                    encoded[key] = b""  # What it is now could not have been saved.
        return encoded

    def report_lost_changes(self) -> None:
        """A streamed body is at its end: what it changed inside values is lost, and that is said."""
        core = self._loaded
        if core is None:
            return
        lost = [
            key
            for key, now in self._encode_changeable().items()
            if now != (self._saved[key] if key in self._saved else core.encoded(key))
        ]
        if not lost:
            return
        self._interface.manager.count_lost_changes(len(lost))
        log.error(
            "lost: a streamed body changed what is inside session[%s], but the session was saved with the headers; "
            "change it before the response is returned [trace %s]",
            "], session[".join(map(repr, lost)),
            self.trace_id,
        )

    def save(self, response: Response) -> None:
        """Commits once and says in the headers what that means. Flask calls this after all after_request functions;
        a second time if saving raised."""
        first, self._sent = not self._sent, True
        if self._unavailable is None and first:
            self._commit(response)
        if self._unavailable is not None:
            try:
                if first:
                    self._use_own_page(response, SessionUnavailable(self._unavailable))
            finally:
                force_unavailable(response, self.trace_id)
            return
        # A generator may read the session when the headers are gone: whoever caches must know already.
        self.streams = _may_touch_while_sent(response)
        if self.streams:
            self._saved = self._encode_changeable()
        if self._loaded is not None or self.streams:
            _vary_by_cookie(response)
        if self._cookie is not None:
            response.headers.add("Set-Cookie", self._cookie)
            response.headers["Cache-Control"] = "no-store"
            self._cookie = None

    def _use_own_page(self, response: Response, error: SessionUnavailable) -> None:
        # The page reads an empty session, as after a load that failed: what it could read was not saved.
        before = self._loaded, self._values
        self._loaded, self._values = _core.Session(), {}
        try:
            use_own_page(response, error)
        finally:
            self._loaded, self._values = before

    def _commit(self, response: Response) -> None:
        core = self._loaded
        if core is None or self._modified is False:
            return
        manager = self._interface.manager
        context = self._request_context()
        try:
            self._store_nested_changes()
            if not manager.commit_due(core, context):
                return  # What most requests are: they read.
            lifetime = self._announce_lifetime(core)
            if self._modified and core.found and not core.keys():
                core.clear()  # Emptied by the application: as in Flask, the session and its cookie go.
            result = manager.commit(core, context)
        except UNAVAILABLE as error:
            self.mark_unavailable(error)
            return
        except (BadValue, TooLarge):
            self._end_if_logged_out(core)
            raise
        cookie = result.set_cookie
        if cookie is not None and lifetime is not None:
            cookie = _with_expires(cookie)
        self._cookie = cookie or self._cookie

    def _announce_lifetime(self, core: _core.Session) -> dt.timedelta | None:
        """How long the browser is to keep the cookie of a permanent session; None for any other."""
        if not self._is_permanent(core):
            return None
        lifetime = self._interface.permanent_lifetime
        setattr(self._request_context(), self._lifetime_field, int(lifetime.total_seconds()))
        return lifetime

    #: A login as another user or a logout in this request may leave a session that is not permanent any more.
    _lifetime_field = "permanent_max_age"

    def _is_permanent(self, core: _core.Session) -> bool:
        return core.get("_permanent", False) is True

    def _end_if_logged_out(self, core: _core.Session) -> None:
        """What cannot be saved does not undo a logout of the same request."""
        if core.user_id and not any(core.contains(key) for key in self._interface.identity_keys):
            self._interface.manager.end(core.handle or "", "logout", "user", "", self.trace_id)


def _with_expires(cookie: str) -> str:
    """Flask spells a permanent session's lifetime as Expires: the same as Max-Age, where that stands alone. Another
    user's session may not last."""
    max_age = re.search(r"; Max-Age=(\d+)", cookie)
    if max_age is None or "; Expires=" in cookie:
        return cookie
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=int(max_age[1]))
    return f"{cookie}; Expires={http_date(until)}"


def _vary_by_cookie(response: Response) -> None:
    """As ``response.vary.add("Cookie")``; the usual case, a response without the header, without parsing it."""
    if "Vary" in response.headers:
        response.vary.add("Cookie")
    else:
        response.headers["Vary"] = "Cookie"


def _may_touch_while_sent(response: Response) -> bool:
    """Whether the body is made by the application while it is sent. A file is not, nor is what Werkzeug makes of an
    exception or a WSGI application that a view returned (a chain or a ClosingIterator)."""
    if response.direct_passthrough or not response.is_streamed:
        return False
    return not isinstance(response.response, itertools.chain | ClosingIterator)


class _Guarded:
    """Turns "the stores could not say" into the 503 of this request."""

    def __init__(self, session: Session, manager: _core.SessionManager) -> None:
        self._session = session
        self._manager = manager

    def __enter__(self) -> _core.SessionManager:
        return self._manager

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, UNAVAILABLE) and not isinstance(error, SessionUnavailable):
            self._session.mark_unavailable(error)
            raise SessionUnavailable(error) from error
