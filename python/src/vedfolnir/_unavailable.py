"""The 503 that stands in for a response whose session could not be loaded or saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app
from werkzeug.exceptions import ServiceUnavailable

if TYPE_CHECKING:
    from flask import Response

RETRY_AFTER_SECONDS = 5
HEADERS = [
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Retry-After", str(RETRY_AFTER_SECONDS)),
    ("Cache-Control", "no-store"),
]


def body_of(trace_id: str) -> str:
    return f"Sessions are unavailable at the moment. Please try again.\nTrace: {trace_id}\n"


def use_own_page(response: Response, error: ServiceUnavailable) -> None:
    """Fills ``response``, in place, with what the application's error handlers make of ``error``, if that is a 503."""
    if _is_own_page(response):
        return
    try:
        raise error  # Flask looks at what is being handled.
    except ServiceUnavailable:
        try:
            made = current_app.handle_user_exception(error)
        except ServiceUnavailable:
            return  # TRAP_HTTP_EXCEPTIONS, and no handler.
    if made is error:
        return
    page = current_app.make_response(made)
    if not _is_own_page(page):
        page.close()
        return
    _empty(response)
    response.headers.extend(page.headers)
    response.status = page.status
    response.response = page.response
    response.call_on_close(page.close)


def force_unavailable(response: Response, trace_id: str) -> None:
    """Makes ``response`` that 503, in place. A 503 the application made itself keeps its body."""
    vary = response.headers.get("Vary")
    if _is_own_page(response):
        response.headers.remove("Set-Cookie")
        for name, value in HEADERS[1:]:
            response.headers[name] = value
    else:
        _empty(response)
        response.headers.extend(HEADERS)
        response.status_code = 503
        response.set_data(body_of(trace_id))
        if vary is not None:
            response.headers["Vary"] = vary
    response.vary.add("Cookie")


def _is_own_page(response: Response) -> bool:
    return response.status_code == 503 and not response.is_streamed


def _empty(response: Response) -> None:
    close = getattr(response.response, "close", None)
    if close is not None:
        close()
    response.direct_passthrough = False
    response.headers.clear()
