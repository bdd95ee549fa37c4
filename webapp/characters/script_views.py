"""/characters/<id>/scripts: the text scripts in the card of a character."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, url_for

from webapp.characters import service
from webapp.characters.scripts.card_scripts import values_in
from webapp.characters.scripts.editing import moved_up, with_script, without_script
from webapp.characters.scripts.forms import ScriptForm
from webapp.characters.tables import Character
from webapp.characters.text_scripts import script_of
from webapp.characters.views import own_character
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.web.htmx import redirect
from webapp.web.merging_form import mark_of

bp = Blueprint("scripts", __name__, url_prefix="/characters/<id>/scripts")


@bp.get("/new")
@signed_in
def blank(id: str) -> Response:
    return _page(own_character(id), ScriptForm.fresh(), None)


@bp.post("")
@signed_in
def add(id: str) -> Response:
    return _put(id, None)


@bp.get("/<int:place>")
@signed_in
def edit(id: str, place: int) -> Response:
    character = own_character(id)
    value = found(dict(enumerate(values_in(character.card))).get(place))
    return _page(character, ScriptForm.of(found(script_of(value)), mark_of(value)), place)


@bp.post("/<int:place>")
@signed_in
def update(id: str, place: int) -> Response:
    return _put(id, place)


@bp.post("/<int:place>/up")
@signed_in
def move_up(id: str, place: int) -> Response:
    return _change(id, place, lambda _: moved_up)


@bp.post("/<int:place>/delete")
@signed_in
def delete(id: str, place: int) -> Response:
    return _change(id, place, lambda _: without_script)


def _put(id: str, place: int | None) -> Response:
    return _change(id, place, lambda form: partial(with_script, entered=form.entered))


def _change(id: str, place: int | None, changed: Callable[[ScriptForm], Callable[..., dict[str, Any]]]) -> Response:
    """Changes the script at this index, if it still is the one that the form was opened with."""
    character, form = own_character(id), ScriptForm.opened()
    with form.attempt():
        change = partial(changed(form), place=place, is_same=lambda value: mark_of(value) == form.was.data)
        service.change_card(character, change, by=current_user())
        return redirect(url_for("characters.show", id=id, done="saved", _anchor="scripts"))
    return _page(own_character(id), form, place)


def _page(character: Character, form: ScriptForm, place: int | None) -> Response:
    return form.shown("characters/script.html", character=character, place=place)
