"""/personas: lists, edits and imports the personas that a person uses in chats with characters."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.characters import profiles, queries, shown
from webapp.characters.lore import queries as lore_queries
from webapp.characters.personas import files as persona_files, service
from webapp.characters.personas.forms import PersonaFileForm, PersonaForm
from webapp.characters.tables import Persona
from webapp.people.accounts.guards import current_user, signed_in, user_or_none
from webapp.people.things.thing import decides
from webapp.people.things.views import add_copy_page, add_trash_pages, seen
from webapp.web.htmx import done_message, is_htmx, redirect, render
from webapp.web.uploads import expect_files, expect_picture, sent_file

bp = Blueprint("personas", __name__, url_prefix="/personas")


@bp.url_value_preprocessor
def allow_a_file(endpoint: str | None, _values: object) -> None:
    """Raises the limit on the body before the form is parsed, for signed-in users and these endpoints only."""
    if endpoint == "personas.upload" and user_or_none():
        expect_files(persona_files.MOST_BYTES)
    elif endpoint in ("personas.create", "personas.update") and user_or_none():
        expect_picture(profiles.PICTURE_BYTES)


@bp.get("")
@signed_in
def index() -> Response:
    listed = _list()
    # A first persona is most likely meant to be the default.
    form = PersonaForm.fresh(is_default=not any(persona.is_own for persona in listed["personas"]))
    return render("characters/personas.html", form=form, file_form=PersonaFileForm.fresh(), **listed)


@bp.post("")
@signed_in
def create() -> Response:
    form = PersonaForm.opened()
    with form.attempt():
        service.create(form.entered, picture=form.picture, by=current_user())
        return _back(done="saved")
    return form.shown("characters/personas.html", file_form=PersonaFileForm.fresh(), **_list())


@bp.post("/import")
@signed_in
def upload() -> Response:
    file_form, result = PersonaFileForm.opened(), None
    with file_form.attempt():
        _, stream = sent_file()
        result = persona_files.import_personas(stream, by=current_user())
    refusal = file_form.refusal
    page = {"form": PersonaForm.fresh(), "file_form": file_form, "result": result, **_list()}
    return render("characters/personas.html", status=refusal.status if refusal else 200, **page)


@bp.get("/<id>")
@signed_in
def show(id: str) -> Response:
    persona = seen(profiles.PERSONAS, id)
    return _page(PersonaForm.from_row(persona), persona)


@bp.post("/<id>")
@signed_in
def update(id: str) -> Response:
    form = PersonaForm.opened()
    form.merge(PersonaForm.from_row(seen(profiles.PERSONAS, id)))
    with form.attempt():
        service.change(seen(profiles.PERSONAS, id), form.entered, picture=form.picture, by=current_user())
        return _back(done="saved")
    return _page(form, seen(profiles.PERSONAS, id))


@bp.post("/<id>/default")
@signed_in
def choose(id: str) -> Response:
    service.choose(seen(profiles.PERSONAS, id), by=current_user(), is_default=request.form.get("wish") != "none")
    return render("characters/_personas.html", **_list()) if is_htmx() else _back()


@bp.get("/<id>/avatar")
@signed_in
def avatar(id: str) -> Response:
    return shown.picture(queries.avatar(seen(profiles.PERSONAS, id).avatar_id))


def _back(**more: Any) -> Response:
    return redirect(url_for("personas.index", **more))


def _list() -> dict[str, Any]:
    me = current_user()
    return {
        "personas": shown.personas(queries.SEEN_PERSONAS.all(me), me),
        "deleted": profiles.PERSONAS.in_trash(me, request.args.get("deleted", "")),
        "done": done_message(shown.DONE),
    }


def _page(form: PersonaForm, persona: Persona) -> Response:
    me = current_user()
    lorebooks = lore_queries.SEEN_LOREBOOKS.all(me, first=persona.lorebook_ids) if persona.owner_id else []
    return form.among(lorebooks).shown(
        "characters/persona.html",
        persona=persona,
        face=shown.persona_face(persona),
        may_change=decides(persona, me),
        is_teams=not persona.owner_id,
        done=done_message(shown.DONE),
    )


add_trash_pages(bp, profiles.PERSONAS, lambda id: _back(done="restored"))
add_copy_page(bp, profiles.PERSONAS, lambda row: service.duplicate(row, by=current_user()))
