"""/api/v1/characters: the characters of chats."""

import re
from datetime import datetime
from typing import Annotated, Any

from flask import Blueprint, Response, request, url_for
from pydantic import BeforeValidator, Field

from webapp.api.access import caller
from webapp.api.native.things import add_trash_operations, seen
from webapp.api.operations import operation
from webapp.api.problems import InvalidFields
from webapp.api.schemas import Answer, Body, Cursor, Named, Query
from webapp.base.errors import Invalid
from webapp.base.inputs import AnyId, Changes, changes
from webapp.characters import exchange, profiles, queries, service, shown
from webapp.characters.cards.card_fields import COLUMNS, kept_fields
from webapp.characters.cards.card_files import Version
from webapp.characters.cards.cards import GREETINGS, greetings_in, notes_of
from webapp.characters.lore.entries import Role
from webapp.characters.personas import service as persona_service
from webapp.characters.scripts.card_scripts import listed_in
from webapp.characters.scripts.editing import MOST_STORED, ScriptInput, Where, fields_of, with_scripts
from webapp.characters.tables import Character
from webapp.knowledge import queries as knowledge_queries
from webapp.models.presets.queries import known
from webapp.people.accounts.guards import audit_author

# An upload can contain several files, each with a limit of its own.
MOST_BYTES = 64 * 1024 * 1024
# Limits the text in one page of results: 500 characters of 80,000 letters would be forty megabytes, several times over.
PAGE_CHARS = 1_000_000
bp = Blueprint("api_characters", __name__, url_prefix="/api/v1/characters")
TAKES_PICTURE: dict[str, Any] = {"scope": "chat", "upload": True, "most_bytes": profiles.PICTURE_BYTES, "errors": (409, 422)}
# What a list has instead of the card, which can be a megabyte, and of the fields that it keeps.
IN_LIST: dict[str, Any] = {
    **{name: value for name, value in kept_fields({}, dict.fromkeys(COLUMNS, "")).items() if name not in COLUMNS},
    "card": {},
    "note": "",
    "alternate_greetings": [],
    "group_only_greetings": [],
}
LISTS = (*GREETINGS, "collection_ids", "tools")
# Accepts every way to write the version of a character card: 2, v2, 2.0, chara_card_v2.
Spec = Annotated[Version, BeforeValidator(lambda value: re.sub(r"^(chara_card_)?v?|\.0$", "", str(value)))]


class CharacterAnswer(Named):
    description: str = Field(
        description="Sent to the model word for word, followed by personality, scenario and example dialogue. "
        "In the list, as it is sent: together with these."
    )
    personality: str = Field(description="Empty in the list, as are the other fields that the card keeps.")
    scenario: str
    example_dialogue: str
    system_prompt: str
    post_history_prompt: str = Field(description="Sent to the model right before the latest message.")
    greeting: str = Field(description="The first message of every new chat, as Markdown.")
    alternate_greetings: list[str] = Field(description="Versions of the first message, which the card keeps; empty in the list.")
    group_only_greetings: list[str] = Field(description="The first of them greets in group chats; empty in the list.")
    tags: list[str]
    note: str = Field(description="What it is for, for people: the creator's note of its card; empty in the list.")
    is_favorite: bool = Field(description="Whether it is one of your favorites.")
    collection_ids: list[str] = Field(description="What it knows: collections that its answers quote, as far as you see them.")
    nickname: str = Field(description="What `{{char}}` becomes in its texts, instead of the name.")
    creator: str
    version: str = Field(description="Of the character, as its creator counts.")
    character_note: str = Field(description="Sent among the last messages.")
    note_depth: int = Field(description="How many messages come after the character's note.")
    note_role: Role = Field(description="Whose message the character's note is.")
    tools: list[str] = Field(description="Keys of the tools that are on in its new chats, as far as the person can use them.")
    preset_id: str = Field(description="The preset of its new chats, if the caller can use it; empty for none.")
    talkativeness: float = Field(description="From 0 to 1: how often it speaks in groups; 0.5 is usual.")
    card: dict[str, Any] = Field(description="The card it was imported from, or additional fields; empty in the list.")
    is_teams: bool = Field(description="Whether it is owned by the team and edited by its admins.")
    is_own: bool
    is_shared: bool = Field(description="Whether everyone on the team can chat with it.")
    avatar_url: str | None
    created_at: datetime
    changed_at: datetime


class CharacterList(Answer):
    characters: list[CharacterAnswer]
    next_cursor: str = Field(description="Empty unless there are so many long ones that the rest is on another page.")


class ExistingCharacter(Named):
    has_same_content: bool = Field(description="If not, it has the same name and creator.")


class ImportedCharacter(Named):
    notes: list[str] = Field(description="What of the card was left out.")
    existing: ExistingCharacter | None = Field(description="Your character that is like it and existed already; null if none.")


class FailedFile(Answer):
    name: str
    reason: str


class BroughtAnswer(Answer):
    characters: list[ImportedCharacter]
    failed: list[FailedFile]


