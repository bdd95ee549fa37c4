"""/lorebooks: lists, edits, imports and shares lorebooks."""

import json
from functools import partial

from flask import Blueprint, Response, url_for

from webapp.base.languages import gettext as _
from webapp.characters.lore import pages, queries, service
from webapp.characters.lore.editing import with_settings
from webapp.characters.lore.forms import BookForm, LorebookFileForm
from webapp.characters.lore.tables import Lorebook
from webapp.characters.lore.world_info import MOST_BYTES, world_info
from webapp.people.accounts.guards import current_user, signed_in, user_or_none
from webapp.people.accounts.permissions import may
from webapp.people.things import shares_shown
from webapp.people.things.views import add_copy_page, add_people_pages, add_trash_pages, own, seen, trash_for_list
from webapp.web.downloads import download, file_name
from webapp.web.forms import Form
from webapp.web.htmx import done_message, redirect
from webapp.web.uploads import expect_files, sent_file

bp = Blueprint("lore", __name__, url_prefix="/lorebooks")


@bp.url_value_preprocessor
def allow_files(endpoint: str | None, _values: object) -> None:
    """Raises the limit on the body before the form is parsed, for signed-in users and this endpoint only."""
    if endpoint == "lore.upload" and user_or_none():
        expect_files(MOST_BYTES)


@bp.get("")
@signed_in
def index() -> Response:
    return _index(BookForm.fresh(), LorebookFileForm.fresh())


@bp.post("")
@signed_in
def create() -> Response:
    form = BookForm.opened()
    with form.attempt():
        return _to(service.create(form.entered, by=current_user()))
    return _index(form, LorebookFileForm.fresh())


@bp.post("/import")
@signed_in
def upload() -> Response:
    form = LorebookFileForm.opened()
    with form.attempt():
        return _to(service.import_lorebook(*sent_file(), by=current_user()), done="imported")
    return _index(BookForm.fresh(), form, shown=form)


@bp.get("/<id>")
@signed_in
def show(id: str) -> Response:
    row = seen(service.LOREBOOKS, id)
    return _page(row, BookForm.of(row.book, row.name, is_always=row.is_always))


@bp.post("/<id>")
@signed_in
def update(id: str) -> Response:
    form, row = BookForm.opened(), own(service.LOREBOOKS, id)
    form.merge(BookForm.of(row.book, row.name, is_always=row.is_always))
    with form.attempt():
        entered = form.entered
        service.change(row, lambda book: with_settings(book, entered), is_always=entered.is_always, by=current_user())
        return _to(own(service.LOREBOOKS, id), done="saved")
    return _page(own(service.LOREBOOKS, id), form)


@bp.get("/<id>/entries/new")
@signed_in
def blank(id: str) -> Response:
    return pages.blank(_editor(own(service.LOREBOOKS, id)))


@bp.post("/<id>/entries")
@signed_in
def add(id: str) -> Response:
    return pages.put(_editor(own(service.LOREBOOKS, id)), None)


@bp.get("/<id>/entries/<int:place>")
@signed_in
def entry(id: str, place: int) -> Response:
    return pages.show(_editor(own(service.LOREBOOKS, id)), place)


@bp.post("/<id>/entries/<int:place>")
@signed_in
def change(id: str, place: int) -> Response:
    return pages.put(_editor(own(service.LOREBOOKS, id)), place)


@bp.post("/<id>/entries/<int:place>/delete")
@signed_in
def remove(id: str, place: int) -> Response:
    return pages.remove(_editor(own(service.LOREBOOKS, id)), place)


@bp.get("/<id>/export")
@signed_in
def export(id: str) -> Response:
    row = seen(service.LOREBOOKS, id)
    return download(exported(row), file_name(row.name, "json", otherwise="lorebook"), "application/json")


def exported(row: Lorebook) -> str:
    """Returns the lorebook as a World Info file of SillyTavern."""
    return json.dumps(world_info(row.book), ensure_ascii=False, indent=2)


def _to(row: Lorebook, done: str = "") -> Response:
    return redirect(url_for("lore.show", id=row.id, done=done or None))


def _editor(row: Lorebook) -> pages.LorebookEditor:
    above, is_own = ("/lorebooks", _("Lorebooks")), row.owner_id == current_user().id
    return pages.LorebookEditor(
        row.name, url_for("lore.show", id=row.id), above, row.book, partial(service.change, row, by=current_user()), is_own
    )


def _page(row: Lorebook, form: BookForm) -> Response:
    editor = _editor(row)
    named = shares_shown.names(queries.KIND, row.id) if editor.may_change else []
    return form.shown(
        "characters/lore/book.html",
        editor=editor,
        row=row,
        whose=shares_shown.whose(queries.KIND, row.id, named) if editor.may_change else _("Shared with you"),
        may_share=editor.may_change and may(current_user(), "see people"),
        done=done_message(pages.DONE),
    )


def _index(form: BookForm, file_form: LorebookFileForm, shown: Form | None = None) -> Response:
    me = current_user()
    lorebooks = queries.SEEN_LOREBOOKS.all(me)
    own = [lorebook for lorebook in lorebooks if lorebook.owner_id == me.id]
    return (shown or form).shown(
        "characters/lore/list.html",
        lorebooks=own,
        shared=queries.SEEN_LOREBOOKS.shared_among([lorebook.id for lorebook in own]),
        given=lorebooks[len(own) :],
        new=form,
        file_form=file_form,
        done=done_message(pages.DONE),
        **trash_for_list(service.LOREBOOKS),
    )


add_people_pages(bp, service.LOREBOOKS, "characters/lore/people.html")
add_trash_pages(bp, service.LOREBOOKS, lambda id: redirect(url_for(".index", done="restored")))
add_copy_page(bp, service.LOREBOOKS, lambda row: service.duplicate(row, by=current_user()))
