"""Keyboard shortcuts on every page, and /settings/keys, where each person chooses their keys."""

from collections.abc import Mapping
from typing import NamedTuple

from flask import Blueprint, Response, request, url_for
from wtforms import StringField

from webapp.base.languages import gettext as _
from webapp.people import shortcuts
from webapp.people.accounts.guards import current_user, signed_in, viewer_or_none
from webapp.people.preferences import set_keys
from webapp.web.forms import PLAIN
from webapp.web.htmx import redirect
from webapp.workspace.frame.preferences_views import OwnForm

bp = Blueprint("shortcuts", __name__)


class KeysForm(OwnForm):
    """The key of each shortcut, by its name."""


for shortcut in shortcuts.SHORTCUTS:
    # Some of the names are ids on every page, such as that of the sidebar.
    render_kw = {**PLAIN, "maxlength": shortcuts.MOST_CHARS, "placeholder": "Off", "data-key": True}
    field = StringField(shortcut.words, default=shortcut.key, id=f"key-{shortcut.name}", render_kw=render_kw)
    setattr(KeysForm, shortcut.name, field)


class ShownShortcut(NamedTuple):
    """A shortcut as a person has it: for each of the keys in a row, what is held and pressed."""

    words: str
    steps: list[list[str]]


@bp.app_template_global()
def key_table() -> dict[str, str]:
    """Returns the names of the shortcuts by the current person's keys, for the script."""
    return shortcuts.names_by_key(_own())


@bp.app_template_global()
def shown_shortcuts() -> dict[str, ShownShortcut]:
    """Returns the shortcuts that the current person has, by name."""
    return {
        name: ShownShortcut(shortcuts.BY_NAME[name].words, shortcuts.pieces(key))
        for name, key in shortcuts.keys_of(_own()).items()
        if key
    }


@bp.get("/settings/keys")
@signed_in
def show() -> Response:
    return _page(KeysForm.fresh(**shortcuts.keys_of(current_user().keys)))


@bp.post("/settings/keys")
@signed_in
def update() -> Response:
    """Saves the keys that are sent; with `all`, every shortcut gets its default."""
    form = KeysForm()
    to_default = request.form.get("to_default", "")
    form.reset(to_default)
    sent = {field.name: field.data for field in form if field.name in {*request.form, to_default}}
    with form.attempt():
        set_keys(current_user(), dict.fromkeys(shortcuts.BY_NAME) if "all" in request.form else sent)
        return redirect(url_for(".show"), _("Saved."))
    return _page(form)


def _own() -> Mapping[str, str]:
    me = viewer_or_none()
    return me.keys if me else {}


def _page(form: OwnForm) -> Response:
    return form.shown("workspace/frame/own_keys.html", fixed=shortcuts.FIXED)
