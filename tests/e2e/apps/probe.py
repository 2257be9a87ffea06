"""A Flask application that uses its session in every way there is, and says what it received."""

from __future__ import annotations

import copy

from flask import Flask, request, session
from flask.typing import ResponseReturnValue
from vedfolnir import Vedfolnir

app = Flask(__name__)
app.config["SECRET_KEY"] = "only for tests"
Vedfolnir(app)


def subscript() -> str:
    try:
        return str(session["owner"])
    except KeyError:
        return ""


# Each shows to whom the session belongs, reaching it in one way only.
ACCESS = {
    "subscript": lambda: subscript(),
    "get": lambda: session.get("owner", ""),
    "in": lambda: str("owner" in session),
    "len": lambda: str(len(session)),
    "bool": lambda: str(bool(session)),
    "iteration": lambda: " ".join(session),
    "keys": lambda: " ".join(session.keys()),
    "values": lambda: " ".join(map(str, session.values())),
    "items": lambda: repr(list(session.items())),
    "dict": lambda: repr(dict(session)),
    "repr": lambda: repr(session),
    "equality": lambda: str(session == {"owner": "astrid"}),
    "copy": lambda: repr(copy.copy(dict(session.items()))),
    "setdefault": lambda: session.setdefault("owner", "nobody"),
    "pop": lambda: session.pop("absent", session.get("owner", "")),
    "permanent": lambda: str(session.permanent) + session.get("owner", ""),
}


@app.get("/healthz")
def healthz() -> ResponseReturnValue:
    return "ok"


@app.get("/untouched")
def untouched() -> ResponseReturnValue:
    return "the same for everybody"


@app.get("/access/<way>")
def access(way: str) -> ResponseReturnValue:
    return f"{way}: {ACCESS[way]()}"


@app.post("/become/<name>")
def become(name: str) -> ResponseReturnValue:
    session["owner"] = name
    return "written"


@app.post("/fill/<int:count>")
def fill(count: int) -> ResponseReturnValue:
    for number in range(count):
        session[f"key {number}"] = f"canary value {number} stays on the server"
    return "written"


@app.get("/received")
def received() -> ResponseReturnValue:
    """What we and what Werkzeug make of this request's Cookie header."""
    return {
        "ours": session.get("owner"),
        "werkzeug": request.cookies.getlist("session"),
        "header": request.headers.get("Cookie", ""),
    }


@app.get("/plant")
def plant() -> ResponseReturnValue:
    """Sends the Set-Cookie lines that the query asks for, as a neighbour on the same host could."""
    return "planted", [("Set-Cookie", line) for line in request.args.getlist("line")]
