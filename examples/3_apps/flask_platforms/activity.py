"""Activity: what the audit has on record about this user's sessions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from .web import demo_store, device_name

blueprint = Blueprint("activity", __name__)

SHOWN_MAX = 50
# Event type -> (words, drawing).
KINDS = {
    "session.created": ("Signed in", "key"),
    "session.remembered": ("Signed in by the remembered device", "key"),
    "session.reauthenticated": ("Signed in again", "key"),
    "session.platform_switched": ("Switched the platform", "stack"),
    "session.ended": ("Session ended", "out"),
    "session.inspected": ("Looked at by an operator", "info"),
}
REASONS = {
    "logout": "signed out",
    "ended_by_user": "ended from another device",
    "ended_by_operator": "ended by an operator",
}


@dataclass(frozen=True)
class Line:
    """One event, in words."""

    at: datetime
    title: str
    icon: str
    detail: str
    handle: str


@blueprint.get("/activity")
@login_required
def show() -> ResponseReturnValue:
    manager = current_app.extensions["vedfolnir"].manager
    platforms = {str(p.id): p.name for p in demo_store().platforms(current_user.id)}
    entries = manager.audit(user_id=current_user.get_id(), limit=SHOWN_MAX)
    lines = []
    for entry in entries:
        title, icon = KINDS.get(entry.type, (entry.type, "info"))
        detail = _in_words(json.loads(entry.detail or "{}"), platforms)
        lines.append(Line(entry.at, title, icon, detail, entry.handle or ""))
    return render_template("activity.html", lines=lines)


def _in_words(detail: dict[str, str], platforms: dict[str, str]) -> str:
    if "to" in detail:
        before = platforms.get(detail.get("from", ""), "the first one")
        return f"{before} → {platforms.get(detail['to'], detail['to'])}"
    if "reason" in detail:
        reason = REASONS.get(detail["reason"], detail["reason"])
        return f"{reason}, all but one" if detail.get("scope") == "user" else reason
    return device_name(detail["device"]) if "device" in detail else ""
