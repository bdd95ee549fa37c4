"""/api/v1/chats: the list of chats, and operations on a whole chat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from flask import Blueprint, Response
from pydantic import Field, create_model

from webapp.api.access import caller
from webapp.api.native.events import EVENTS, CanonicalEncoder
from webapp.api.native.generations import SentTogether, sent_together
from webapp.api.native.things import GrantList, NewGrant
from webapp.api.operations import idempotency_key, operation, wants_stream
from webapp.api.problems import InvalidFields
from webapp.api.schemas import Answer, Body, Cursor, Model, Paged
from webapp.api.streaming.streams import stream
from webapp.base.db import db
from webapp.base.inputs import AnyId, Line
from webapp.characters import queries as character_queries
from webapp.characters.lore import queries as lore_queries, service as lore_service
from webapp.characters.tables import Persona
from webapp.chat.attachments import service as attachment_service
from webapp.chat.calls import choosing
from webapp.chat.calls.choosing import MOST_TOOLS, Key
from webapp.chat.files.attachments import MOST_FILES, joined
from webapp.chat.group.turns import MOST_CAST
from webapp.chat.messages import chats, follow_up, keeping, sending, side_by_side
from webapp.chat.prompt import chat_collections, remembering
from webapp.chat.record import projects, queries, sharing, tags, variables
from webapp.chat.record.access import own_chat, right_in, visible_chat
from webapp.chat.record.fields import FIELDS, ChatField
from webapp.chat.record.model_choice import IN_A_GROUP, MOST_BESIDE, choice_name, choice_to_ask, models_to_ask, without_command
from webapp.chat.record.tables import Chat, FollowUp, Project
from webapp.chat.record.tags import TagName
from webapp.engine.engine import the_engine
from webapp.knowledge.service import MOST_COLLECTIONS
from webapp.models.connections.models import the_models
from webapp.models.presets.choice import choice_of, id_in
from webapp.people.accounts.guards import audit_author, found, user_or_none
from webapp.people.search import printable
from webapp.web.downloads import download, file_name
from webapp.web.pagination import cut
from webapp.workspace.exchange import export
from webapp.workspace.list import paging
from webapp.workspace.projects import service as project_service
from webapp.workspace.roleplay import service as roleplay_service

bp = Blueprint("api_chats", __name__, url_prefix="/api/v1/chats")
PROMPTS = {field.name for field in FIELDS} | {"persona_id"}
CAST = {"character_ids", "turn_order"}
NULLABLE = {field.name for field in FIELDS if field.kind is not str} | {"persona_id", "preset_id", "project_id"}
TOOLS = "The keys of the tools that answers can use. Of a model that takes none, `search_web` is used once, before its answer."
BESIDE = "Two to four models that answer side by side what is sent on its page, or queued"
UNSEEN = "Not found, or you don't have access."
# What a changed field calls, in this order. All checks come before the first change.
CHECKS: Mapping[str, Callable[[Chat, Any], object]] = {
    "collection_ids": lambda chat, ids: chat_collections.with_own_files(chat, ids, by=caller()),
    "lorebook_ids": lambda _, ids: lore_service.checked(caller(), ids),
    "variables": variables.checked_in,
    "preset_id": lambda chat, id: choice_to_ask(chat, _word_of(chat, id)),
    "model": choice_to_ask,
    "models": lambda chat, models: models_to_ask(models, chat),
    "title": lambda _, title: chats.checked_title(title),
    "tools": lambda _, keys: choosing.checked(caller(), keys),
    "project_id": lambda chat, id: project_service.checked_move(chat, id, by=caller()),
    "tags": lambda _, names: tags.checked(names, by=caller()),
}
CHANGES: Mapping[str, Callable[[Chat, Any], object]] = {
    "collection_ids": lambda chat, ids: chat_collections.attach(chat, ids, by=caller()),
    "lorebook_ids": lambda chat, ids: roleplay_service.use_lorebooks(chat, lore_service.checked(caller(), ids)),
    "variables": variables.replace,
    "is_forgotten": lambda chat, is_forgotten: remembering.keep_out(chat, is_forgotten=is_forgotten),
    "preset_id": lambda chat, id: chats.choose(chat, _word_of(chat, id)),
    "model": chats.choose,
    "models": side_by_side.choose,
    "title": chats.rename,
    "is_archived": lambda chat, is_archived: chats.archive(chat, is_archived=is_archived),
    "tools": choosing.choose,
    "project_id": lambda chat, id: project_service.move(chat, id, by=caller()),
    "is_for_project": lambda chat, is_shared: project_service.share_chat(chat, author=audit_author(), is_shared=is_shared),
    "tags": lambda chat, names: tags.replace(chat, names, by=caller()),
    "is_pinned": lambda chat, is_pinned: chats.pin(chat, is_pinned=is_pinned),
    "is_kept": lambda chat, is_kept: keeping.keep(chat, is_kept=is_kept),
}
TurnOrder = Literal["manual", "rotation", "mention", "talkative"]


class AboutChat(Answer):
    id: str
    kind: str
    title: str
    model: str
    model_name: str = Field(description="The name shown for it.")
    preset_id: str | None = Field(description="The preset that it has chosen; null for none, and for all but its owner.")
    models: list[str] = Field(description=f"{BESIDE}; empty if `model` answers alone.")
    right: Literal["own", "write", "view"] = Field(
        description="What the caller is allowed to do in it. Its settings, persona and marks are told to its owner alone."
    )
    is_running: bool = Field(description="Whether an answer is being written in it.")
    is_temporary: bool
    character_id: str | None = Field(description="Its character; in a group, the one whose answers name no character.")
    character_ids: list[str] = Field(description="The characters of the chat, one or several, in the order of their turns.")
    turn_order: TurnOrder | None = Field(description="Which of several characters answers next; null if there is only one.")
    persona_id: str | None
    collection_ids: list[str] = Field(description="The collections attached to it, as far as the caller can see them.")
    lorebook_ids: list[str] = Field(description="The lorebooks attached to it that its owner can see; empty for others.")
    reads_from: list[str] = Field(
        description="The collections that answers may quote, with those that its characters know, as far as the caller sees them."
    )
    is_forgotten: bool = Field(description="Whether it is kept out of its owner's conversation memory.")
    tools: list[str] = Field(description="The keys of the tools that its answers can use.")
    project_id: str | None = Field(description="Its project, if the caller can see that; null for none.")
    is_for_project: bool = Field(description="Whether the members of its project see it.")
    tags: list[str] = Field(description="Your tags on it, which only you see.")


def _kind(field: ChatField) -> Any:
    return Literal[tuple(field.choices)] if field.choices else field.kind


ANSWERED: Any = {
    field.name: (_kind(field) if field.kind is str else field.kind | None, Field(description=field.description))
    for field in FIELDS
}


class FollowUpAnswer(Answer):
    id: str
    author_id: str | None = Field(description="Who has written it.")
    message: str
    model: str = Field(description="Empty for a preset, to all but the chat's owner.")
    model_name: str


class ChatAnswer(create_model("Settings", __base__=AboutChat, **ANSWERED)):  # type: ignore[misc]  # its base is made from the table of fields
    head_id: str | None = Field(description="The last message of the current branch.")
    variables: dict[str, str] | None = Field(
        description="What placeholders keep in it, at the end of the current branch. Null in lists, and for all but its owner."
    )
    follow_up: str = Field(description="The queued message that is sent next; empty if there is none.")
    follow_ups: list[FollowUpAnswer] = Field(description="All queued messages, the next one first.")
    pinned_at: datetime | None
    archived_at: datetime | None
    is_kept: bool = Field(description="Whether it never goes to the trash by itself.")
    leaves_at: datetime | None = Field(description="When it goes to the trash if nobody touches it until then; null if it stays.")
    deleted_at: datetime | None
    created_at: datetime
    changed_at: datetime


# What all but the owner of a chat are told of what its owner alone sets.
UNTOLD: Mapping[str, Any] = {
    **{field.name: "" if field.kind is str else None for field in FIELDS},
    **dict.fromkeys(("preset_id", "persona_id", "pinned_at", "archived_at")),
    **dict.fromkeys(("is_forgotten", "is_kept"), False),
    "lorebook_ids": [],
}


class ChatList(Answer):
    chats: list[ChatAnswer]
    next_cursor: str | None


class ChatsQuery(Paged):
    show: Literal["open", "archived", "deleted", "all"] = "open"
    character_id: Cursor = Field("", description="Only chats with this character, alone or in a group; empty for all chats.")
    project: Cursor = Field("", description="The id of a project, for your chats in it; empty for all chats.")
    tag: Line = Field("", description="Only chats with this tag of yours, in upper or lower case; empty for all chats.")


class NewChat(Body):
    title: Line = ""
    model: Model = ""
    preset_id: Cursor = Field("", description="A preset in place of a model; empty for none.")
    models: list[Line] = Field([], description=f"{BESIDE}, as they do `message`; empty for none.", max_length=MOST_BESIDE)
    message: str = Field("", description="The first message, sent immediately; empty for none.")
    file_ids: list[AnyId] = Field([], description="Your files that go with it, from `POST /api/v1/files`.", max_length=MOST_FILES)
    context_limit: int | None = Field(None, ge=0, le=200)
    character_id: Cursor = Field("", description="The character to chat with, who greets first.")
    character_ids: list[AnyId] = Field(
        [], description="Several characters, who all greet: a group. One is the same as `character_id`.", max_length=MOST_CAST
    )
    turn_order: TurnOrder | None = Field(None, description="Which of several characters answers next; `mention` if not given.")
    persona_id: Cursor = Field("", description="Your persona; empty for your default.")
    is_temporary: bool = Field(False, description="Whether the chat is temporary. A temporary chat needs a first message.")
    collection_ids: list[AnyId] = Field([], description="Collections that answers may quote.", max_length=MOST_COLLECTIONS)
    tools: list[Key] = Field([], description=TOOLS, max_length=MOST_TOOLS)
    project_id: Cursor = Field("", description="The project in which it begins, where you can write; empty for none.")
    tags: list[TagName] = Field([], description="Your tags on it.", max_length=tags.MOST_OF_CHAT)


CHANGED: Any = {
    field.name: (_kind(field) | None, None if field.kind is str else Field(None, ge=field.least, le=field.most))
    for field in FIELDS
}


class ChatChange(create_model("Settings", __base__=Body, **CHANGED)):  # type: ignore[misc]  # as above
    """Updates only the fields that are sent."""

    title: Line | None = None
    model: Line | None = Field(None, description="Another model, which leaves the preset, if there is one.")
    preset_id: Cursor | None = Field(None, description="A preset in place of a model; null or empty for none.")
    models: list[Line] | None = Field(None, description=f"{BESIDE}; empty for none.", max_length=MOST_BESIDE)
    character_ids: list[AnyId] | None = Field(
        None,
        description="Its characters from now on, at least two. A chat with one character becomes a group.",
        max_length=MOST_CAST,
    )
    turn_order: TurnOrder | None = Field(None, description="Which of several characters answers next.")
    persona_id: Cursor | None = Field(None, description="Your persona in this chat; null or empty for none.")
    collection_ids: list[AnyId] | None = Field(None, description="Instead of those before.", max_length=MOST_COLLECTIONS)
    lorebook_ids: list[AnyId] | None = Field(None, description="Instead of those before.", max_length=lore_service.MOST_ATTACHED)
    variables: dict[str, str] | None = Field(
        None, description="Instead of those at the end of the current branch; up to 100, with values of 2,000 characters."
    )
    is_forgotten: bool | None = Field(None, description="Whether it is kept out of your conversation memory.")
    tools: list[Key] | None = Field(None, description=f"Instead of those before. {TOOLS}", max_length=MOST_TOOLS)
    project_id: Cursor | None = Field(None, description="A project in which you can write; null or empty for none.")
    is_for_project: bool | None = Field(None, description="Whether the members of its project see it; false after a move.")
    tags: list[TagName] | None = Field(None, description="Your tags, instead of those before.", max_length=tags.MOST_OF_CHAT)
    is_pinned: bool | None = None
    is_archived: bool | None = None
    is_kept: bool | None = Field(None, description="Whether it is kept for ever, whatever the rule for old chats is.")


class TagsOfChat(Body):
    tags: list[TagName] = Field(description="Your tags on the chat, which only you see.", max_length=tags.MOST_OF_CHAT)


class NewChatAnswer(Answer):
    chat: ChatAnswer
    sent: SentTogether | None


@bp.get("")
@operation("List your chats, most recently changed first", scope="read", query=ChatsQuery, answer=ChatList)
def index(query: ChatsQuery) -> ChatList:
    about: dict[str, Any] = {
        "show": query.show,
        "character_id": query.character_id,
        "project_id": query.project,
        "tag": printable(query.tag),
        "after": query.cursor,
    }
    rows = paging.chats(caller().id, **about, limit=query.limit + 1)
    page = cut(rows, query.limit)
    return ChatList(chats=answers_of(page.rows), next_cursor=page.next_cursor or None)


@bp.post("")
@operation(
    "Create a chat, and send its first message if given",
    scope="chat",
    body=NewChat,
    answer=NewChatAnswer,
    status=201,
    takes_key=True,
    errors=(404, 409, 429),
    stream=EVENTS,
)
def create(body: NewChat) -> NewChatAnswer | Response:
    _refuse_what_does_not_go_together(body)
    key, title = idempotency_key(), chats.checked_title(body.title) if body.title else ""
    reads = chat_collections.checked(caller(), body.collection_ids)
    project = project_service.writable(caller(), body.project_id) if body.project_id else None
    tools, names = choosing.checked(caller(), body.tools), tags.checked(body.tags, by=caller())
    models = models_to_ask(body.models, by=caller().id)
    message, drawn_by = (body.message, "") if models else without_command(body.message)
    text = joined(message, attachment_service.blocks(caller().id, body.file_ids))
    if not text:
        chat = _silent(body, reads, project)
        if tools:
            choosing.choose(chat, tools)
        if models:
            side_by_side.choose(chat, models)
        if body.project_id:
            project_service.move(chat, body.project_id, by=caller())
        if names:
            tags.change([chat], add=names, by=caller())
        return NewChatAnswer(chat=answer_of(chat), sent=None)
    generation = sending.start_chat(
        text,
        model=_chosen(body) or (project.model if project else "") or chats.starting_model(caller()),
        key=key,
        owner_id=caller().id,
        options=sending.AnswerOptions(context_limit=body.context_limit),
        is_temporary=body.is_temporary,
        reads=reads,
        tools=tools,
        project=project,
        models=models,
        answered_by=drawn_by,
    )
    if title and not (chat := db.session.get_one(Chat, generation.chat_id)).title_is_own:
        chats.rename(chat, title)
    if names:
        tags.change([db.session.get_one(Chat, generation.chat_id)], add=names, by=caller())
    # Several can't be one stream.
    if wants_stream() and not generation.column_number:
        return stream(generation, CanonicalEncoder())
    return NewChatAnswer(chat=answer_of(db.session.get_one(Chat, generation.chat_id)), sent=sent_together(generation))


@bp.get("/<id>")
@operation("Show a chat", scope="read", answer=ChatAnswer)
def show(id: str) -> ChatAnswer:
    return answer_of(visible_chat(id))


@bp.patch("/<id>")
@operation(
    "Update a chat's title, model, prompts, persona or characters, or pin, keep, archive or unarchive it",
    scope="chat",
    body=ChatChange,
    answer=ChatAnswer,
    errors=(409,),
    named={"lorebooks": "lorebook_ids"},
)
def change(id: str, body: ChatChange) -> ChatAnswer:
    chat, changes = own_chat(id), body.model_dump(exclude_unset=True)
    values = {name: value for name, value in changes.items() if value is not None or name in NULLABLE}
    _refuse_unfit(chat, values)
    if values.keys() & CAST:
        roleplay_service.recast(chat, values.get("character_ids"), values.get("turn_order"), by=caller())
    if values.keys() & PROMPTS:
        _set_fields(own_chat(id), values)
    for name in [name for name in CHANGES if name in values]:
        CHANGES[name](own_chat(id), values[name])
    return answer_of(own_chat(id))


@bp.put("/<id>/tags")
@operation(
    "Set your tags on a chat, your own or one that is shared with you",
    scope="chat",
    body=TagsOfChat,
    answer=ChatAnswer,
    errors=(409,),
)
def put_tags(id: str, body: TagsOfChat) -> ChatAnswer:
    tags.replace(visible_chat(id), body.tags, by=caller())
    return answer_of(visible_chat(id))


@bp.delete("/<id>")
@operation("Move a chat to the trash; it can be restored", scope="chat", status=204)
def delete(id: str) -> None:
    chats.trash(own_chat(id))


@bp.get("/<id>/grants")
@operation("List who a chat is shared with; for its owner", scope="read", answer=GrantList)
def grants(id: str) -> GrantList:
    return _grants(own_chat(id))


@bp.put("/<id>/grants")
@operation(
    "Share a chat, or change what was granted; everyone, who can read it with its link, can only be granted `read`",
    scope="chat",
    body=NewGrant,
    answer=GrantList,
    errors=(409,),
    named={"whom": "to_id"},
)
def grant(id: str, body: NewGrant) -> GrantList:
    chat, is_read = own_chat(id), body.right == "read"
    if body.to != "everyone":
        sharing.share(chat, f"{body.to}:{body.to_id or ''}", "view" if is_read else "write", author=audit_author())
    elif body.to_id or not is_read:
        raise InvalidFields({"right": "Everyone can only read a chat."} if not is_read else {"to_id": "Everyone has no id."})
    else:
        sharing.open_to_team(chat, author=audit_author())
    return _grants(own_chat(id))


@bp.delete("/<id>/grants/<grant_id>")
@operation("Stop sharing a chat with someone", scope="chat", status=204)
def revoke(id: str, grant_id: str) -> None:
    sharing.unshare(own_chat(id), grant_id, author=audit_author())


@bp.post("/<id>/restore")
@operation("Restore a chat from the trash", scope="chat", answer=ChatAnswer)
def restore(id: str) -> ChatAnswer:
    chats.restore(_in_trash(id))
    return answer_of(own_chat(id))


@bp.post("/<id>/erase")
@operation("Permanently delete a chat from the trash", scope="chat", status=204, errors=(409,))
def erase(id: str) -> None:
    chats.erase(_in_trash(id))


@bp.get("/<id>/export")
@operation("Export a chat with all its branches, as a file that can be imported", scope="read", media="application/json")
def take(id: str) -> Response:
    chat = own_chat(id)
    name = file_name(chat.title, "json", otherwise="chat")
    return download(export.as_json(the_engine(), chat.id), name, "application/json")


def _grants(chat: Chat) -> GrantList:
    shares = sharing.shares(chat)
    return GrantList.to(replace(share, right="read" if share.right == "view" else share.right) for share in shares)


def _refuse_what_does_not_go_together(body: NewChat) -> None:
    is_played = body.character_id or body.character_ids
    wrong = {
        "character_ids": body.character_id and body.character_ids and "Send either `character_id` or `character_ids`.",
        "message": is_played
        and body.message
        and "The character greets first. Create the chat without a message, then send the message to it.",
        "persona_id": body.persona_id and not is_played and "A persona needs a character. Choose a character too.",
        "preset_id": body.preset_id and body.model and "Send either `model` or `preset_id`.",
        "models": body.models and len(body.character_ids) > 1 and IN_A_GROUP,
        "is_temporary": body.is_temporary and not body.message and "A temporary chat needs a first message.",
        "project_id": body.project_id and body.is_temporary and project_service.TEMPORARY,
        "tags": body.tags and body.is_temporary and tags.NONE_OF_TEMPORARY,
    }
    if refused := {name: sentence for name, sentence in wrong.items() if isinstance(sentence, str) and sentence}:
        raise InvalidFields(refused)


def _silent(body: NewChat, reads: Sequence[str], project: Project | None) -> Chat:
    """Creates a chat without messages, except for a character's greeting."""
    me = caller()
    ids = body.character_ids or [body.character_id]
    if ids == [""]:
        model = _chosen(body) or (project.model if project else "") or chats.starting_model(me)
        return chats.create(me.id, title=body.title, model=model, reads=reads, project=project)
    chat = _played(body, ids, reads)
    if body.title:
        chats.rename(chat, body.title)
    return chat


