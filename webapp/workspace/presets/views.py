"""/presets: lists, edits, shares and imports presets."""

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.engine.watching.views import list_url
from webapp.knowledge import queries as knowledge_queries
from webapp.models.presets import queries
from webapp.models.presets.tables import Preset
from webapp.people import preferences
from webapp.people.accounts.guards import current_user, signed_in, user_or_none
from webapp.people.accounts.permissions import may
from webapp.people.things import shares_shown
from webapp.people.things.views import add_copy_page, add_people_pages, add_trash_pages, own, seen, trash_for_list
from webapp.tools.named import tools_to_name
from webapp.web.htmx import done_message, redirect, render
from webapp.web.uploads import expect_files, sent_file
from webapp.workspace.presets import importing, service, shown
from webapp.workspace.presets.forms import PresetFileForm, PresetForm
from webapp.workspace.presets.preset_files import MOST_BYTES

SHARED = "Shared with you. Your chats use the owner's changes; duplicate it to make your own."
bp = Blueprint("presets", __name__, url_prefix="/presets")


@bp.url_value_preprocessor
def allow_files(endpoint: str | None, _values: object) -> None:
    """Raises the limit on the body before the form is parsed, for signed-in users and this endpoint only."""
    if endpoint == "presets.upload" and user_or_none():
        expect_files(MOST_BYTES)


@bp.get("")
@signed_in
def index() -> Response:
    return _index(PresetFileForm.fresh())


@bp.post("/import")
@signed_in
def upload() -> Response:
    form, result = PresetFileForm.opened(), None
    with form.attempt():
        result = importing.import_presets(*sent_file(), by=current_user())
    return _index(form, result)


@bp.get("/new")
@signed_in
def new() -> Response:
    return _form(PresetForm.for_preset(None))


@bp.post("")
@signed_in
def create() -> Response:
    form = PresetForm.sent()
    if form.is_sorting:
        return _form(form)
    with form.attempt():
        return _to(service.create(form.entered, by=current_user()).id)
    return _form(form)


@bp.get("/<id>")
@signed_in
def show(id: str) -> Response:
    row, me = seen(service.PRESETS, id), current_user()
    named = shares_shown.names(queries.KIND, id) if row.owner_id == me.id else []
    return render(
        "workspace/presets/show.html",
        **shown.page(row, me),
        whose=shares_shown.whose(queries.KIND, id, named) if row.owner_id == me.id else _(SHARED),
        may_share=row.owner_id == me.id and may(me, "see people"),
        done=done_message(shown.DONE),
    )


@bp.get("/<id>/edit")
@signed_in
def edit(id: str) -> Response:
    row = own(service.PRESETS, id)
    return _form(PresetForm.for_preset(row), row)


@bp.post("/<id>")
@signed_in
def update(id: str) -> Response:
    form, row = PresetForm.sent(), own(service.PRESETS, id)
    if form.is_sorting:
        return _form(form, row)
    form.merge(PresetForm.for_preset(row))
    with form.attempt():
        service.change(row, form.entered, by=current_user())
        return _to(id, done="saved")
    return _form(form, own(service.PRESETS, id))


@bp.post("/<id>/default")
@signed_in
def begin_with(id: str) -> Response:
    """Has the person's new chats begin with the preset, or no longer."""
    row, is_default = seen(service.PRESETS, id), request.form.get("is_default") == "y"
    preferences.begin_with_preset(current_user(), row.id if is_default else "")
    return _to(id, done="default" if is_default else "no_default")


def _to(id: str, done: str = "") -> Response:
    return redirect(url_for(".show", id=id, done=done or None))


def _index(form: PresetFileForm, result: importing.PresetImportResult | None = None) -> Response:
    me, sidebar_url = current_user(), list_url("sidebar")
    rows = queries.SEEN_PRESETS.all(me)
    return form.shown(
        "workspace/presets/list.html",
        own=shown.listed([row for row in rows if row.owner_id == me.id], me),
        given=shown.listed([row for row in rows if row.owner_id != me.id], me),
        result=result,
        done=done_message(shown.DONE),
        sidebar_url=sidebar_url,
        **trash_for_list(service.PRESETS),
    )


def _form(form: PresetForm, row: Preset | None = None) -> Response:
    me = current_user()
    return form.among(me.id, knowledge_queries.to_choose(me), tools_to_name(me)).shown(
        "workspace/presets/form.html",
        preset=row,
        action=url_for(".update", id=row.id) if row else url_for(".create"),
        back_url=url_for(".show", id=row.id) if row else url_for(".index"),
    )


add_people_pages(bp, service.PRESETS, "workspace/presets/people.html")
add_trash_pages(bp, service.PRESETS, lambda id: _to(id, done="restored"))
add_copy_page(bp, service.PRESETS, lambda row: service.duplicate(row, by=current_user()))
