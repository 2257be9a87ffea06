"""The 503 that stands in for a response whose session could not be loaded or saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def force_unavailable(response: Response, trace_id: str) -> None:
    """Makes ``response`` that 503, in place. A 503 the application made itself keeps its body."""
    vary = response.headers.get("Vary")
    if response.status_code == 503 and not response.is_streamed:
        response.headers.remove("Set-Cookie")
        for name, value in HEADERS[1:]:
            response.headers[name] = value
    else:
        close = getattr(response.response, "close", None)
        if close is not None:
            close()
        response.direct_passthrough = False
        response.headers.clear()
        response.headers.extend(HEADERS)
        response.status_code = 503
        response.set_data(body_of(trace_id))
        if vary is not None:
            response.headers["Vary"] = vary
    response.vary.add("Cookie")