def _played(body: NewChat, ids: Sequence[str], reads: Sequence[str]) -> Chat:
    """Creates a chat in which one or several characters have sent their greetings."""
    me, persona = caller(), _persona(body.persona_id)
    if len(ids) > 1:
        return roleplay_service.begin_group(
            ids, by=me, turn_order=body.turn_order or "", persona=persona, model=_chosen(body), reads=reads
        )
    character = character_queries.SEEN_CHARACTERS.one(me, ids[0])
    if character is None:
        raise InvalidFields({"character_ids" if body.character_ids else "character_id": UNSEEN})
    return roleplay_service.begin(character, by=me, persona=persona, model=_chosen(body), reads=reads)


def _word_of(chat: Chat, preset_id: str | None) -> str:
    """Returns what chooses a preset for the chat, or without one the chat's model."""
    return choice_of(preset_id) if preset_id else chat.model


def _chosen(body: NewChat) -> str:
    return choice_of(body.preset_id) if body.preset_id else body.model


def _persona(id: str) -> Persona | None:
    persona = character_queries.SEEN_PERSONAS.one(caller(), id) if id else None
    if id and persona is None:
        raise InvalidFields({"persona_id": UNSEEN})
    return persona


def _refuse_unfit(chat: Chat, values: dict[str, Any]) -> None:
    """Validates all changes before the first service call, so that a refusal leaves the chat unchanged."""
    me = caller()
    if {"model", "preset_id"} <= values.keys():
        raise InvalidFields({"preset_id": "Send either `model` or `preset_id`."})
    if values.get("character_ids") and values.get("models"):
        raise InvalidFields({"models": IN_A_GROUP})
    if values.keys() & CAST:
        roleplay_service.checked_cast(chat, values.get("character_ids"), values.get("turn_order"), by=me)
    if values.keys() & PROMPTS:
        roleplay_service.checked_fields(values)
        _persona(values.get("persona_id") or "")
    for name in [name for name in CHECKS if name in values]:
        CHECKS[name](chat, values[name])