class NothingImported(Invalid):
    """The refusal when no file was a card; it has the same list of reasons as a partly successful import."""

    def __init__(self, failed: list[FailedFile]) -> None:
        super().__init__(" ".join(f"{file.name}: {file.reason}" for file in failed), field="file")
        self.failed = failed

    def details(self) -> dict[str, Any]:
        return {"failed": [file.model_dump() for file in self.failed]}


class CharactersQuery(Query):
    cursor: Cursor = Field("", description="`next_cursor` of the previous page; empty for the first page.")
    q: str = Field("", max_length=200, description="Words to find; all must appear in the name, tags or description.")
    tag: str = Field("", max_length=40)


class CharacterExportQuery(Query):
    format: exchange.Kind = Field(
        "json", description="`png`: the picture with the card in it. `charx`: both in a zip, with background and expressions."
    )
    spec: Spec | None = Field(None, description="Of a JSON file: another version than that of the card that it came from.")


class NewCharacter(service.CharacterInput):
    """A new character; at least one of its texts must describe it."""


CharacterChange = changes(
    "CharacterChange", service.CharacterInput, but=["card"], about=dict.fromkeys(LISTS, "Instead of those before.")
)


class ScriptFields(ScriptInput):
    """A text script; it changes messages of the character, of the person or of both."""


class ScriptAnswer(Answer):
    find: str
    name: str
    replacement: str
    trims: list[str]
    where: Where
    is_for_character: bool
    is_for_person: bool
    is_enabled: bool
    least_depth: int | None
    most_depth: int | None
    naming: int
    trouble: str = Field(description="Why it can't be used here; empty if it can.")


class ScriptList(Answer):
    scripts: list[ScriptAnswer]


class Scripts(Body):
    scripts: list[ScriptFields] = Field(max_length=MOST_STORED, description="Instead of all those before.")


class Replacement(Body):
    character_id: AnyId = Field(description="Your character whose texts are used. It gets the old texts and is deleted.")


class KeptPersona(Answer):
    persona_id: str | None = Field(description="Null if they begin with your default persona.")


class PersonaChoice(Body):
    persona_id: Cursor | None = Field(None, description="One of your personas or the team's; null or empty for your default.")


@bp.get("")
@operation("List the characters you can chat with", scope="read", query=CharactersQuery, answer=CharacterList)
def index(query: CharactersQuery) -> CharacterList:
    ids = queries.characters(caller(), words=query.q, tag=query.tag)
    following_ids = ids[ids.index(query.cursor) + 1 if query.cursor in ids else 0 :]
    rows = queries.texts_of(following_ids, most_chars=PAGE_CHARS) if following_ids else []
    return CharacterList(
        characters=_answers_of(rows, **IN_LIST),
        next_cursor=rows[-1].id if len(rows) < len(following_ids) else "",
    )


@bp.post("")
@operation("Create a character", scope="chat", body=NewCharacter, answer=CharacterAnswer, status=201, errors=(404,))
def create(body: NewCharacter) -> CharacterAnswer:
    return _one(service.create(body, author=audit_author()))


@bp.post("/import")
@operation(
    "Import characters from card files: PNG, JSON or CHARX, versions 1 to 3",
    scope="chat",
    upload_field="file",
    answer=BroughtAnswer,
    status=201,
    most_bytes=MOST_BYTES,
)
def bring_in() -> BroughtAnswer:
    result = exchange.import_cards(((storage.filename, storage.stream) for storage in request.files.getlist("file")), by=caller())
    failed_files = [FailedFile(name=name, reason=reason) for name, reason in result.failed]
    if failed_files and not result.characters:
        raise NothingImported(failed_files)
    like = {character.id: ExistingCharacter.of(character.existing) for character in result.characters if character.existing}
    imported_characters = [ImportedCharacter.of(character, existing=like.get(character.id)) for character in result.characters]
    return BroughtAnswer(characters=imported_characters, failed=failed_files)


@bp.get("/<id>")
@operation("Show a character", scope="read", answer=CharacterAnswer)
def show(id: str) -> CharacterAnswer:
    return _one(seen(profiles.CHARACTERS, id))


@bp.patch("/<id>")
@operation("Update a character", scope="chat", body=CharacterChange, answer=CharacterAnswer, errors=(409,))
def change(id: str, body: Changes) -> CharacterAnswer:
    character = seen(profiles.CHARACTERS, id)
    service.change(
        character, service.CharacterInput.entered(service.CharacterInput.present(character) | body.given), author=audit_author()
    )
    return _one(seen(profiles.CHARACTERS, id))


@bp.post("/<id>/duplicate")
@operation("Duplicate a character", scope="chat", answer=CharacterAnswer, status=201, errors=(409, 422))
def duplicate(id: str) -> CharacterAnswer:
    return _one(service.duplicate(seen(profiles.CHARACTERS, id), by=caller()))


@bp.put("/<id>/favorite")
@operation("Add a character to your favorites", scope="chat", status=204, errors=(409,))
def add_favorite(id: str) -> None:
    service.star(seen(profiles.CHARACTERS, id), by=caller(), is_favorite=True)


@bp.delete("/<id>/favorite")
@operation("Remove a character from your favorites", scope="chat", status=204)
def remove_favorite(id: str) -> None:
    service.star(seen(profiles.CHARACTERS, id), by=caller(), is_favorite=False)


