"""The settings of the house: every one by form, with its source."""

from flask import Blueprint, Response, flash, request, url_for

from webapp.generations.models import providers
from webapp.settings.catalog import SECTIONS
from webapp.settings.connection_views import who
from webapp.settings.forms import SettingField
from webapp.settings.service import listing, set_settings, unset_setting
from webapp.web.guards import admin_only
from webapp.web.htmx import redirect, render

bp = Blueprint("all", __name__, url_prefix="/admin/settings")


@bp.get("")
@admin_only
def index() -> Response:
    return _page({})


@bp.post("")
@admin_only
def update() -> Response:
    typed = {name: text for name, text in request.form.items() if "." in name}
    fields = [each for section in _sections(typed).values() for each in section if each.setting.name in typed]
    if any(each.error for each in fields):
        return _page(typed, status=422)
    changed = {each.setting.name: each.text for each in fields if each.is_changed}
    set_settings(changed, **who())
    return _saved("Saved." if changed else "Nothing was different.")


@bp.post("/<name>/reset")
@admin_only
def reset(name: str) -> Response:
    unset_setting(name, **who())
    return _saved("Back to the default.")


def _sections(typed: dict[str, str]) -> dict[str, list[SettingField]]:
    lines = {each.setting.name: each for each in listing()}
    return {title: [SettingField.of(lines[each.name], typed) for each in section] for title, section in SECTIONS.items()}


def _page(typed: dict[str, str], *, status: int = 200) -> Response:
    sections = _sections(typed)
    wrong = [each for section in sections.values() for each in section if each.error]
    return render("admin/settings.html", status=status, sections=sections, wrong=wrong)


def _saved(words: str) -> Response:
    providers().forget()
    flash(words)
    return redirect(url_for(".index"))
