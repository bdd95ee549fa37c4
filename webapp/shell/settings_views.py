"""The page of server settings, with the source of each value."""

from flask import Blueprint, Response

from webapp.people.accounts.guards import admin_only, audit_author
from webapp.settings.catalog import SETTINGS
from webapp.settings.forms import SettingsForm
from webapp.settings.service import unset_setting
from webapp.web.htmx import redirect, render

bp = Blueprint("settings", __name__, url_prefix="/admin/settings")


@bp.get("")
@admin_only
def index() -> Response:
    return _page(SettingsForm(bp.url_prefix or ""))


@bp.post("")
@admin_only
def update() -> Response:
    form = SettingsForm(bp.url_prefix or "")
    if form.wrong:
        return _page(form, status=422)
    return redirect(bp.url_prefix or "", form.save(author=audit_author()))


@bp.post("/<name>/reset")
@admin_only
def reset(name: str) -> Response:
    unset_setting(name, author=audit_author())
    return redirect(SETTINGS[name].page, "Reset to default.")


def _page(form: SettingsForm, *, status: int = 200) -> Response:
    return render("shell/settings.html", status=status, form=form)
