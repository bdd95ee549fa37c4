"""Feedback on an answer: a thumb and a reason, one per person."""

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, select
from sqlalchemy.exc import IntegrityError

from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid
from webapp.chat.record.tables import Feedback, Message

MOST_CHARS = 500
RATINGS = select(Feedback).where(
    Feedback.user_id == bindparam("user_id"), Feedback.message_id.in_(bindparam("ids", expanding=True))
)


def feedback_by_message(user_id: str, message_ids: Iterable[str]) -> dict[str, Feedback]:
    """Returns this person's feedback on these answers, by message id."""
    ids = list(message_ids)
    ratings = db.session.scalars(RATINGS, {"user_id": user_id, "ids": ids}) if ids else ()
    return {rating.message_id: rating for rating in ratings}


def rate(user_id: str, message: Message, *, is_good: bool, reason: str = "") -> None:
    """Rates an answer; rating it again replaces the earlier feedback."""
    if message.role != "assistant":
        raise Invalid("Only answers can be rated.")
    if len(reason.strip()) > MOST_CHARS:
        raise Invalid(f"Please use at most {MOST_CHARS} characters.", field="reason")
    values = {"message_id": message.id, "user_id": user_id, "is_good": is_good, "reason": reason.strip()}
    try:
        with write() as session:
            session.merge(Feedback(**values))
    except IntegrityError as error:
        raise Conflict("You have just rated this answer in another tab.") from error


def remove_rating(user_id: str, message: Message) -> None:
    """Deletes this person's feedback on an answer."""
    id = message.id
    with write() as session:
        session.execute(delete(Feedback).where(Feedback.user_id == user_id, Feedback.message_id == id))
