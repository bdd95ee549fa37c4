"""/api/v1/personas: the roles that people play in chats with characters."""

from datetime import datetime

from flask import Blueprint, Response, url_for
from pydantic import Field

from webapp.api.access import caller
from webapp.api.native.characters import TAKES_PICTURE, sent_picture
from webapp.api.native.things import add_trash_operations, seen
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Named, Pair
from webapp.base.inputs import AnyId, Changes, changes
from webapp.characters import profiles, queries, shown
from webapp.characters.lore import queries as lore_queries
from webapp.characters.lore.service import MOST_ATTACHED
from webapp.characters.personas import files as persona_files, service as persona_service
from webapp.characters.personas.service import PersonaInput
from webapp.characters.tables import Persona
from webapp.web.uploads import sent_file

bp = Blueprint("api_personas", __name__, url_prefix="/api/v1/personas")


class PersonaAnswer(Named):
    description: str = Field(description="Who the person is, sent to the model word for word.")
    is_default: bool = Field(description="Whether it is used in new chats with characters.")
    is_teams: bool = Field(description="Whether it is owned by the team and edited by its admins.")
    avatar_url: str | None
    lorebook_ids: list[str] = Field(description="The lorebooks used in all chats with it, as far as you can see them.")
    created_at: datetime


class PersonaList(Answer):
    personas: list[PersonaAnswer]


class BroughtPersonas(Answer):
    new: int
    known: int = Field(description="How many were here already, in the same words.")
    failed: list[Pair] = Field(description="Name and reason of each that could not be taken.")
    lacking: list[str] = Field(description="Lorebooks that new ones use and you don't have, by name.")


class NewPersona(PersonaInput):
    is_default: bool = False
    lorebook_ids: list[AnyId] = Field([], max_length=MOST_ATTACHED)


PersonaChange = changes("PersonaChange", PersonaInput, about={"lorebook_ids": "Instead of those before."})


@bp.get("")
@operation("List your personas and the team's", scope="read", answer=PersonaList)
def index() -> PersonaList:
    rows = queries.SEEN_PERSONAS.all(caller())
    seen = _seen(*rows)
    return PersonaList(personas=[_answer_of(row, seen) for row in rows])


@bp.post("")
@operation(
    "Create a persona", scope="chat", body=NewPersona, answer=PersonaAnswer, status=201, named={"lorebooks": "lorebook_ids"}
)
def create(body: NewPersona) -> PersonaAnswer:
    return _answer_of(persona_service.create(body, by=caller()))


@bp.post("/import")
@operation(
    "Import personas from a file of SillyTavern: a backup of them, or its settings.json",
    scope="chat",
    upload_field="file",
    answer=BroughtPersonas,
    status=201,
    most_bytes=persona_files.MOST_BYTES + 64 * 1024,
)
def bring_in() -> BroughtPersonas:
    _, stream = sent_file()
    return BroughtPersonas.of(persona_files.import_personas(stream, by=caller()))


@bp.get("/<id>")
@operation("Show a persona", scope="read", answer=PersonaAnswer)
def show(id: str) -> PersonaAnswer:
    return _answer_of(seen(profiles.PERSONAS, id))


@bp.patch("/<id>")
@operation(
    "Update a persona",
    scope="chat",
    body=PersonaChange,
    answer=PersonaAnswer,
    errors=(409,),
    named={"lorebooks": "lorebook_ids"},
)
def change(id: str, body: Changes) -> PersonaAnswer:
    persona = seen(profiles.PERSONAS, id)
    values = {"name": persona.name, "description": persona.description} | body.given
    persona_service.change(persona, PersonaInput.entered(values), by=caller())
    return _answer_of(seen(profiles.PERSONAS, id))


@bp.get("/<id>/avatar")
@operation("Get a persona's picture", scope="read", media="image/*")
def avatar(id: str) -> Response:
    return shown.picture(queries.avatar(seen(profiles.PERSONAS, id).avatar_id))


@bp.put("/<id>/avatar")
@operation("Set a persona's picture: PNG, JPEG or WebP", answer=PersonaAnswer, **TAKES_PICTURE)
def put_avatar(id: str) -> PersonaAnswer:
    profiles.picture(seen(profiles.PERSONAS, id), sent_picture(), by=caller())
    return _answer_of(seen(profiles.PERSONAS, id))


@bp.delete("/<id>/avatar")
@operation("Remove a persona's picture", scope="chat", status=204, errors=(409,))
def delete_avatar(id: str) -> None:
    profiles.picture(seen(profiles.PERSONAS, id), b"", by=caller())


def _seen(*rows: Persona) -> set[str]:
    """Returns the ids of the personas' lorebooks that the caller can see."""
    return set(lore_queries.SEEN_LOREBOOKS.ids_among(caller(), (id for row in rows for id in row.lorebook_ids)))


def _answer_of(row: Persona, seen: set[str] | None = None) -> PersonaAnswer:
    visible_lorebook_ids = _seen(row) if seen is None else seen
    return PersonaAnswer.of(
        row,
        is_teams=not row.owner_id,
        avatar_url=url_for(".avatar", id=row.id) if row.avatar_id else None,
        lorebook_ids=[id for id in row.lorebook_ids if id in visible_lorebook_ids],
    )


add_trash_operations(
    bp,
    profiles.PERSONAS,
    _answer_of,
    scope="chat",
    deleting="Delete a persona; it can be restored, and chats continue without it",
    restoring="Restore a deleted persona",
)
