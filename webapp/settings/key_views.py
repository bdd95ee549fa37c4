"""/admin/keys: which encryption key is in use, and the way from it to another one, step by step."""

from typing import Any

from flask import Blueprint, Response, flash, url_for

from webapp.generations.models import providers
from webapp.settings import keyring, rotation
from webapp.settings.connection_views import who
from webapp.web.guards import admin_only
from webapp.web.htmx import redirect, render

bp = Blueprint("keys", __name__, url_prefix="/admin/keys")
OUTCOMES = {"rotated": "encrypted anew", "current": "was under the new key already", "unreadable": "cannot be read"}


@bp.get("")
@admin_only
def index() -> Response:
    return _page()


@bp.post("/generate")
@admin_only
def generate() -> Response:
    return _page(new_key=keyring.new_key(**who()))


@bp.post("/begin")
@admin_only
def begin() -> Response:
    fingerprint = keyring.begin_change(**who())
    return _moved_on(f"There is a new key, {fingerprint}. What is stored from now on is under it.")


@bp.post("/rotate")
@admin_only
def rotate() -> Response:
    outcomes = {each.connection: OUTCOMES[each.outcome] for each in rotation.rotate(**who())}
    providers().forget()
    return _page(outcomes=outcomes)


@bp.post("/end")
@admin_only
def end() -> Response:
    keyring.end_change(**who())
    return _moved_on("The older key is removed. The change is complete.")


def _moved_on(words: str) -> Response:
    providers().forget()
    flash(words)
    return redirect(url_for(".index"))


def _page(**context: Any) -> Response:
    return render("admin/keys.html", ring=keyring.keyring(), **context)
