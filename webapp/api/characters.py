"""/api/v1/characters: whom one can chat with."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas.characters import CharacterAnswer, CharacterChange, CharacterList, CharactersQuery, NewCharacter
from webapp.characters import queries, service, shown
from webapp.characters.fields import PICTURE_BYTES
from webapp.characters.service import Wish
from webapp.characters.tables import Character
from webapp.errors import Invalid
from webapp.web.guards import found

bp = Blueprint("api_characters", __name__, url_prefix="/api/v1/characters")
TAKES_PICTURE: dict[str, Any] = {"scope": "chat", "upload": True, "most_bytes": PICTURE_BYTES, "errors": (409, 422)}


@bp.get("")
@operation("List the characters that you may chat with", scope="read", query=CharactersQuery, answer=CharacterList)
def index(query: CharactersQuery) -> CharacterList:
    rows = queries.characters(caller(), words=query.q, tag=query.tag)
    return CharacterList(characters=_told(rows))


@bp.post("")
@operation("Make a character", scope="chat", body=NewCharacter, answer=CharacterAnswer, status=201)
def create(body: NewCharacter) -> CharacterAnswer:
    return _one(service.create(Wish(**body.model_dump()), by=caller()))


@bp.get("/<id>")
@operation("Show a character", scope="read", answer=CharacterAnswer)
def show(id: str) -> CharacterAnswer:
    return _one(_visible(id))


@bp.patch("/<id>")
@operation("Change a character", scope="chat", body=CharacterChange, answer=CharacterAnswer, errors=(409,))
def change(id: str, body: CharacterChange) -> CharacterAnswer:
    character, given = _visible(id), body.model_dump(exclude_unset=True, exclude_none=True)
    service.update(character, replace(Wish.of(character), **given), by=caller())
    return _one(_visible(id))


@bp.delete("/<id>")
@operation("Delete a character; it can be restored, and its chats stay", scope="chat", status=204)
def delete(id: str) -> None:
    service.trash(_visible(id), by=caller())


@bp.post("/<id>/restore")
@operation("Bring a deleted character back", scope="chat", answer=CharacterAnswer)
def restore(id: str) -> CharacterAnswer:
    me = caller()
    service.restore(found(queries.character(me, id, is_deleted=True)), by=me)
    return _one(_visible(id))


@bp.post("/<id>/duplicate")
@operation("Make a copy of your own", scope="chat", answer=CharacterAnswer, status=201, errors=(409, 422))
def duplicate(id: str) -> CharacterAnswer:
    return _one(service.duplicate(_visible(id), by=caller()))


@bp.get("/<id>/avatar")
@operation("Look at a character's picture", scope="read", media="image/*")
def avatar(id: str) -> Response:
    return shown.picture(queries.avatar(_visible(id).avatar_id))


@bp.put("/<id>/avatar")
@operation("Give a character a picture: PNG, JPEG or WebP", answer=CharacterAnswer, **TAKES_PICTURE)
def put_avatar(id: str) -> CharacterAnswer:
    service.picture(_visible(id), sent_picture(), by=caller())
    return _one(_visible(id))


@bp.delete("/<id>/avatar")
@operation("Take a character's picture away", scope="chat", status=204, errors=(409,))
def delete_avatar(id: str) -> None:
    service.picture(_visible(id), b"", by=caller())


def sent_picture() -> bytes:
    """The body, which is the picture itself."""
    if content := request.get_data():
        return content
    raise Invalid("Send the picture itself as the body.", field="avatar")


def _visible(id: str) -> Character:
    return found(queries.character(caller(), id))


def _one(row: Character) -> CharacterAnswer:
    return _told([row])[0]


def _told(rows: list[Character]) -> list[CharacterAnswer]:
    me, shared = caller(), queries.shared_among([row.id for row in rows])
    return [
        CharacterAnswer.of(
            row,
            is_teams=not row.owner_id,
            is_own=row.owner_id == me.id,
            is_shared=not row.owner_id or row.id in shared,
            avatar_url=url_for(".avatar", id=row.id) if row.avatar_id else None,
        )
        for row in rows
    ]
