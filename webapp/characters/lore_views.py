"""/characters/<id>/lorebook: the lorebook that is part of a character's card."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, url_for

from webapp.base.languages import gettext as _
from webapp.characters import service
from webapp.characters.lore import pages
from webapp.characters.lore.editing import with_settings
from webapp.characters.lore.forms import BookForm
from webapp.characters.prompt_parts import book_in, with_book
from webapp.characters.views import visible_character
from webapp.people.accounts.guards import current_user, signed_in
from webapp.people.things.thing import decides
from webapp.web.htmx import done_message, redirect

bp = Blueprint("character_lore", __name__, url_prefix="/characters/<id>/lorebook")


@bp.get("")
@signed_in
def show(id: str) -> Response:
    editor = _editor(id)
    return _page(editor, BookForm.of(editor.book, editor.book.get("name") or editor.name))


@bp.post("")
@signed_in
def update(id: str) -> Response:
    form, editor = BookForm.opened(), _editor(id)
    with form.attempt():
        entered = form.entered
        editor.save(lambda book: with_settings(book, entered))
        return redirect(f"{editor.path}?done=saved")
    return _page(_editor(id), form)


@bp.get("/entries/new")
@signed_in
def blank(id: str) -> Response:
    return pages.blank(_editor(id))


@bp.post("/entries")
@signed_in
def add(id: str) -> Response:
    return pages.put(_editor(id), None)


@bp.get("/entries/<int:place>")
@signed_in
def entry(id: str, place: int) -> Response:
    return pages.show(_editor(id), place)


@bp.post("/entries/<int:place>")
@signed_in
def change(id: str, place: int) -> Response:
    return pages.put(_editor(id), place)


@bp.post("/entries/<int:place>/delete")
@signed_in
def remove(id: str, place: int) -> Response:
    return pages.remove(_editor(id), place)


def _editor(id: str) -> pages.LorebookEditor:
    character = visible_character(id)

    def save(write_into: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        service.change_card(character, lambda card: with_book(card, write_into(book_in(card))), by=current_user())

    return pages.LorebookEditor(
        _("Lorebook of %(name)s", name=character.name),
        url_for("character_lore.show", id=id),
        (url_for("characters.show", id=id), character.name),
        book_in(character.card),
        save,
        decides(character, current_user()),
    )


def _page(editor: pages.LorebookEditor, form: BookForm) -> Response:
    return form.shown("characters/lore/book.html", editor=editor, row=None, done=done_message(pages.DONE))
