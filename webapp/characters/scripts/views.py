"""/characters/<id>/scripts: the text scripts in the card of a character."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, url_for

from webapp.characters import profiles, queries, service
from webapp.characters.scripts.card_scripts import values_in
from webapp.characters.scripts.editing import moved_up, with_script, without_script
from webapp.characters.scripts.forms import ScriptForm
from webapp.characters.tables import Character
from webapp.characters.text_scripts import script_of
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.web.htmx import redirect
from webapp.web.merging_form import mark_of

bp = Blueprint("scripts", __name__, url_prefix="/characters/<id>/scripts")


@bp.get("/new")
@signed_in
def blank(id: str) -> Response:
    return _page(_own(id), ScriptForm.fresh(), None)


@bp.post("")
@signed_in
def add(id: str) -> Response:
    return _put(id, None)


@bp.get("/<int:place>")
@signed_in
def edit(id: str, place: int) -> Response:
    character = _own(id)
    value = found(dict(enumerate(values_in(character.card))).get(place))
    return _page(character, ScriptForm.of(found(script_of(value)), mark_of(value)), place)


@bp.post("/<int:place>")
@signed_in
def update(id: str, place: int) -> Response:
    return _put(id, place)


@bp.post("/<int:place>/up")
@signed_in
def move_up(id: str, place: int) -> Response:
    character, form = _own(id), ScriptForm.opened()
    with form.attempt():
        service.change_card(character, partial(moved_up, place=place, is_same=_is_same(form)), by=current_user())
        return _back(id)
    return _page(_own(id), form, place)


@bp.post("/<int:place>/delete")
@signed_in
def delete(id: str, place: int) -> Response:
    character, form = _own(id), ScriptForm.opened()
    with form.attempt():
        service.change_card(character, partial(without_script, place=place, is_same=_is_same(form)), by=current_user())
        return _back(id)
    return _page(_own(id), form, place)


def _put(id: str, place: int | None) -> Response:
    character, form = _own(id), ScriptForm.opened()
    with form.attempt():
        write = partial(with_script, place=place, entered=form.entered, is_same=_is_same(form))
        service.change_card(character, write, by=current_user())
        return _back(id)
    return _page(_own(id), form, place)


def _is_same(form: ScriptForm) -> Callable[[Any], bool]:
    return lambda value: mark_of(value) == form.was.data


def _own(id: str) -> Character:
    character = found(queries.character(current_user(), id))
    profiles.refuse_unless_theirs(character, current_user())
    return character


def _back(id: str) -> Response:
    return redirect(url_for("characters.show", id=id, done="saved", _anchor="scripts"))


def _page(character: Character, form: ScriptForm, place: int | None) -> Response:
    return form.shown("characters/script.html", character=character, place=place)