def _set_fields(chat: Chat, values: dict[str, Any]) -> None:
    fields = {name: value for name, value in values.items() if name in PROMPTS}
    if "persona_id" in fields:
        persona = _persona(fields["persona_id"] or "")
        fields["persona_id"] = persona.id if persona else None
    roleplay_service.set_fields(chat, fields)


def _in_trash(id: str) -> Chat:
    return found(queries.owned_chat(caller().id, id, is_deleted=True))


def answer_of(row: Chat) -> ChatAnswer:
    """Returns a chat with the caller's right in it."""
    me = user_or_none()
    is_own = me is not None and row.owner_id == me.id
    return answers_of([row], variables.variables_at(row.head_id if row.cast_ids else None) if is_own else None)[0]


def answers_of(rows: Sequence[Chat], variables: dict[str, str] | None = None) -> list[ChatAnswer]:
    """Returns chats in the order given, each with the caller's right in it."""
    running, me = queries.lanes_in_use(row.lane for row in rows), user_or_none()
    readable = chat_collections.visible_ids(rows, me)
    own = [row for row in rows if me and row.owner_id == me.id]
    seen_projects = projects.seen_among(me, (row.project_id for row in rows)) if me else set()
    shareable = projects.projects_of(row for row in rows if row.is_for_project)
    usable = set(lore_queries.SEEN_LOREBOOKS.ids_among(me, (id for row in own for id in row.lorebook_ids))) if me else set()
    leaving = keeping.leaves_on(rows)
    tags_by_id = tags.by_chat(me.id, (row.id for row in rows)) if me and rows else {}
    waiting: dict[str, list[FollowUpAnswer]] = {row.id: [] for row in rows}
    owners = {row.id: row.owner_id for row in rows}
    for queued in follow_up.waiting_in(*waiting):
        waiting[queued.chat_id].append(_queued(queued, owners[queued.chat_id]))
    return [
        ChatAnswer.of(
            row,
            # In the trash, only the owner has a right to a chat; others get `view`.
            right=right_in(row, me) or "view",
            character_ids=row.cast_ids,
            turn_order=row.turn_order if row.is_group else None,
            model_name=the_models().display_name(row.model),
            is_running=row.lane in running,
            leaves_at=leaving.get(row.id),
            variables=variables,
            follow_up=next((answer.message for answer in waiting[row.id]), ""),
            follow_ups=waiting[row.id],
            collection_ids=[id for id in readable[row.id] if id in row.collection_ids],
            reads_from=readable[row.id],
            project_id=row.project_id if row.project_id in seen_projects else None,
            is_for_project=row.id in shareable,
            tags=tags_by_id.get(row.id, []),
            **({"lorebook_ids": [id for id in row.lorebook_ids if id in usable]} if row in own else UNTOLD),
        )
        for row in rows
    ]


def _queued(row: FollowUp, owner_id: str | None) -> FollowUpAnswer:
    author_id, me = row.author_id or owner_id, user_or_none()
    is_told = not id_in(row.model) or (me is not None and me.id == owner_id)
    model = {"model": row.model, "model_name": choice_name(owner_id, row.model)} if is_told else {"model": "", "model_name": ""}
    return FollowUpAnswer(id=row.id, author_id=author_id, message=row.text, **model)
