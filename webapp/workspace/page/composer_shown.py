"""The composer as the page shows it: running answer, queued messages, models and context meter."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select

from webapp.base.cache import Cache
from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.chat.calls.choosing import are_offered
from webapp.chat.calls.tools_shown import web_search_in
from webapp.chat.dictation import service as dictation
from webapp.chat.files.reference import parted
from webapp.chat.messages.follow_up import waiting_in
from webapp.chat.messages.suggestion import is_asked, is_offered
from webapp.chat.prompt.answer_prompt import MOST_PICTURES
from webapp.chat.prompt.recorded_prompt import RecordedPrompt, last_prompt
from webapp.chat.record import queries
from webapp.chat.record.model_choice import choice_in, current_model, gone_choice, model_named
from webapp.chat.record.tables import Chat, FollowUp, Message
from webapp.models.connections.models import the_models
from webapp.models.makers import maker_named
from webapp.models.presets.choice import choice_of, id_in
from webapp.models.presets.queries import known
from webapp.models.providers.base import Model
from webapp.models.tokens import PER_MESSAGE, PER_PICTURE, estimate, share_of
from webapp.people.accounts.guards import viewer_or_none
from webapp.people.accounts.tables import User
from webapp.rendering.text import plain
from webapp.web.addresses import address, fixed
from webapp.workspace.page.answer_shown import face_of_chat, members_in
from webapp.workspace.page.mentions_shown import named_in
from webapp.workspace.page.shown import ShownMessage
from webapp.workspace.page.snapshot_shown import ChatState, HiddenAnswer

# Token estimates by message id and length: a message's text only ever grows, so the length identifies it.
_estimates = Cache[tuple[str, int], int](20_000)
CHARS_PER_TOKEN = 4
# Below this, how full a chat is changes nothing for anyone.
METER_FROM_PERCENT = 70
# With more models the page offers a search.
MOST_LISTED = 40
# A choice of more replies, or of longer ones, is read in the text.
LEAST_REPLIES, MOST_REPLIES, REPLY_CHARS = 2, 6, 120
# A list at the end of an answer is in its last lines.
READ_CHARS = 2_000
LIST_ITEM = re.compile(r"\s{0,3}(?:[-*+•]|\(?(?:\d{1,2}|[A-Za-z])[.)])\s+(\S.*)")


@dataclass(frozen=True, slots=True)
class Meter:
    """Approximately how much of the model's context window the chat fills."""

    tokens: int
    length: int

    @property
    def consequence(self) -> str:
        return _("When it is full, the earliest messages are folded or left out.")

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.tokens / self.length))


def composer_values(
    chat: Chat,
    messages: Sequence[Message | queries.ComposerMessage],
    running: ShownMessage | HiddenAnswer | None,
    right: str,
    now: ChatState,
) -> dict[str, Any]:
    """Returns the template context for the composer; the same for all readers with this right."""
    choice = picker(chat, person=(chat.owner_id or "") if right == "own" else "")
    may_suggest = right == "own" and not running and is_offered(chat)
    return {
        "running": running,
        "head": messages[-1].id if messages else "",
        "meter": meter(
            messages,
            next((model.context_length for model in choice["models"] if model.id == chat.model), None),
            has_folds=bool(chat.fold_count),
        ),
        **choice,
        "reply_to": _reply_to(chat),
        "picks": _picks(chat, messages) if right != "view" and not running else (),
        "cast": members_in(chat) if chat.is_group and right != "view" and not running else (),
        "follow_ups": (waiting := waiting_in(chat.id) if now.has_follow_up else []),
        "queued_for": named_in(chat, waiting),
        "queued_by": _authors_of(chat, waiting),
        # Those who can write see the same page, so that a refusal says of which messages one isn't the author.
        "taken_back": _taken_back(chat, waiting, right),
        "can_send_follow_up": right != "view" and bool(waiting) and not running,
        "suggest_url": address("composer.suggest", chat.id) if may_suggest else "",
        "stop_suggestion_url": address("composer.stop_suggestion", chat.id) if may_suggest else "",
        "is_suggesting": may_suggest and is_asked(chat),
        "queue_url": address("composer.queue", chat.id) if right != "view" else "",
        "remove_url": address("composer.remove", chat.id) if right != "view" else "",
        "edit_follow_up_url": address("composer.edit_follow_up", chat.id) if right != "view" else "",
        "write_url": f"{address('chat.show', chat.id)}?writing=y#composer-box",
        "send_follow_up_url": address("composer.send_follow_up", chat.id),
        "prompts_url": address("roleplay.edit", chat.id) if right == "own" and chat.owner_id else "",
        "tools_url": address("calls.tools", chat.id) if right == "own" and are_offered(chat) else "",
        "tools_count": len(chat.tools),
        "web_search": web_search_in(chat) if right == "own" else None,
        "beside": beside(chat.models),
        "web_search_url": address("composer.switch_web_search", chat.id),
        "dictation_url": dictation_url(viewer_or_none(), chat) if right != "view" and dictation.is_set_up() else "",
        "is_parked": isinstance(running, ShownMessage) and bool(running.calls and running.calls.asks),
    }


