"""One id leads from a request through the application's log lines to the sessions' and their audit."""

from __future__ import annotations

import logging

from flask import has_request_context

from .flask import current_session_object


def current_trace_id() -> str | None:
    """The trace id of this request (32 hexadecimal digits); None outside of one.

    It is that of the request's W3C ``traceparent`` header, else one of its own. Asks no store and loads no session."""
    if not has_request_context():
        return None
    session = current_session_object()
    return None if session is None else session.trace_id


class TraceFilter(logging.Filter):
    """Gives each record a ``trace_id`` for the format string: the current request's, or ``-``.

    ``handler.addFilter(vedfolnir.TraceFilter())``. On a handler, not on a logger: filters of loggers do not see what
    their children log. Drops nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.trace_id = current_trace_id() or "-"
        return True
