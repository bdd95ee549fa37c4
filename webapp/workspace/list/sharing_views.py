"""/chats/<id>/people: who a chat is shared with, and the list of chats shared by others."""

from functools import partial

from flask import Blueprint, Response, url_for
from wtforms import SelectChoice, SelectField

from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.chat.record import projects, queries, sharing
from webapp.chat.record.access import own_chat
from webapp.chat.record.tables import Chat
from webapp.people.accounts.guards import audit_author, current_user, own_address, signed_in, user_or_none
from webapp.people.accounts.permissions import may
from webapp.people.things import shares, shares_shown
from webapp.web.forms import Form
from webapp.web.htmx import redirect
from webapp.web.pick_field import PickField, choose
from webapp.workspace.list import shown as list_shown
from webapp.workspace.page.shown import ShownChat

bp = Blueprint("sharing", __name__)
RIGHTS = (("view", "can read"), ("write", "can read and write"))


class ChatShareForm(Form):
    whom = PickField("Person or group", id="share-whom", choices=[], validate_choice=False, render_kw={"required": True})
    right = SelectField("Access", id="share-right", choices=[SelectChoice(name, words) for name, words in RIGHTS], default="view")


@bp.get("/chats/<id>/people")
@signed_in
def index(id: str) -> Response:
    chat = _shareable(id)
    return _people(chat, _offering(ChatShareForm.fresh(), chat))


@bp.post("/chats/<id>/people")
@signed_in
def share(id: str) -> Response:
    chat = _shareable(id)
    form = _offering(ChatShareForm.opened(), chat)
    with form.attempt():
        sharing.share(chat, form.whom.chosen, form.right.data or "", author=audit_author())
        return _back(id, _("Shared."))
    return _people(own_chat(id), form)


@bp.post("/chats/<id>/people/team")
@signed_in
def open_to_team(id: str) -> Response:
    sharing.open_to_team(_shareable(id), author=audit_author())
    return _back(id, _("Link created."))


@bp.post("/chats/<id>/people/<grant_id>/remove")
@signed_in
def unshare(id: str, grant_id: str) -> Response:
    sharing.unshare(own_chat(id), grant_id, author=audit_author())
    return _back(id, _("Access removed."))


@bp.app_template_global()
def shared_with_me() -> list[list_shown.SidebarChat]:
    """Returns the chats that others share with the current person."""
    me = user_or_none()
    return list_shown.chats(queries.shared_chats(me.id)) if me else []


@bp.app_template_global()
def shared_with(chat: ShownChat) -> tuple[str, ...]:
    """Returns the names of those who can see a chat of the viewer."""
    return sharing.share_names(sharing.shares(db.session.get_one(Chat, chat.id))) if chat.given is None else chat.given


def _shareable(id: str) -> Chat:
    chat = own_chat(id)
    sharing.refuse_unshareable(chat, current_user())
    return chat


def _back(id: str, words: str) -> Response:
    return redirect(url_for("sharing.index", id=id), words)


def _offering(form: ChatShareForm, chat: Chat) -> ChatShareForm:
    form.whom.offering(partial(shares.candidates, chat.owner_id), [choose()])
    return form


def _people(chat: Chat, form: ChatShareForm) -> Response:
    shares, after = sharing.shares(chat), shares_shown.after()
    people = [share for share in shares if share.to != "everyone" and share.grant_id > after]
    return form.shown(
        "workspace/list/share.html",
        chat=chat,
        can_invite=may(current_user(), "manage people"),
        rights=dict(RIGHTS),
        **shares_shown.listed(people, url_for("sharing.index", id=chat.id)),
        link=next((share for share in shares if share.to == "everyone"), None),
        address=own_address(url_for("chat.show", id=chat.id)),
        project=projects.project_of(chat),
    )
