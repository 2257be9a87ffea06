"""Your devices: every place this user is signed in, and the buttons that end a session there."""

from __future__ import annotations

import vedfolnir
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

blueprint = Blueprint("devices", __name__)


@blueprint.get("/devices")
@login_required
def show() -> ResponseReturnValue:
    sessions = vedfolnir.sessions()
    here = [info for info in sessions if info.is_current]
    others = [info for info in sessions if not info.is_current]
    return render_template("devices.html", here=here, others=others)


@blueprint.post("/devices/end")
@login_required
def end_one() -> ResponseReturnValue:
    ending = vedfolnir.end_session(request.form.get("handle", ""))
    if ending == "absent":
        flash("That session had already ended.", "info")
    else:
        flash(f"Session ended. {_when(ending)}", "success")
    return redirect(url_for("devices.show"))


@blueprint.post("/devices/end-others")
@login_required
def end_others() -> ResponseReturnValue:
    count = vedfolnir.end_other_sessions()
    if count:
        noun = "one other session" if count == 1 else f"{count} other sessions"
        flash(f"Ended {noun}. {_when('ended')}", "success")
    else:
        flash("There was no other session to end.", "info")
    return redirect(url_for("devices.show"))


def _when(ending: str) -> str:
    if ending == "pending":
        return "The audit database is away; the ending is in force here and will be recorded."
    return "Its next request is signed out."
