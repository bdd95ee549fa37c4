"""/characters/<id>/greetings: the alternate and group greetings of a character, which are stored in its card."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from flask import Blueprint, Response, request, url_for
from wtforms import StringField

from webapp.base.errors import Conflict
from webapp.characters import service
from webapp.characters.cards.cards import GREETINGS, MOST_GREETINGS, greetings_in, with_greetings
from webapp.characters.profiles import TEXT_CHARS, checked_greetings
from webapp.characters.tables import Character
from webapp.characters.views import own_character
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.forms import Form
from webapp.web.htmx import redirect
from webapp.web.merging_form import mark_of

bp = Blueprint("greetings", __name__, url_prefix="/characters/<id>/greetings")
Lists = Mapping[str, Sequence[str]]


class GreetingsForm(Form):
    # A hash of the greetings when the page was opened, so that concurrent changes are not overwritten.
    was = StringField(default="")


@bp.get("")
@signed_in
def edit(id: str) -> Response:
    character = own_character(id)
    lists = _lists(character.card)
    return _page(character, GreetingsForm.fresh(was=mark_of(lists)), lists)


@bp.post("")
@signed_in
def update(id: str) -> Response:
    character, form, typed = own_character(id), GreetingsForm.opened(), {name: request.form.getlist(name) for name in GREETINGS}
    with form.attempt():
        if action := request.form.get("do"):
            return _page(character, form, {name: _rearranged(typed[name], name, action) for name in GREETINGS})
        entered = {name: checked_greetings(typed[name], name) for name in GREETINGS}
        service.change_card(character, partial(_written, entered, form.was.data or ""), by=current_user())
        return redirect(url_for("characters.show", id=id, done="saved"))
    return _page(own_character(id), form, typed)


def _written(entered: Lists, was: str, card: dict[str, Any]) -> dict[str, Any]:
    if mark_of(_lists(card)) != was:
        raise Conflict("These greetings were changed elsewhere. Copy what you have typed, and open them again.")
    return with_greetings(card, entered)


def _rearranged(texts: Sequence[str], name: str, action: str) -> list[str]:
    """Applies a button that edits the list without saving it, such as `add alternate_greetings` or `up alternate_greetings 2`."""
    verb, _, rest = action.partition(" ")
    named, _, number = rest.partition(" ")
    moved, at = list(texts), int(number) if number.isdecimal() and len(number) < 3 else 0
    if named != name:
        return moved
    if verb == "add" and len(moved) < MOST_GREETINGS:
        return [*moved, ""]
    if at >= len(moved) or verb not in ("up", "remove"):
        return moved
    text = moved.pop(at)
    return moved if verb == "remove" else [*moved[: max(0, at - 1)], text, *moved[max(0, at - 1) :]]


def _lists(card: dict[str, Any]) -> dict[str, list[str]]:
    return {name: greetings_in(card, name) for name in GREETINGS}


def _page(character: Character, form: GreetingsForm, lists: Lists) -> Response:
    return form.shown("characters/greetings.html", character=character, lists=lists, most=MOST_GREETINGS, chars=TEXT_CHARS)
