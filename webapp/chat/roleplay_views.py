"""Chats with a character: beginning one, whose face stands in it, and what is sent around its messages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from webapp.characters import queries as cast
from webapp.characters import shown as people
from webapp.characters.shown import Face
from webapp.characters.tables import Persona
from webapp.chat import roleplay
from webapp.chat.access import own_chat, right_in, visible_chat
from webapp.chat.faces_shown import face_in
from webapp.chat.pages import page_of
from webapp.chat.roleplay_forms import PromptsForm
from webapp.chat.tables import Chat
from webapp.errors import Invalid
from webapp.extensions import db
from webapp.rendering.part import part
from webapp.web.guards import current_user, found, signed_in, user_or_none
from webapp.web.htmx import is_htmx, redirect, render

bp = Blueprint("roleplay", __name__)


@dataclass(frozen=True, slots=True)
class Played:
    """Who answers in a chat, as its page says it; the form is there for the chat's owner."""

    face: Face
    character_url: str
    persona: str
    form: PromptsForm | None


@bp.post("/characters/<id>/chat")
@signed_in
def begin(id: str) -> Response:
    me, wish = current_user(), request.form.get("persona")
    character, persona = found(cast.character(me, id)), _chosen(wish or "")
    return redirect(page_of(roleplay.begin(character, by=me, persona=persona, is_nobody=wish == "").id))


@bp.get("/chats/<id>/prompts")
@signed_in
def edit(id: str) -> Response:
    chat = own_chat(id)
    form = PromptsForm.of(chat)
    return _sheet(chat, form) if is_htmx() else _page(chat, form)


@bp.post("/chats/<id>/prompts")
@signed_in
def update(id: str) -> Response:
    chat, form = own_chat(id), PromptsForm.opened()
    with form.attempt():
        roleplay.set_prompts(chat, form.prompts, persona=_chosen(form.persona.data or ""))
        chat = own_chat(id)
        return _fold(chat, PromptsForm.of(chat), "Saved.") if is_htmx() else redirect(page_of(id))
    chat = own_chat(id)
    return _fold(chat, form) if is_htmx() else _page(chat, form)


@bp.get("/chats/<id>/avatar")
@signed_in
def avatar(id: str) -> Response:
    character = roleplay.character_of(visible_chat(id))
    return people.picture(cast.avatar(character.avatar_id if character else None))


@bp.app_context_processor
def _played() -> dict[str, Callable[[str], Any]]:
    """For the page of a chat; asks nothing of the database before it is called."""
    return {"played_in": played_in}


def played_in(chat_id: str) -> Played | None:
    """Nothing for a chat without a character."""
    chat, me = db.session.get_one(Chat, chat_id), user_or_none()
    face = face_in(chat)
    if not face:
        return None
    is_own, persona = right_in(chat, me) == "own", roleplay.persona_of(chat)
    is_there = me and cast.character(me, chat.character_id or "")
    url = url_for("characters.show", id=chat.character_id) if is_there else ""
    name = persona.name if persona and is_own else ""
    return Played(face, url, name, _about(PromptsForm.of(chat), chat) if is_own else None)


def _chosen(id: str) -> Persona | None:
    persona = cast.persona(current_user(), id) if id else None
    if id and not persona:
        raise Invalid("That persona is not there any more.", field="persona")
    return persona


def _about(form: PromptsForm, chat: Chat) -> PromptsForm:
    return form.about(roleplay.character_of(chat), cast.personas(current_user()))


def _page(chat: Chat, form: PromptsForm) -> Response:
    return _about(form, chat).shown("chat/prompts.html", chat=chat, back_url=page_of(chat.id))


def _sheet(chat: Chat, form: PromptsForm) -> Response:
    """For a page that has no fold of its own."""
    return render("chat/_prompts_sheet.html", chat=chat, form=_about(form, chat), said="", is_open=True)


def _fold(chat: Chat, form: PromptsForm, said: str = "") -> Response:
    html = render_template("chat/_prompts.html", chat=chat, form=_about(form, chat), said=said, is_open=True)
    return Response(part("#chat-prompts", "outerMorph", html), form.refusal.status if form.refusal else 200)
