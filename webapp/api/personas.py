"""/api/v1/personas: who one is in chats with characters."""

from flask import Blueprint, Response, url_for

from webapp.api.access import caller
from webapp.api.characters import TAKES_PICTURE, sent_picture
from webapp.api.operations import operation
from webapp.api.schemas.characters import NewPersona, PersonaAnswer, PersonaChange, PersonaList
from webapp.characters import personas, queries, shown
from webapp.characters.personas import Wish
from webapp.characters.tables import Persona
from webapp.web.guards import found

bp = Blueprint("api_personas", __name__, url_prefix="/api/v1/personas")


@bp.get("")
@operation("List your personas and the team's", scope="read", answer=PersonaList)
def index() -> PersonaList:
    return PersonaList(personas=[_told(each) for each in queries.personas(caller())])


@bp.post("")
@operation("Make a persona", scope="chat", body=NewPersona, answer=PersonaAnswer, status=201)
def create(body: NewPersona) -> PersonaAnswer:
    return _told(personas.create(Wish(**body.model_dump()), by=caller()))


@bp.get("/<id>")
@operation("Show a persona", scope="read", answer=PersonaAnswer)
def show(id: str) -> PersonaAnswer:
    return _told(_visible(id))


@bp.patch("/<id>")
@operation("Change a persona", scope="chat", body=PersonaChange, answer=PersonaAnswer, errors=(409,))
def change(id: str, body: PersonaChange) -> PersonaAnswer:
    persona = _visible(id)
    given = {"name": persona.name, "description": persona.description} | body.model_dump(exclude_none=True)
    personas.update(persona, Wish(**given), by=caller())
    return _told(_visible(id))


@bp.delete("/<id>")
@operation("Delete a persona; it can be restored, and chats go on without it", scope="chat", status=204)
def delete(id: str) -> None:
    personas.trash(_visible(id), by=caller())


@bp.post("/<id>/restore")
@operation("Bring a deleted persona back", scope="chat", answer=PersonaAnswer)
def restore(id: str) -> PersonaAnswer:
    me = caller()
    personas.restore(found(queries.persona(me, id, is_deleted=True)), by=me)
    return _told(_visible(id))


@bp.get("/<id>/avatar")
@operation("Look at a persona's picture", scope="read", media="image/*")
def avatar(id: str) -> Response:
    return shown.picture(queries.avatar(_visible(id).avatar_id))


@bp.put("/<id>/avatar")
@operation("Give a persona a picture: PNG, JPEG or WebP", answer=PersonaAnswer, **TAKES_PICTURE)
def put_avatar(id: str) -> PersonaAnswer:
    personas.picture(_visible(id), sent_picture(), by=caller())
    return _told(_visible(id))


@bp.delete("/<id>/avatar")
@operation("Take a persona's picture away", scope="chat", status=204, errors=(409,))
def delete_avatar(id: str) -> None:
    personas.picture(_visible(id), b"", by=caller())


def _visible(id: str) -> Persona:
    return found(queries.persona(caller(), id))


def _told(row: Persona) -> PersonaAnswer:
    return PersonaAnswer.of(row, is_teams=not row.user_id, avatar_url=url_for(".avatar", id=row.id) if row.avatar_id else None)
