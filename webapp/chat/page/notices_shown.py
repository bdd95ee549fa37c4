"""The notices below an answer: what happened to it, and what to do about it."""

from dataclasses import dataclass

from webapp.chat.page.remedies_shown import Remedy, is_of_connection, remedy
from webapp.chat.record.tables import Message
from webapp.engine.generation_text import notice_lines
from webapp.engine.tables import Generation
from webapp.models.connections.keys import BUILT_IN
from webapp.models.providers.error_mapping import may_still_bill

REASONS = {
    "length": "The model reached its length limit.",
    "token_limit": "The answer reached the length limit of this step.",
    "content_filter": "The provider's content filter stopped the answer.",
    "cap": "The answer reached this server's length limit.",
    "budget": "The answer ended here because its budget is used up.",
    "idle_listener": "It stopped because no one was connected.",
    "client_gone": "It stopped because no one was connected.",
}


@dataclass(frozen=True, slots=True)
class ShownNotice:
    tone: str
    text: str
    detail: str = ""
    remedy: Remedy | None = None


def notices(last: Generation, message: Message) -> tuple[ShownNotice, ...]:
    shown = [ShownNotice("", *each) for each in notice_lines([notice for notice in last.notices if notice["code"] != "unsaved"])]
    if last.error and is_of_connection(last):
        # One cause, one notice: how often it was tried is a detail.
        return (ShownNotice("red", last.error, "\n".join(each.detail or each.text for each in shown), remedy(last)),)
    if last.error:
        tone = "red" if last.status == "failed" else "amber"
        shown.append(ShownNotice(tone, last.error, remedy=remedy(last)))
    elif last.reason in REASONS:
        shown.append(ShownNotice("amber", REASONS[last.reason]))
    elif last.status == "stopped" and last.connection == BUILT_IN and may_still_bill(last.model):
        shown.append(ShownNotice("", "Some providers of this model charge for the whole answer even if you stop it."))
    elif last.status == "completed" and message.content and last.text_offset == len(message.content):
        shown.append(ShownNotice("amber", "The model had nothing to add."))
    elif last.status == "completed" and not message.content:
        shown.append(ShownNotice("amber", "The model returned an empty answer."))
    return tuple(shown)
