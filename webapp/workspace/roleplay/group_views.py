"""Pages for starting a group chat and changing its cast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, request, url_for
from wtforms import SelectField, SelectMultipleField

from webapp.base.languages import gettext as _
from webapp.characters import queries as character_queries, shown as characters_shown
from webapp.characters.tables import Persona
from webapp.chat.group.turns import LEAST_CAST, MENTION, MOST_CAST, ORDERS
from webapp.chat.record.access import own_chat
from webapp.chat.record.tables import Chat
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.forms import Form, options
from webapp.web.htmx import redirect
from webapp.web.sorting import is_sorting, submitted_order
from webapp.workspace.page.pages import chat_page_url
from webapp.workspace.roleplay import service
from webapp.workspace.roleplay.views import chosen_persona

bp = Blueprint("group", __name__)
FIELD = "character_ids"
BOUNDS = {"least": LEAST_CAST, "most": MOST_CAST}


@dataclass(frozen=True, slots=True)
class Offered:
    """A character that can be chosen."""

    id: str
    face: characters_shown.Face
    is_chosen: bool
    is_deleted: bool = False


class CastForm(Form):
    character_ids = SelectMultipleField("Characters", id="cast", choices=[], validate_choice=False, default=())
    turn_order = SelectField("Who speaks next", id="cast-order", choices=options(ORDERS), validate_choice=False, default=MENTION)
    persona = SelectField("Persona", id="cast-persona", choices=[], validate_choice=False, default="")

    @classmethod
    def for_chat(cls, chat: Chat) -> "CastForm":
        return cls.fresh(character_ids=chat.cast_ids, turn_order=chat.turn_order or MENTION)

    def among(self, personas: Sequence[Persona]) -> "CastForm":
        """Fills in the available personas."""
        self.persona.choices = options({"": _("None"), **{persona.id: persona.name for persona in personas}})
        return self

    @property
    def ids(self) -> list[str]:
        """The chosen characters in their order."""
        return submitted_order(FIELD) if self.is_submitted() else list(self.character_ids.data or ())

    def offered(
        self, faces: Mapping[str, characters_shown.Face], present: Sequence[str] = (), deleted: Sequence[str] = ()
    ) -> list[Offered]:
        """Returns all characters that can be chosen: the chosen ones in their order, then others in the chat, then the rest."""
        chosen = self.ids
        return [
            Offered(id, faces[id], id in chosen, id in deleted)
            for id in dict.fromkeys([*chosen, *present, *faces])
            if id in faces
        ]


@bp.get("/characters/group")
@signed_in
def new() -> Response:
    persona = character_queries.default_persona(current_user())
    return _new(CastForm.fresh(character_ids=request.args.getlist("with"), persona=persona.id if persona else ""))


@bp.post("/characters/group")
@signed_in
def begin() -> Response:
    form, me = CastForm.opened(), current_user()
    if is_sorting(FIELD):
        return _new(form)
    with form.attempt():
        persona = chosen_persona(form.persona.data or "")
        chat = service.begin_group(form.ids, by=me, turn_order=form.turn_order.data or "", persona=persona, is_nobody=not persona)
        return redirect(chat_page_url(chat.id))
    return _new(form)


@bp.get("/chats/<id>/cast")
@signed_in
def edit(id: str) -> Response:
    chat = own_chat(id)
    return _edit(chat, CastForm.for_chat(chat))


@bp.post("/chats/<id>/cast")
@signed_in
def update(id: str) -> Response:
    chat, form = own_chat(id), CastForm.opened()
    if is_sorting(FIELD):
        return _edit(chat, form)
    with form.attempt():
        service.recast(chat, form.ids, form.turn_order.data, by=current_user())
        return redirect(chat_page_url(id))
    return _edit(own_chat(id), form)


def _new(form: CastForm) -> Response:
    me = current_user()
    there = form.offered(_faces(character_queries.characters(me)))
    return form.among(character_queries.SEEN_PERSONAS.all(me)).shown(
        "workspace/roleplay/cast.html", chat=None, offered=there, action=url_for(".begin"), **BOUNDS
    )


def _edit(chat: Chat, form: CastForm) -> Response:
    listed = character_queries.characters(current_user())
    deleted = [id for id in chat.cast_ids if id not in set(listed)]
    there = form.offered(_faces([*listed, *deleted]), chat.cast_ids, deleted)
    return form.shown("workspace/roleplay/cast.html", chat=chat, offered=there, action=url_for(".update", id=chat.id), **BOUNDS)


def _faces(ids: list[str]) -> dict[str, characters_shown.Face]:
    """Returns the faces in the order of the ids."""
    faces = characters_shown.faces(current_user(), ids)
    return {id: faces[id] for id in ids if id in faces}
