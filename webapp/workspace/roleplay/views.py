"""Pages of chats with a character: starting one, its avatar, and the settings of its prompt."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, request, url_for

from webapp.base.db import db
from webapp.base.errors import Conflict, Invalid
from webapp.characters import queries as character_queries, shown as characters_shown
from webapp.characters.lore import queries as lore_queries, service as lore_service
from webapp.characters.tables import Persona
from webapp.chat.group import members
from webapp.chat.messages import chats
from webapp.chat.prompt import chat_collections, remembering
from webapp.chat.record import variables
from webapp.chat.record.access import own_chat, right_in, visible_chat
from webapp.chat.record.fields import settings_mark
from webapp.chat.record.model_choice import model_named
from webapp.chat.record.presets import preset_of
from webapp.chat.record.tables import Chat
from webapp.knowledge import queries as knowledge_queries
from webapp.models.connections.models import the_models
from webapp.people import preferences
from webapp.people.accounts.guards import current_user, found, signed_in, user_or_none
from webapp.web.htmx import is_htmx, redirect, render
from webapp.web.pagination import cut
from webapp.workspace.list import paging, shown
from webapp.workspace.page.answer_shown import face_of_chat, members_in
from webapp.workspace.page.pages import chat_page_url
from webapp.workspace.roleplay import service as roleplay_service
from webapp.workspace.roleplay.forms import PromptsForm
from webapp.workspace.roleplay.scene_shown import picture_in, scene_in
from webapp.workspace.roleplay.variable_views import VariableRows

PAGE = 10
VARIABLES = "variables"


@dataclass(frozen=True, slots=True)
class CharacterChats:
    """A page of these chats, newest first. `newest_url` is empty on the first page, `next_url` on the last."""

    chats: Sequence[shown.SidebarChat]
    newest_url: str
    next_url: str


bp = Blueprint("roleplay", __name__)
bp.add_app_template_global(scene_in)


@dataclass(frozen=True, slots=True)
class PlayedCast:
    """The characters and the persona of a chat for its page; each character with a link if the viewer can see it."""

    cast: Sequence[tuple[characters_shown.Face, str]]
    persona: str
    cast_url: str


@bp.post("/characters/<id>/chat")
@signed_in
def begin(id: str) -> Response:
    me, entered = current_user(), request.form.get("persona")
    character, persona = found(character_queries.SEEN_CHARACTERS.one(me, id)), chosen_persona(entered or "")
    return redirect(chat_page_url(roleplay_service.begin(character, by=me, persona=persona, is_nobody=entered == "").id))


@bp.get("/chats/<id>/prompts")
@signed_in
def edit(id: str) -> Response:
    chat = own_chat(id)
    form = PromptsForm.of(chat)
    return _sheet(chat, form) if is_htmx() else _page(chat, form)


@bp.post("/chats/<id>/prompts")
@signed_in
def update(id: str) -> Response:
    """Saves the form, or the one field that an open panel says has `changed`; `to_default` names a field to reset."""
    chat, form, changed = own_chat(id), PromptsForm.opened(), request.form.get("changed", "")
    now, was = PromptsForm.of(chat), settings_mark(chat)
    form.merge(now)
    if changed:
        form.keep_others([changed], now)
    form.reset(request.form.get("to_default", ""))
    with form.attempt():
        _save(chat, form, changed)
        if not changed:
            return redirect(url_for(".edit", id=id) if "to_default" in request.form else chat_page_url(id))
        chat = own_chat(id)
        return _saved(chat, PromptsForm.of(chat), changed, was)
    chat = own_chat(id)
    return _saved(chat, form, changed, was) if changed else _page(chat, form)


@bp.get("/chats/<id>/avatar")
@signed_in
def avatar(id: str) -> Response:
    chat, of = visible_chat(id), request.args.get("of", "")
    is_other = of and members.has_part(chat, of)
    character = (
        character_queries.character_of(db.session(), chat.owner_id, of)
        if is_other
        else None
        if of
        else members.character_of(chat)
    )
    return characters_shown.picture(character_queries.avatar(character.avatar_id if character else None))


@bp.get("/chats/<id>/scenery/<picture_id>")
@signed_in
def scenery(id: str, picture_id: str) -> Response:
    return characters_shown.picture(picture_in(visible_chat(id), picture_id))


@bp.post("/chats/<id>/scenery")
@signed_in
def surround(id: str) -> Response:
    """Turns the portrait or the background on or off, in all chats of this person."""
    visible_chat(id)
    wanted = {name: request.form[name] == "y" for name in ("portraits", "backgrounds") if name in request.form}
    preferences.surround(current_user(), **wanted)
    return redirect(chat_page_url(id))


@bp.app_template_global()
def played_in(chat_id: str) -> PlayedCast | None:
    """Returns the characters of a chat; None for a chat without a character."""
    chat, me = db.session.get_one(Chat, chat_id), user_or_none()
    face = None if chat.is_group else face_of_chat(chat)
    there = members_in(chat) if chat.is_group else [(chat.character_id or "", face)] if face else []
    if not there:
        return None
    is_own, persona = right_in(chat, me) == "own", members.persona_of(chat)
    seen = {member.id for member in character_queries.members(db.session(), me.id, [id for id, _ in there])} if me else set()
    faces = [(face, url_for("characters.show", id=id) if id in seen else "") for id, face in there]
    return PlayedCast(faces, persona.name if persona and is_own else "", url_for("group.edit", id=chat.id) if is_own else "")


def chosen_persona(id: str) -> Persona | None:
    persona = character_queries.SEEN_PERSONAS.one(current_user(), id) if id else None
    if id and not persona:
        raise Invalid("That persona no longer exists.", field="persona")
    return persona


def _about(form: PromptsForm, chat: Chat) -> PromptsForm:
    return form.about(
        None if chat.is_group else members.character_of(chat),
        character_queries.SEEN_PERSONAS.all(current_user()),
        model_named(chat.model),
        knowledge_queries.to_choose(current_user()),
        lore_queries.SEEN_LOREBOOKS.all(current_user(), first=chat.lorebook_ids),
        preset=preset_of(chat),
        is_remembered=remembering.is_on(current_user(), chat.prompt_key),
        is_played=bool(chat.cast_ids),
    )


def _save(chat: Chat, form: PromptsForm, name: str) -> None:
    """Checks all of the form, or only this field if one is named; then stores what differs."""
    me, id = current_user(), chat.id
    values = form.value_of(name) if name else form.values
    if name in ("", "persona"):
        persona = chosen_persona(form.persona.data or "")
        values |= {"persona_id": persona.id if persona else None}
    books = lore_service.checked(me, form.lorebooks.data or []) if name in ("", "lorebooks") else None
    model = _chosen_model(form, chat) if name in ("", "model") else chat.model
    if (variable_rows := VariableRows.sent(request.form)) and variable_rows.is_changed:
        variables.replace(chat, variable_rows.values, seen=variable_rows.seen)
        chat = own_chat(id)
    if name in ("", "collections"):
        chat_collections.attach(chat, form.collections.data or (), by=me)
    roleplay_service.set_fields(own_chat(id), values)
    if books is not None:
        roleplay_service.use_lorebooks(own_chat(id), books)
    if name in ("", "is_forgotten") and remembering.is_on(me, chat.prompt_key):
        remembering.keep_out(own_chat(id), is_forgotten=bool(form.is_forgotten.data))
    if model != own_chat(id).model:
        chats.choose(own_chat(id), model)


def _chosen_model(form: PromptsForm, chat: Chat) -> str:
    """Returns the model chosen in the form, or the chat's if none was."""
    model = _about(form, chat).model.chosen or chat.model
    if model != chat.model and not the_models().is_choosable(model, chat.owner_id or ""):
        raise Invalid("That model is no longer available.", field="model")
    return model