@bp.get("/<id>/persona")
@operation("Show the persona that your new chats with a character begin with", scope="read", answer=KeptPersona)
def show_persona(id: str) -> KeptPersona:
    persona = queries.persona_with(caller(), seen(profiles.CHARACTERS, id).id)
    return KeptPersona(persona_id=persona.id if persona else None)


@bp.put("/<id>/persona")
@operation(
    "Choose the persona that your new chats with a character begin with; a chat can still have another",
    scope="chat",
    body=PersonaChoice,
    answer=KeptPersona,
    errors=(409,),
)
def keep_persona(id: str, body: PersonaChoice) -> KeptPersona:
    persona = queries.SEEN_PERSONAS.one(caller(), body.persona_id) if body.persona_id else None
    if body.persona_id and persona is None:
        raise InvalidFields({"persona_id": "Not found, or you don't have access."})
    persona_service.keep_with(seen(profiles.CHARACTERS, id).id, persona, by=caller())
    return KeptPersona(persona_id=persona.id if persona else None)


@bp.post("/<id>/replace")
@operation(
    "Replace a character's texts, card and picture with another one's; its chats continue with them",
    scope="chat",
    body=Replacement,
    answer=CharacterAnswer,
    errors=(403, 409, 422),
)
def replace_texts(id: str, body: Replacement) -> CharacterAnswer:
    exchange.replace_texts(seen(profiles.CHARACTERS, id), seen(profiles.CHARACTERS, body.character_id), by=caller())
    return _one(seen(profiles.CHARACTERS, id))


@bp.get("/<id>/scripts")
@operation("List the text scripts of a character", scope="read", answer=ScriptList)
def scripts(id: str) -> ScriptList:
    return _scripts(seen(profiles.CHARACTERS, id))


@bp.put("/<id>/scripts")
@operation("Replace the text scripts of a character", scope="chat", body=Scripts, answer=ScriptList, errors=(409, 422))
def put_scripts(id: str, body: Scripts) -> ScriptList:
    service.change_card(seen(profiles.CHARACTERS, id), lambda card: with_scripts(card, body.scripts), by=caller())
    return _scripts(seen(profiles.CHARACTERS, id))


@bp.get("/<id>/export")
@operation("Export a character as a card file", scope="read", query=CharacterExportQuery, media="*/*")
def export(id: str, query: CharacterExportQuery) -> Response:
    return shown.card_file(seen(profiles.CHARACTERS, id), query.format, query.spec)


@bp.get("/<id>/avatar")
@operation("Get a character's picture", scope="read", media="image/*")
def avatar(id: str) -> Response:
    return shown.picture(queries.avatar(seen(profiles.CHARACTERS, id).avatar_id))


@bp.put("/<id>/avatar")
@operation("Set a character's picture: PNG, JPEG or WebP", answer=CharacterAnswer, **TAKES_PICTURE)
def put_avatar(id: str) -> CharacterAnswer:
    profiles.picture(seen(profiles.CHARACTERS, id), sent_picture(), by=caller())
    return _one(seen(profiles.CHARACTERS, id))


@bp.delete("/<id>/avatar")
@operation("Remove a character's picture", scope="chat", status=204, errors=(409,))
def delete_avatar(id: str) -> None:
    profiles.picture(seen(profiles.CHARACTERS, id), b"", by=caller())


def sent_picture() -> bytes:
    """Returns the request body, which is the image itself."""
    if content := request.get_data():
        return content
    raise Invalid("Send the image as the request body.", field="avatar")


def _scripts(row: Character) -> ScriptList:
    return ScriptList(
        scripts=[ScriptAnswer.of(script, **fields_of(script), trouble=script.trouble) for _, script in listed_in(row.card)]
    )


def _one(row: Character) -> CharacterAnswer:
    greetings = {name: greetings_in(row.card, name) for name in GREETINGS}
    kept = service.kept(row)
    preset = known(caller().id, kept["preset_id"])
    kept |= {"preset_id": preset.id if preset else ""}
    return _answers_of([row], note=notes_of(row.card)[0], **kept, **greetings)[0]


def _answers_of(rows: list[Character], **more: Any) -> list[CharacterAnswer]:
    me, shared = caller(), queries.shared_among([row.id for row in rows])
    favorites = queries.favorites(me)
    seen = {
        collection.id for collection in knowledge_queries.collections_among(me, [id for row in rows for id in row.collection_ids])
    }
    return [
        CharacterAnswer.of(
            row,
            is_teams=not row.owner_id,
            is_own=row.owner_id == me.id,
            is_favorite=row.id in favorites,
            collection_ids=[id for id in row.collection_ids if id in seen],
            is_shared=not row.owner_id or row.id in shared,
            avatar_url=url_for(".avatar", id=row.id) if row.avatar_id else None,
            **more,
        )
        for row in rows
    ]


add_trash_operations(
    bp,
    profiles.CHARACTERS,
    _one,
    scope="chat",
    deleting="Delete a character; it can be restored, and its chats are kept",
    restoring="Restore a deleted character",
)
