"""The last line: whatever escapes from Flask when the stores are ill becomes a 503, or an aborted stream.

An error handler, a teardown function or a generator may touch the session first. Flask lets an exception from there
out of ``wsgi_app``, where servers answer 500. Headers are held back until it is known that nothing escaped.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ._session import ENVIRON_KEY, Session
from ._unavailable import HEADERS, body_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Guard:
    """Wraps ``app.wsgi_app``."""

    def __init__(self, app: WSGIApplication) -> None:
        # The application's own method is held weakly, or the application would hold itself.
        self._application: Callable[[], WSGIApplication | None] = (
            weakref.WeakMethod(app) if inspect.ismethod(app) else lambda: app
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        application = self._application()
        if application is None:
            raise RuntimeError("the application is gone")
        start = _HeldStart(start_response)
        try:
            body = application(environ, start)
        except Exception:
            if start.released or not _unavailable(environ):
                raise
            return _answer_unavailable(environ, start_response)
        session = environ.get(ENVIRON_KEY)
        if isinstance(session, Session) and session.streams:
            return _GuardedStream(body, environ, start, start_response)
        start.release()
        return body


def _unavailable(environ: WSGIEnvironment) -> bool:
    session = environ.get(ENVIRON_KEY)
    return isinstance(session, Session) and session.unavailable


def _answer_unavailable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = body_of(environ[ENVIRON_KEY].trace_id).encode()
    headers = [*HEADERS, ("Vary", "Cookie"), ("Content-Length", str(len(body)))]
    start_response("503 SERVICE UNAVAILABLE", headers)
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]


class _HeldStart:
    """A ``start_response`` that waits for ``release()``."""

    def __init__(self, start_response: StartResponse) -> None:
        self._start_response = start_response
        self._arguments: tuple[Any, ...] | None = None
        self.released = False

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        arguments = (status, headers) if exc_info is None else (status, headers, exc_info)
        if self.released:
            return self._start_response(*arguments)
        self._arguments = arguments
        return self._write

    def _write(self, data: bytes) -> object:
        self.released = True
        return self._start_response(*(self._arguments or ()))(data)

    def release(self) -> None:
        if not self.released:
            self.released = True
            if self._arguments is not None:
                self._start_response(*self._arguments)


class _GuardedStream:
    """A streamed body: headers go with its first bytes."""

    def __init__(
        self,
        body: Iterable[bytes],
        environ: WSGIEnvironment,
        start: _HeldStart,
        start_response: StartResponse,
    ) -> None:
        self._body = body
        self._chunks = iter(body)
        self._environ = environ
        self._start = start
        self._start_response = start_response

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self._chunks)
            while not chunk and not self._start.released:
                chunk = next(self._chunks)
        except StopIteration:
            self._start.release()
            raise
        except Exception:
            if self._start.released or not _unavailable(self._environ):
                raise
            self._start.released = True
            self._chunks = iter(_answer_unavailable(self._environ, self._start_response))
            return next(self._chunks, b"")
        self._start.release()
        return chunk

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            session = self._environ.get(ENVIRON_KEY)
            if isinstance(session, Session):
                session.report_lost_changes()
