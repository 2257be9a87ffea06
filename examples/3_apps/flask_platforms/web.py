"""What every page shares: security headers, error pages, template helpers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import vedfolnir
from flask import Flask, Response, current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from .store import Store

THEMES = ("auto", "light", "dark")

# No script at all, no inline style, nothing from elsewhere.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

# Looked for in this order: most browsers also name the ones they descend from.
BROWSERS = (
    ("Edge", re.compile(r"Edg(?:e|A|iOS)?/(\d+)")),
    ("Opera", re.compile(r"OPR/(\d+)")),
    ("Firefox", re.compile(r"(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"(?:Chrom(?:e|ium)|CriOS)/(\d+)")),
    ("Safari", re.compile(r"Version/(\d+)\S* (?:Mobile/\S+ )?Safari/")),
    ("curl", re.compile(r"^curl/([\d.]+)")),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac", "Mac OS X"),
    ("ChromeOS", "CrOS"),
    ("Linux", "Linux"),
)

# Status -> (headline, explanation). These pages do not touch the session: some are about it.
ERRORS = {
    400: ("That did not arrive whole", "The request was not understood. Go back and try again."),
    404: ("Nothing at this address", "The page may have moved, or it belongs to somebody else."),
    405: ("Not this way", "This address answers to another kind of request."),
    413: ("Too much at once", "That is larger than the demo accepts."),
    500: (
        "Something broke on our side",
        "The fault is in the log. Nothing you did is lost in the session.",
    ),
    503: (
        "Sessions are taking a breath",
        "The session store does not answer. You are still signed in: nothing was cleared, and this "
        "page works again as soon as the store does.",
    ),
}


def demo_store() -> Store:
    store: Store = current_app.extensions["store"]
    return store


def init_app(app: Flask) -> None:
    app.after_request(_add_headers)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _error_page)
    app.add_template_filter(ago)
    app.add_template_filter(moment)
    app.add_template_filter(device_kind)
    app.add_template_filter(device_name)
    app.add_template_global(vedfolnir.session_cost)
    app.add_template_global(_asset_urls(app), "asset")


def ago(then: datetime, now: datetime | None = None) -> str:
    """How long since, as people say it."""
    seconds = max(0, int(((now or datetime.now(UTC)) - then).total_seconds()))
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'s' if count != 1 else ''} ago"
    return "just now"


def moment(value: datetime | str) -> datetime:
    """An aware datetime from itself or from ISO text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def device_name(device: str) -> str:
    """A user agent as people name the thing: "Firefox 132 on Linux". Unknown ones stay as they are."""
    browser = next(
        (f"{name} {found[1]}" for name, mark in BROWSERS if (found := mark.search(device))), None
    )
    system = next((name for name, mark in SYSTEMS if mark in device), None)
    if browser is None:
        return device[:60] or "Unknown device"
    return f"{browser} on {system}" if system else browser


def device_kind(device: str) -> str:
    """Which picture stands for a device."""
    text = device.lower()
    if any(word in text for word in ("iphone", "android", "mobile", "ipad", "ios")):
        return "phone"
    if any(word in text for word in ("curl", "python", "requests", "httpx", "wget")):
        return "terminal"
    return "laptop"


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    return response


def _csrf_error(error: CSRFError) -> ResponseReturnValue:
    page = render_template(
        "error.html",
        status=400,
        title="This form is out of date",
        text="You signed in or out since it was shown, or it came from another site. "
        "Open the page again and repeat.",
    )
    return page, 400


def _error_page(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if error.response is not None or 300 <= status < 400:
        return error
    title, text = ERRORS.get(status, (error.name, "The request could not be answered."))
    response = current_app.make_response(
        (render_template("error.html", status=status, title=title, text=text), status)
    )
    if status == 503:
        response.headers["Retry-After"] = dict(error.get_headers()).get("Retry-After", "5")
        response.headers["Cache-Control"] = "no-store"
    return response


def _asset_urls(app: Flask) -> Callable[[str], str]:
    """Addresses of static files that change with their content, so that caches may keep them."""
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 86400
    folder = Path(str(app.static_folder))
    digests = {
        path.name: sha256(path.read_bytes()).hexdigest()[:12]
        for path in sorted(folder.iterdir())
        if path.is_file()
    }
    return lambda name: url_for("static", filename=name, v=digests[name])
