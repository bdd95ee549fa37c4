"""Answers that a restart interrupted: asks people whether to continue them, if that is the setting, and does so."""

from dataclasses import dataclass

from flask import Blueprint, Response, request
from sqlalchemy import update

from webapp.base.db import db, write
from webapp.chat.record.tables import Chat, Message
from webapp.engine.duties import recovery
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.people.accounts.guards import current_user, signed_in, viewer_or_none
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.web.htmx import fragment, is_htmx, redirect

bp = Blueprint("interrupted", __name__)
ASK = "ask"
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class InterruptedAnswers:
    """The number of interrupted answers that wait for the person's decision, and the id of the last."""

    count: int
    last_id: str


@bp.app_template_global()
def cut_answers() -> InterruptedAnswers | None:
    """Returns the interrupted answers to ask the current person about."""
    me = viewer_or_none()
    return interrupted_answers(me) if me else None


@bp.post("/chats/cut/continue")
@signed_in
def continue_all() -> Response:
    continue_interrupted(current_user(), request.form.get("last", ""))
    return _answered()


@bp.post("/chats/cut/leave")
@signed_in
def leave() -> Response:
    stop_asking(current_user(), request.form.get("last", ""))
    return _answered()


def _answered() -> Response:
    """Removes the notice from the page; without scripts, redirects to the home page."""
    return fragment() if is_htmx() else redirect("/")


def interrupted_answers(user: User) -> InterruptedAnswers | None:
    """Returns the interrupted answers to ask about; None if there are none, or if the setting is not to ask."""
    ids = _waiting(user) if setting("restart.policy") == ASK else []
    return InterruptedAnswers(len(ids), ids[-1]) if ids else None


def continue_interrupted(user: User, last_id: str) -> None:
    """Continues all interrupted answers up to the last one that the page showed, a few at a time."""
    ids = [id for id in _waiting(user) if id <= last_id]
    stop_asking(user, last_id)
    recovery.continue_later(the_engine(), ids)


def stop_asking(user: User, last_id: str) -> None:
    """Stops asking about these answers; each can still be continued in its chat."""
    id = user.id
    with write() as session:
        session.execute(update(User).where(User.id == id, User.cut_seen_id < last_id).values(cut_seen_id=last_id[:26]))


def _waiting(user: User) -> list[str]:
    query = (
        recovery.cut_by_restart()
        .join(Message, Message.id == Generation.message_id)
        .join(Chat, Chat.id == Message.chat_id)
        .where(Chat.owner_id == user.id, Chat.deleted_at.is_(None), Generation.id > user.cut_seen_id)
    )
    return [generation.id for generation in db.session.scalars(query.limit(MOST_SHOWN))]
