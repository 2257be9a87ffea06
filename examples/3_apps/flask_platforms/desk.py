"""The desk: the platform switcher, drafts (in the session) and notes (in the demo's database)."""

from __future__ import annotations

from datetime import UTC, datetime

import vedfolnir
from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from .store import Platform
from .web import THEMES, demo_store

blueprint = Blueprint("desk", __name__)


class NoteForm(FlaskForm):  # type: ignore[misc]
    text = TextAreaField(
        "Note", validators=[InputRequired("Write something first."), Length(max=2000)]
    )


@blueprint.get("/desk")
@login_required
def show() -> ResponseReturnValue:
    return _page(NoteForm(text=session.get(_draft_key(_current_platform()), "")))


@blueprint.post("/platform")
@login_required
def switch_platform() -> ResponseReturnValue:
    wanted = request.form.get("platform", type=int)
    platform = next((p for p in demo_store().platforms(current_user.id) if p.id == wanted), None)
    if platform is None:
        abort(404)
    session["last_activity"] = datetime.now(UTC)
    session["current_platform_id"] = platform.id
    flash(f"You are on {platform.name} now.", "success")
    return redirect(url_for("desk.show"))


@blueprint.post("/notes")
@login_required
def add_note() -> ResponseReturnValue:
    platform = _current_platform()
    form = NoteForm()
    if request.form.get("action") == "draft":
        return _keep_draft(platform, (form.text.data or "")[:2000])
    if not form.validate_on_submit():
        return _page(form), 422
    demo_store().add_note(current_user.id, platform.id, form.text.data.strip())
    session.pop(_draft_key(platform), None)
    flash(f"Note added to {platform.name}.", "success")
    return redirect(url_for("desk.show"))


@blueprint.post("/notes/<int:note_id>/delete")
@login_required
def delete_note(note_id: int) -> ResponseReturnValue:
    if not demo_store().delete_note(current_user.id, note_id):
        abort(404)
    flash("Note deleted.", "success")
    return redirect(url_for("desk.show"))


@blueprint.post("/theme")
@login_required
def set_theme() -> ResponseReturnValue:
    theme = request.form.get("theme")
    if theme not in THEMES:
        abort(400)
    session["theme"] = theme
    return redirect(url_for("desk.show"))


def _page(form: NoteForm) -> str:
    platform = _current_platform()
    return render_template(
        "desk.html",
        form=form,
        platform=platform,
        platforms=demo_store().platforms(current_user.id),
        notes=demo_store().notes(current_user.id, platform.id),
        draft=session.get(_draft_key(platform), ""),
        info=vedfolnir.current_session(),
        kept=sorted(key for key in session if not key.startswith("_") and key != "csrf_token"),
    )


def _current_platform() -> Platform:
    """The platform this session is on; the first one until another is chosen."""
    platforms = demo_store().platforms(current_user.id)
    platform_id = session.get("current_platform_id")
    return next((p for p in platforms if p.id == platform_id), platforms[0])


def _keep_draft(platform: Platform, text: str) -> ResponseReturnValue:
    if text.strip():
        session[_draft_key(platform)] = text
        flash("Draft kept in your session.", "success")
    else:
        session.pop(_draft_key(platform), None)
        flash("Draft cleared.", "info")
    return redirect(url_for("desk.show"))


def _draft_key(platform: Platform) -> str:
    # One key per platform: two tabs that draft for different platforms never overwrite each other.
    return f"draft.{platform.id}"