def _authors_of(chat: Chat, waiting: Sequence[FollowUp]) -> dict[str, str]:
    """Returns the names of those whose messages wait, by message; none if all are the owner's."""
    ids = {queued.author_id or chat.owner_id or "" for queued in waiting} if any(map(_is_of_others(chat), waiting)) else set()
    names = dict(iter(db.session.execute(select(User.id, User.name).where(User.id.in_(ids))))) if ids else {}
    return {queued.id: names.get(queued.author_id or chat.owner_id or "", "") for queued in waiting} if ids else {}


def _taken_back(chat: Chat, waiting: Sequence[FollowUp], right: str) -> dict[str, tuple[bool, bool]]:
    """Returns, by message, whether those with this right can edit it, and remove it."""
    of_others = _is_of_others(chat)
    return {queued.id: (of_others(queued) == (right == "write"), right == "own" or of_others(queued)) for queued in waiting}


def _is_of_others(chat: Chat) -> Callable[[FollowUp], bool]:
    return lambda queued: queued.author_id not in (None, chat.owner_id)


def dictation_url(person: User | None, chat: Chat | None) -> str:
    """Returns where a recording is sent from the composer of a chat, or of a new one; empty if this person can't dictate."""
    if not dictation.is_offered(person):
        return ""
    return address("dictation.write_in_chat", chat.id) if chat else fixed("dictation.write")


def beside(models: Sequence[str]) -> list[str]:
    """Returns the names of the models that answer side by side."""
    return [the_models().display_name(model) for model in models]


def _reply_to(chat: Chat) -> str:
    """Returns which character a message answers, for the message box; empty in a group, and without one."""
    face = face_of_chat(chat) if chat.cast_ids and not chat.is_group else None
    return face.name if face else ""


def _picks(chat: Chat, messages: Sequence[Message | queries.ComposerMessage]) -> Sequence[str]:
    """Returns the replies that the last answer of a chat with characters offers."""
    last = messages[-1] if messages and chat.cast_ids else None
    return offered_replies(last.content) if last and last.role == "assistant" else ()


def offered_replies(text: str) -> list[str]:
    """Returns the items of the list at the end of an answer, which at most one question follows."""
    lines = [line for line in text[-READ_CHARS:].splitlines() if line.strip()]
    if len(lines) > 1 and not LIST_ITEM.fullmatch(lines[-1]) and lines[-1].rstrip("*_ ").endswith("?"):
        lines.pop()
    items = list[str]()
    while lines and (match := LIST_ITEM.fullmatch(lines[-1])):
        items.insert(0, " ".join(plain(match[1]).split()))
        lines.pop()
    are_replies = len(set(items)) == len(items) and all(item and len(item) <= REPLY_CHARS for item in items)
    # A list without a sentence before it is the answer itself.
    return items if lines and are_replies and LEAST_REPLIES <= len(items) <= MOST_REPLIES else []


