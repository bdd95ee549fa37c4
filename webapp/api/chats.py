"""/api/v1/chats: the list, and what is done with a chat as a whole."""

from typing import Any

from flask import Blueprint, Response

from webapp.api import told
from webapp.api.access import caller
from webapp.api.encoders.canonical import CanonicalEncoder
from webapp.api.events import EVENTS
from webapp.api.operations import idempotency_key, operation, wants_stream
from webapp.api.problems import Refused
from webapp.api.schemas.chats import ChatAnswer, ChatChange, ChatList, ChatsQuery, NewChat, NewChatAnswer
from webapp.api.stream import stream
from webapp.characters import queries as cast
from webapp.characters.tables import Persona
from webapp.chat import export, listing, queries, roleplay, service, slices
from webapp.chat.access import own_chat, visible_chat
from webapp.chat.asking import How
from webapp.chat.roleplay import Prompts
from webapp.chat.tables import Chat
from webapp.extensions import db
from webapp.generations.engine import the_engine
from webapp.web.guards import found
from webapp.web.pagination import cut

bp = Blueprint("api_chats", __name__, url_prefix="/api/v1/chats")
PROMPTS = {*roleplay.TEXTS, *roleplay.NUMBERS}
NULLABLE = {*roleplay.NUMBERS, "persona_id"}
UNSEEN = "It is not there, or it is not yours to see."


@bp.get("")
@operation("List your chats, those that changed last first", scope="read", query=ChatsQuery, answer=ChatList)
def index(query: ChatsQuery) -> ChatList:
    rows = slices.chats(caller().id, show=query.show, after=query.cursor, limit=query.limit + 1)
    page = cut(rows, query.limit)
    return ChatList(chats=told.chats(page.rows), next_cursor=page.next_cursor or None)


@bp.post("")
@operation(
    "Make a chat, and send its first message if there is one",
    scope="chat",
    body=NewChat,
    answer=NewChatAnswer,
    status=201,
    errors=(409, 429),
    stream=EVENTS,
)
def create(body: NewChat) -> NewChatAnswer | Response:
    _refuse_what_does_not_go_together(body)
    key, title = idempotency_key(), listing.checked_title(body.title) if body.title else ""
    if not body.message:
        return NewChatAnswer(chat=told.chat(_silent(body)), sent=None)
    generation = service.begin(
        body.message,
        model=body.model or service.starting_model(caller()),
        key=key,
        owner_id=caller().id,
        how=How(context_limit=body.context_limit),
        is_temporary=body.is_temporary,
    )
    chat = db.session.get_one(Chat, generation.chat_id)
    if title and not chat.title_is_own:
        listing.rename(chat, title)
    if wants_stream():
        return stream(generation, CanonicalEncoder())
    return NewChatAnswer(chat=told.chat(chat), sent=told.sent(generation))


@bp.get("/<id>")
@operation("Show a chat", scope="read", answer=ChatAnswer)
def show(id: str) -> ChatAnswer:
    return told.chat(visible_chat(id))


@bp.patch("/<id>")
@operation("Change a chat's title, model, prompts or persona, or where it is", scope="chat", body=ChatChange, answer=ChatAnswer)
def change(id: str, body: ChatChange) -> ChatAnswer:
    chat, wanted = own_chat(id), body.model_dump(exclude_unset=True)
    given = {name: value for name, value in wanted.items() if value is not None or name in NULLABLE}
    if given.keys() & {*PROMPTS, "persona_id"}:
        _set_prompts(chat, given)
    if "model" in given:
        service.choose(chat, given["model"])
    if "title" in given:
        listing.rename(chat, given["title"])
    if "is_archived" in given:
        listing.archive(chat, is_archived=given["is_archived"])
    if "is_pinned" in given:
        listing.pin(chat, is_pinned=given["is_pinned"])
    return told.chat(own_chat(id))


@bp.delete("/<id>")
@operation("Throw a chat away; from the trash it can be restored", scope="chat", status=204)
def delete(id: str) -> None:
    listing.trash(own_chat(id))


@bp.post("/<id>/restore")
@operation("Bring a chat back from the trash", scope="chat", answer=ChatAnswer)
def restore(id: str) -> ChatAnswer:
    listing.restore(_in_trash(id))
    return told.chat(own_chat(id))


@bp.post("/<id>/erase")
@operation("Delete a chat in the trash for good", scope="chat", status=204, errors=(409,))
def erase(id: str) -> None:
    listing.erase(_in_trash(id))


@bp.get("/<id>/export")
@operation("Take a chat along, with all its branches, as a file that can be imported", scope="read", media="application/json")
def take(id: str) -> Response:
    chat = own_chat(id)
    headers = {"Content-Disposition": f'attachment; filename="{export.file_name(chat.title, "json")}"'}
    return Response(export.as_json(the_engine(), chat.id), mimetype="application/json", headers=headers)


def _refuse_what_does_not_go_together(body: NewChat) -> None:
    wrong = {
        "message": body.character_id and body.message and "The character greets first: send the message to the chat itself.",
        "persona_id": body.persona_id and not body.character_id and "You are somebody to a character: name one.",
        "is_temporary": body.is_temporary and not body.message and "A temporary chat begins with its first message.",
    }
    if refused := {name: sentence for name, sentence in wrong.items() if isinstance(sentence, str) and sentence}:
        raise Refused(refused)


def _silent(body: NewChat) -> Chat:
    """A chat in which nobody has written yet; a character has greeted in it."""
    me = caller()
    if not body.character_id:
        return service.create(me.id, title=body.title, model=body.model or service.starting_model(me))
    character = cast.character(me, body.character_id)
    if character is None:
        raise Refused({"character_id": UNSEEN})
    chat = roleplay.begin(character, by=me, persona=_persona(body.persona_id), model=body.model)
    if body.title:
        listing.rename(chat, body.title)
    return chat


def _persona(id: str) -> Persona | None:
    persona = cast.persona(caller(), id) if id else None
    if id and persona is None:
        raise Refused({"persona_id": UNSEEN})
    return persona


def _set_prompts(chat: Chat, given: dict[str, Any]) -> None:
    prompts = Prompts(**{name: given.get(name, getattr(chat, name)) for name in PROMPTS})
    present = db.session.get(Persona, chat.persona_id) if chat.persona_id else None
    persona = _persona(given["persona_id"] or "") if "persona_id" in given else present
    roleplay.set_prompts(chat, prompts, persona=persona)


def _in_trash(id: str) -> Chat:
    return found(queries.owned_chat(caller().id, id, is_deleted=True))
