"""/admin/keys: which encryption key is in use, and the steps to change it."""

from typing import Any

from flask import Blueprint, Response, url_for

from webapp.base.languages import gettext as _
from webapp.people.accounts.guards import admin_only, audit_author
from webapp.settings.secrets import keyring
from webapp.web.htmx import redirect, render

bp = Blueprint("keys", __name__, url_prefix="/admin/keys")
OUTCOMES = {"rotated": "re-encrypted", "current": "already used the new key", "unreadable": "can't be read"}


@bp.get("")
@admin_only
def index() -> Response:
    return _page()


@bp.post("/generate")
@admin_only
def generate() -> Response:
    return _page(new_key=keyring.new_key(author=audit_author()))


@bp.post("/begin")
@admin_only
def begin() -> Response:
    fingerprint = keyring.begin_change(author=audit_author())
    return redirect(
        url_for(".index"),
        _("New key created: %(fingerprint)s. From now on, everything is encrypted with it.", fingerprint=fingerprint),
    )


@bp.post("/rotate")
@admin_only
def rotate() -> Response:
    outcomes = {rotated.connection: _(OUTCOMES[rotated.outcome]) for rotated in keyring.rotate(author=audit_author())}
    return _page(outcomes=outcomes)


@bp.post("/end")
@admin_only
def end() -> Response:
    keyring.end_change(author=audit_author())
    return redirect(url_for(".index"), _("Old key removed. The key change is complete."))


def _page(**context: Any) -> Response:
    return render("workspace/frame/keys.html", ring=keyring.keyring(), **context)