def picker(chat: Chat | None = None, wish: str = "", *, person: str = "") -> dict[str, Any]:
    """Returns the models available to a person and the chosen one: `wish`, else the chat's, even if unlisted or gone.

    A preset can be chosen in place of a model; others than the chat's owner read the model's name. If there are many models the
    page itself has only a few; the others, and the presets, are found at `models_url`.
    """
    own = choice_in(chat).word if chat else ""
    offered = [] if chat and chat.visitor_hash else the_models().offered(person)
    usual = current_model(chat) if chat else the_models().default(person=person)
    model = wish if the_models().is_choosable(wish, person) else usual
    preset = known(chat.owner_id if chat else person, id_in(wish or own))
    shown_preset = preset if not chat or person == chat.owner_id else None
    is_as_before = wish in ("", own) or (wish != model and not preset)
    query = urlencode({"presets": "y"} | ({"chat": chat.id} if chat else {}))
    return {
        "models": suggested_models(offered, model, person),
        "chosen_model": choice_of(preset.id) if preset else model,
        "chosen_name": shown_preset.name if shown_preset else the_models().display_name(model),
        "chosen_maker": shown_preset.mark if shown_preset else maker_named(the_models().maker(model)),
        "has_preset": preset is not None,
        "gone_model": gone_choice(chat, person) if chat and is_as_before else "",
        "models_url": f"{fixed('picker.index')}?{query}" if offered else "",
        "has_more_models": len(offered) > MOST_LISTED,
    }


def suggested_models(offered: Sequence[Model], chosen: str, person: str = "") -> list[Model]:
    """Returns as many models as a page lists, including the chosen one even if it is unlisted."""
    models = list(offered[:MOST_LISTED])
    if models and the_models().is_available(chosen, person) and not any(model.id == chosen for model in models):
        models.insert(0, model_named(chosen))
    return models


def meter(
    messages: Sequence[Message | queries.ComposerMessage], context_length: int | None, *, has_folds: bool = False
) -> Meter | None:
    """Returns None if the model's context length is unknown, or if the chat fills too little of it to matter.

    In a chat with folds, these count, and the messages that were sent for the last answer.
    """
    if not context_length:
        return None
    sent, before, folded = [message for message in messages if not message.is_hidden], 0, 0
    if messages and (has_folds or messages[0].parent_id):
        prompt = last_prompt(messages[-1].id)
        before = _before(messages, prompt)
        if has_folds:
            there = {messages[-1].id, *(message.id for message in prompt.messages)}
            sent = [message for message in sent if message.id in there]
            folded = sum(estimate(section.text) for section in prompt.folds)
    share = share_of(sum(len(message.content) for message in sent if _estimates.get(_key(message)) is None))
    tokens = before + folded + sum(_tokens(message, share) + PER_MESSAGE for message in sent) + _pictures(sent)
    return Meter(tokens, context_length) if 100 * tokens >= METER_FROM_PERCENT * context_length else None


def _pictures(messages: Sequence[Message | queries.ComposerMessage]) -> int:
    """Returns the tokens of the pictures, of which only the newest are sent; each takes about as many as a page of text."""
    texts = (message.content for message in messages if message.role == "user")
    shown = sum(reference.is_picture for content in texts for reference in parted(content)[1])
    return PER_PICTURE * min(shown, MOST_PICTURES)


def _before(messages: Sequence[Message | queries.ComposerMessage], prompt: RecordedPrompt) -> int:
    """Estimates the tokens of the messages before the first of these, as sent for the last answer.

    Messages without a cached estimate are judged by their length alone.
    """
    shown = {message.id for message in messages}
    before = [(id, chars) for id, chars, _ in prompt.messages if id not in shown]
    return sum((_estimates.get((id, chars)) or chars // CHARS_PER_TOKEN) + PER_MESSAGE for id, chars in before)


def _tokens(message: Message | queries.ComposerMessage, share: float) -> int:
    key = _key(message)
    tokens = _estimates.get(key)
    return _estimates.put(key, estimate(message.content, share)) if tokens is None else tokens


def _key(message: Message | queries.ComposerMessage) -> tuple[str, int]:
    return message.id, len(message.content)
