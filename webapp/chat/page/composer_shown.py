"""The composer as the page shows it: running answer, queued message, models and context meter."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.chat import queries
from webapp.chat.files.reference import parted
from webapp.chat.files.sending import MOST_PICTURES
from webapp.chat.messages.follow_up import waiting_in
from webapp.chat.messages.suggestion import is_asked, is_offered
from webapp.chat.page.beside import Beside
from webapp.chat.page.faces_shown import members_in
from webapp.chat.page.shown import ShownMessage
from webapp.chat.prompt.model_choice import gone, named
from webapp.chat.prompt.tokens import PER_MESSAGE, PER_PICTURE, estimate, share_of
from webapp.chat.queries import Glimpse
from webapp.chat.tables import Chat, Message
from webapp.connections.models import providers
from webapp.providers.base import Model
from webapp.web.addresses import address, fixed

# Of a message with so many characters: its text only ever grows.
_estimates: OrderedDict[tuple[str, int], int] = OrderedDict()
REMEMBERED = 20_000
CHARS_PER_TOKEN = 4
# A longer list is searched.
MOST_LISTED = 40


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

    generation_id: str
    stop_url: str


def around(
    chat: Chat, messages: Sequence[Message | Glimpse], running: ShownMessage | Unseen | None, right: str, now: Beside
) -> dict[str, Any]:
    """The same for everybody who sees the chat, while this answer is being written."""
    choice, may_suggest = picker(chat), right == "own" and not running and is_offered(chat)
    return {
        "running": running,
        "head": messages[-1].id if messages else "",
        "meter": meter(messages, next((model.context_length for model in choice["models"] if model.id == chat.model), None)),
        **choice,
        "cast": members_in(chat) if chat.is_group and right != "view" and not running else (),
        "follow_ups": (waiting := waiting_in(chat.id) if now.has_follow_up else []),
        "can_send_follow_up": right == "own" and bool(waiting) and not running,
        # What waits is sent in the owner's name, so only they let something wait.
        "suggest_url": address("composer.suggest", chat.id) if may_suggest else "",
        "stop_suggestion_url": address("composer.stop_suggestion", chat.id) if may_suggest else "",
        "is_suggesting": may_suggest and is_asked(chat),
        "queue_url": address("composer.queue", chat.id) if right == "own" else "",
        "remove_url": address("composer.remove", chat.id) if right == "own" else "",
        "edit_follow_up_url": address("composer.edit_follow_up", chat.id) if right == "own" else "",
        "write_url": f"{address('chat.show', chat.id)}?writing=y#composer-box",
        "send_follow_up_url": address("composer.send_follow_up", chat.id),
        "prompts_url": address("roleplay.edit", chat.id) if right == "own" and chat.owner_id else "",
    }


def picker(chat: Chat | None = None, wish: str = "") -> dict[str, Any]:
    """Who can be chosen, and who is: the wish, else the chat's own model, also one that no list names or that is gone.

    The page itself holds a few of many models; the others are found behind `models_url`.
    """
    known = providers()
    offered = [] if chat and chat.visitor_hash else known.offered()
    chosen = wish if known.is_choosable(wish) else chat.model if chat else known.default()
    models = few(offered, chosen)
    return {
        "models": models,
        "chosen_model": chosen,
        "chosen_name": known.display_name(chosen),
        "gone_model": known.display_name(gone(chat)) if chat and chosen == chat.model else "",
        "models_url": _models_url(chat) if offered else "",
        "has_more_models": len(offered) > MOST_LISTED,
    }


def _models_url(chat: Chat | None) -> str:
    return f"{fixed('picker.index')}?chat={chat.id}" if chat else fixed("picker.index")


def few(offered: Sequence[Model], chosen: str) -> list[Model]:
    """So many models as a page can hold, the chosen one among them, also one that no list names."""
    models = list(offered[:MOST_LISTED])
    if models and providers().is_choosable(chosen) and not any(each.id == chosen for each in models):
        models.insert(0, named(chosen))
    return models


def unseen(generation_id: str) -> Unseen:
    return Unseen(generation_id, address("chat.stop", generation_id))


def meter(messages: Sequence[Message | Glimpse], context_length: int | None) -> Meter | None:
    """Nothing where nobody knows how much the model can take in, or where there is nothing worth a word yet."""
    if not context_length:
        return None
    share = share_of(sum(len(each.content) for each in messages if _key(each) not in _estimates))
    tokens = _before(messages) + sum(_tokens(each, share) + PER_MESSAGE for each in messages) + _pictures(messages)
    return Meter(tokens, context_length) if 100 * tokens >= context_length else None


def _pictures(messages: Sequence[Message | Glimpse]) -> int:
    """Those of these messages that are sent, the newest; each takes about as much as a page of text."""
    said = (message.content for message in messages if message.role == "user")
    shown = sum(each.is_picture for content in said for each in parted(content)[1])
    return PER_PICTURE * min(shown, MOST_PICTURES)


def _before(messages: Sequence[Message | Glimpse]) -> int:
    """What stands before the first of these, as the last answer was asked with it: what nobody has looked at by its
    characters alone."""
    if not messages or not messages[0].parent_id:
        return 0
    kept, shown = queries.asked_with(messages[-1]).get("messages", []), {message.id for message in messages}
    before = ((id, chars) for id, chars, *_ in kept if id not in shown)
    return sum(_estimates.get((id, chars), chars // CHARS_PER_TOKEN) + PER_MESSAGE for id, chars in before)


def _tokens(message: Message | Glimpse, share: float) -> int:
    key = _key(message)
    if key not in _estimates:
        _estimates[key] = estimate(message.content, share)
    while len(_estimates) > REMEMBERED:
        _estimates.popitem(last=False)
    return _estimates[key]


def _key(message: Message | Glimpse) -> tuple[str, int]:
    return message.id, len(message.content)
