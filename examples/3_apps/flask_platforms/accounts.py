"""Sign-in and sign-out with Flask-Login and Flask-WTF, as their own documentation shows them."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from .store import DEMO_ACCOUNTS, User
from .web import demo_store

blueprint = Blueprint("accounts", __name__)

# Compared when the name is unknown, so that the answer takes as long as for a known one.
NOBODY = generate_password_hash("nobody")


class SignInForm(FlaskForm):  # type: ignore[misc]
    name = StringField("Name", validators=[InputRequired("Enter a name."), Length(max=40)])
    password = PasswordField(
        "Password", validators=[InputRequired("Enter the password."), Length(max=200)]
    )
    remember = BooleanField("Keep me signed in on this device")


def init_app(app: Flask) -> None:
    # Its own context processor would load the user, and with it the session, for every template.
    login_manager = LoginManager(app, add_context_processor=False)
    app.add_template_global(current_user, "current_user")
    login_manager.login_view = "accounts.sign_in"
    # No flash for it: a passer-by at a protected address must not cost a session. The page says it.
    login_manager.login_message = None
    login_manager.user_loader(lambda user_id: demo_store().user(user_id))


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(url_for("desk.show"))
    form = SignInForm()
    if form.validate_on_submit():
        user = _check(form.name.data.strip().lower(), form.password.data)
        if user is not None:
            login_user(user, remember=form.remember.data)
            flash(
                f"Welcome, {user.display}. Your session has a new id since you signed in.",
                "success",
            )
            return redirect(_local_target(request.args.get("next")) or url_for("desk.show"))
        form.password.errors = ["That name and password do not match."]
    page = render_template("sign_in.html", form=form, accounts=DEMO_ACCOUNTS)
    return page, 422 if form.errors else 200


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    logout_user()
    return redirect(url_for("pages.signed_out"))


def _check(name: str, password: str) -> User | None:
    user = demo_store().user_named(name)
    matches = check_password_hash(user.password if user else NOBODY, password)
    return user if matches else None


def _local_target(target: str | None) -> str | None:
    """The page to go on to, if it is ours: any other address would make this an open redirect."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return None
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else None