def _rows(form: PromptsForm, chat: Chat) -> VariableRows | None:
    """Returns the variables of a chat with characters, or the submitted rows if they were refused."""
    variable_rows = VariableRows.sent(request.form) if form.refusal else None
    if not variable_rows:
        return VariableRows.from_values(variables.variables_at(chat.head_id)) if chat.cast_ids and chat.head_id else None
    return variable_rows.applied_to(variables.variables_at(chat.head_id)) if isinstance(form.refusal, Conflict) else variable_rows


def _page(chat: Chat, form: PromptsForm) -> Response:
    return _about(form, chat).shown(
        "workspace/roleplay/prompts.html",
        chat=chat,
        mark=settings_mark(chat),
        back_url=chat_page_url(chat.id),
        variables=_rows(form, chat),
    )


def _sheet(chat: Chat, form: PromptsForm) -> Response:
    """Renders the settings panel next to a chat."""
    return render(
        "workspace/roleplay/_prompts_sheet.html",
        chat=chat,
        form=_about(form, chat),
        mark=settings_mark(chat),
        variables=_rows(form, chat),
    )


def _saved(chat: Chat, form: PromptsForm, name: str, was: str) -> Response:
    """Renders the field of the open panel that was saved or refused, and what the panel says about all of them.

    A panel that was out of date, as it didn't show what `was` there, keeps its mark until it is drawn again.
    """
    mark = request.form.get("mark", "")
    return render(
        "workspace/roleplay/_saved.html",
        status=form.refusal.status if form.refusal else 200,
        chat=chat,
        form=_about(form, chat),
        name=name,
        mark=settings_mark(chat) if mark == was else mark,
        variables=_rows(form, chat) if name == VARIABLES else None,
    )


@bp.app_template_global()
def chats_with(character_id: str) -> CharacterChats:
    """Returns the page of chats that the URL's `before` asks for, groups included."""
    before = request.args.get("before", "")
    page = cut(paging.chats(current_user().id, character_id=character_id, after=before, limit=PAGE + 1), PAGE)
    newest_url = url_for("characters.show", id=character_id, _anchor="chats") if before else ""
    next_url = url_for("characters.show", id=character_id, before=page.next_cursor, _anchor="chats") if page.next_cursor else ""
    return CharacterChats(shown.chats(page.rows), newest_url, next_url)
