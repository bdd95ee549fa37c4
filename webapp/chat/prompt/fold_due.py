"""Which messages of a path are folded before a request that its model's context has no room for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from webapp.chat.prompt.path_folds import PathFold, style_of
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.tables import Chat, FoldKind
from webapp.engine import generations
from webapp.models.tokens import PER_MESSAGE, estimate, share_of
from webapp.tools.folding import FoldRoom

# The kind of the request to a model for a fold.
PURPOSE = "fold"
# So many of the person's last messages stay, as long as they fit together.
LAST_MESSAGES = 3
# What the folds of a path may fill of the room before they become one, and what one may have of it.
MOST_FOLDS, MOST_FOLD = 0.35, 0.15


@dataclass(frozen=True, slots=True)
class FoldOrder:
    """A fold to be made of these messages of a chat, the oldest first; all before them are covered already, or none is there.

    `earlier` are the texts of folds that stand for the first `covered` of them; those that are `told`, as a story or by a
    person, stay in an extract. Of the messages below it, so many have `stayed` as the person's last. With `replaces`, a fold gets
    another text; `unchecked` is its own if that can stay.
    """

    chat_id: str
    style: FoldKind
    ids: tuple[str, ...]
    is_from_root: bool
    most_tokens: int
    earlier: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    covered: int = 0
    stayed: int = 0
    replaces: str = ""
    unchecked: str = ""


def lane(chat_id: str) -> str:
    """Returns the lane in which the folds of a chat are written, one at a time."""
    return f"{PURPOSE}:{chat_id}"


def is_folding(chat_id: str) -> bool:
    """Returns whether a model is writing a fold of the chat."""
    return generations.active_ids(lane(chat_id)) is not None


def most_tokens_in(room: FoldRoom) -> int:
    """Returns how many tokens a fold has at most."""
    return int(room.mark * MOST_FOLD)


class FoldDue(Exception):
    """Raised within a transaction that builds a prompt: a fold has to be made first, outside of it."""

    def __init__(self, order: FoldOrder) -> None:
        self.order = order


def due(
    chat: Chat,
    path: Sequence[PathMessage],
    folds: Sequence[PathFold],
    around: int,
    room: FoldRoom,
    limit: int | None,
    *,
    last: int = LAST_MESSAGES,
) -> FoldOrder | None:
    """Returns what makes room on a path, unless its newest message alone is too long.

    `around` are the tokens that the request has beside the path's messages, and so many of these are sent as `limit` says
    beside the newest; `last` of the person's stay.
    """
    begin, left = folds[-1].last + 1 if folds else 0, room
    if kept := sum(costs_of([message for message in path if message.is_kept])):
        # They take their room whatever is folded.
        left = replace(room, mark=max(1, room.mark - kept))
        room = replace(room, mark=max(room.mark // 4, left.mark))
    count = begin + _count_folded(path[begin:], around, left, limit, last)
    if not any(map(is_folded_alone, path[begin:count])):
        return None
    # The message that is asked is not among what has to stay: another one can be in its place.
    stayed = stayed_below(path, count, last) - (last == LAST_MESSAGES)
    return order_of(chat, [message.id for message in path[:count]], folds, room, stayed)


def order_of(chat: Chat, ids: Sequence[str], folds: Sequence[PathFold], room: FoldRoom, stayed: int) -> FoldOrder:
    """Returns the order for a fold of what folds don't cover of these messages of a path, below which so many stay.

    A story has all of them in it, and so has a conversation whose folds have too many tokens.
    """
    begin, style, most_tokens = folds[-1].last + 1 if folds else 0, style_of(chat), most_tokens_in(room)
    if style != "story" and sum(estimate(fold.row.text) for fold in folds) + most_tokens <= room.mark * MOST_FOLDS:
        folds = ()
    is_from_root = bool(folds) or not begin
    own_ids = tuple(ids[0 if folds else begin :])
    return FoldOrder(chat.id, style, own_ids, is_from_root, most_tokens, stayed=stayed, **replacing(style, folds))


def replacing(style: FoldKind, folds: Sequence[PathFold]) -> dict[str, Any]:
    """Returns what an order says of the folds that another one stands in place of."""
    told = tuple(fold.row.text for fold in folds if style == "story" or fold.row.is_edited)
    return {"earlier": tuple(fold.row.text for fold in folds), "told": told, "covered": folds[-1].last + 1 if folds else 0}


def starts_in(messages: Sequence[PathMessage]) -> list[int]:
    """Returns the places at which exchanges begin: of the person's messages that are sent."""
    return [place for place, message in enumerate(messages) if message.role == "user" and message.is_sent]


def stayed_below(path: Sequence[PathMessage], count: int, last: int) -> int:
    """Returns how many messages from the person's last ones on there are below the first of a path."""
    return min(len(path) - count, len(path) - next(iter(starts_in(path)[-last:]), 0))


def is_folded_alone(message: PathMessage) -> bool:
    """Returns whether a fold stands for a message, which isn't sent beside it."""
    return message.is_sent and not message.is_kept


def costs_of(messages: Sequence[PathMessage]) -> list[int]:
    """Returns about how many tokens each message takes in a request."""
    share = share_of(sum(len(message.content) for message in messages))
    return [estimate(message.content, share) + PER_MESSAGE if message.is_sent else 0 for message in messages]


def _count_folded(messages: Sequence[PathMessage], around: int, room: FoldRoom, limit: int | None, last: int) -> int:
    """Returns how many of these messages are folded, so that whole exchanges remain below the goal."""

    def fits(start: int, tokens: int) -> bool:
        rest = costs[start:]
        return around + sum(rest) <= tokens and (limit is None or sum(map(bool, rest)) - 1 <= limit * tokens / room.mark)

    costs = [0 if message.is_kept else cost for message, cost in zip(messages, costs_of(messages), strict=True)]
    starts = starts_in(messages)
    lasting = starts[-last:]
    # The last ones yield one by one, the newest never.
    while len(lasting) > 1 and not fits(lasting[0], room.mark):
        lasting = lasting[1:]
    furthest = lasting[0] if lasting else 0
    return next((start for start in starts if start <= furthest and fits(start, room.goal)), furthest)
