"""What stands around the composer of a chat: what runs, what waits, which models there are, how full the context is."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from webapp.chat import queries
from webapp.chat.answerer import gone
from webapp.chat.shown import ShownMessage
from webapp.chat.tables import Chat, Message
from webapp.chat.tokens import PER_MESSAGE, estimate
from webapp.generations import service as generations
from webapp.generations.models import providers
from webapp.providers.base import Model

# Of a message with so many characters: its text only ever grows.
_estimates: OrderedDict[tuple[str, int], int] = OrderedDict()
REMEMBERED = 20_000
CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Meter:
    """How much of what the model can take in the chat fills, roughly."""

    tokens: int
    length: int

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.tokens / self.length))


@dataclass(frozen=True, slots=True)
class Unseen:
    """An answer that is being written and not at hand: it may stand before the first message of the page."""

    stop_url: str


def around(chat: Chat, messages: Sequence[Message], thread: Sequence[ShownMessage] | None, right: str = "own") -> dict[str, Any]:
    """The same for everybody who sees the chat; without the thread, what runs is looked up."""
    choice = picker(chat)
    is_all_here = thread is not None and not (messages and messages[0].parent_id)
    seen = next((message for message in thread or () if message.is_running), None)
    running = seen or (None if is_all_here else _running_in(chat))
    return {
        "running": running,
        "head": messages[-1].id if messages else "",
        "meter": meter(messages, next((model.context_length for model in choice["models"] if model.id == chat.model), None)),
        **choice,
        "follow_up": chat.follow_up,
        "can_send_follow_up": right == "own" and bool(chat.follow_up) and not running,
        # What waits is sent in the owner's name, so only they let something wait.
        "queue_url": url_for("composer.queue", id=chat.id) if right == "own" else "",
        "remove_url": url_for("composer.remove", id=chat.id) if right == "own" else "",
        "send_follow_up_url": url_for("composer.send_follow_up", id=chat.id),
        # A chat with a character has them at its head.
        "prompts_url": url_for("roleplay.edit", id=chat.id) if right == "own" and chat.owner_id and not chat.character_id else "",
    }


def picker(chat: Chat | None = None, wish: str = "") -> dict[str, Any]:
    """Who can be chosen, and who is: the wish, else the chat's own model, also one that no list names or that is gone."""
    known, models = providers(), list[Model]()
    if not chat or not chat.visitor_hash:
        models += known.offered()
    chosen = wish if known.is_choosable(wish) else chat.model if chat else known.default()
    if models and known.is_choosable(chosen) and not any(each.id == chosen for each in models):
        models.insert(0, Model(chosen, chosen))
    return {"models": models, "chosen_model": chosen, "gone_model": gone(chat) if chat and chosen == chat.model else ""}


def _running_in(chat: Chat) -> Unseen | None:
    running = generations.running_in(chat.lane)
    return Unseen(url_for("chat.stop", id=running.id)) if running else None


def meter(messages: Sequence[Message], context_length: int | None) -> Meter | None:
    """Nothing where nobody knows how much the model can take in, or where there is nothing worth a word yet."""
    if not context_length:
        return None
    tokens = _before(messages) + sum(_tokens(message) + PER_MESSAGE for message in messages)
    return Meter(tokens, context_length) if 100 * tokens >= context_length else None


def _before(messages: Sequence[Message]) -> int:
    """What stands before the first of these, by its characters alone, as the last answer was asked with it."""
    if not messages or not messages[0].parent_id:
        return 0
    last, shown = queries.last_generation(messages[-1]), {message.id for message in messages}
    kept = last.prompt.get("messages", []) if last else []
    return sum(chars // CHARS_PER_TOKEN + PER_MESSAGE for id, chars in kept if id not in shown)


def _tokens(message: Message) -> int:
    key = (message.id, len(message.content))
    if key not in _estimates:
        _estimates[key] = estimate(message.content)
    while len(_estimates) > REMEMBERED:
        _estimates.popitem(last=False)
    return _estimates[key]
