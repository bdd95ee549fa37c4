"""/characters/<id>/lorebook: the lorebook that is part of a character's card."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, url_for

from webapp.accounts.guards import current_user, found, signed_in
from webapp.characters import queries, service
from webapp.characters.beside import book_in, with_book
from webapp.lore import pages
from webapp.lore.editing import with_settings
from webapp.lore.forms import BookForm
from webapp.lore.pages import LorebookEditor
from webapp.web.done_words import just_done
from webapp.web.htmx import redirect

bp = Blueprint("character_lore", __name__, url_prefix="/characters/<id>/lorebook")


@bp.get("")
@signed_in
def show(id: str) -> Response:
    desk = _desk(id)
    return _page(desk, BookForm.of(desk.book, desk.book.get("name") or desk.name))


@bp.post("")
@signed_in
def update(id: str) -> Response:
    form, desk = BookForm.opened(), _desk(id)
    with form.attempt():
        entered = form.entered
        desk.keep(lambda book: with_settings(book, entered))
        return redirect(f"{desk.path}?done=saved")
    return _page(_desk(id), form)


@bp.get("/entries/new")
@signed_in
def blank(id: str) -> Response:
    return pages.blank(_desk(id))


@bp.post("/entries")
@signed_in
def add(id: str) -> Response:
    return pages.put(_desk(id), None)


@bp.get("/entries/<int:place>")
@signed_in
def entry(id: str, place: int) -> Response:
    return pages.show(_desk(id), place)


@bp.post("/entries/<int:place>")
@signed_in
def change(id: str, place: int) -> Response:
    return pages.put(_desk(id), place)


@bp.post("/entries/<int:place>/delete")
@signed_in
def remove(id: str, place: int) -> Response:
    return pages.remove(_desk(id), place)


def _desk(id: str) -> LorebookEditor:
    character = found(queries.character(current_user(), id))

    def keep(write_into: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        service.change_card(character, lambda card: with_book(card, write_into(book_in(card))), by=current_user())

    return LorebookEditor(
        f"Lorebook of {character.name}",
        url_for("character_lore.show", id=id),
        (url_for("characters.show", id=id), character.name),
        book_in(character.card),
        keep,
        queries.may_change(character, current_user()),
    )


def _page(desk: LorebookEditor, form: BookForm) -> Response:
    return form.shown("lore/book.html", desk=desk, row=None, done=just_done(pages.DONE))
