"""Pages that never touch the session: no cookie, no store access, served while Redis is away."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> ResponseReturnValue:
    return render_template("home.html")


@blueprint.get("/how-it-works")
def how_it_works() -> ResponseReturnValue:
    return render_template("how_it_works.html")


@blueprint.get("/signed-out")
def signed_out() -> ResponseReturnValue:
    return render_template("signed_out.html")


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """This process answers. It says nothing about Redis: `vedfolnir doctor` does."""
    return {"status": "ok"}
