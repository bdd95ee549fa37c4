"""Which messages of a path are folded before a request that its model's context has no room for."""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.chat.prompt.path_folds import PathFold
from webapp.chat.record.paths import PathMessage
from webapp.models.tokens import PER_MESSAGE, estimate, share_of
from webapp.tools.folding import FoldRoom

# So many of the person's last messages stay, as long as they fit together.
LAST_MESSAGES = 3
# What the folds of a path may fill of the room before they become one, and what one may have of it.
MOST_FOLDS, MOST_FOLD = 0.35, 0.15


@dataclass(frozen=True, slots=True)
class FoldOrder:
    """A fold to be made of these messages of a chat, the oldest first; all before them are covered already, or none is there."""

    chat_id: str
    ids: tuple[str, ...]
    is_from_root: bool
    most_tokens: int


def most_tokens_in(room: FoldRoom) -> int:
    """Returns how many tokens a fold has at most."""
    return int(room.mark * MOST_FOLD)


class FoldDue(Exception):
    """Raised within a transaction that builds a prompt: a fold has to be made first, outside of it."""

    def __init__(self, order: FoldOrder) -> None:
        self.order = order


def raise_if_due(chat_id: str, path: Sequence[PathMessage], folds: Sequence[PathFold], *, around: int, room: FoldRoom) -> None:
    """Raises `FoldDue` with what makes room on a path that ends with the message to be answered, unless that alone is too long.

    `around` are the tokens that the request has beside the path's messages.
    """
    begin = folds[-1].last + 1 if folds else 0
    count = begin + _count_folded(path[begin:], around, room)
    if count == begin:
        return
    most_tokens = most_tokens_in(room)
    if sum(estimate(fold.row.text) for fold in folds) + most_tokens > room.mark * MOST_FOLDS:
        begin = 0
    ids = tuple(message.id for message in path[begin:count])
    raise FoldDue(FoldOrder(chat_id, ids, begin == 0, most_tokens))


def _count_folded(messages: Sequence[PathMessage], around: int, room: FoldRoom) -> int:
    """Returns how many of these messages are folded, so that whole exchanges remain below the goal."""
    share = share_of(sum(len(message.content) for message in messages))
    costs = [estimate(message.content, share) + PER_MESSAGE if message.is_sent else 0 for message in messages]
    starts = [place for place, message in enumerate(messages) if message.role == "user" and message.is_sent]
    lasting = starts[-LAST_MESSAGES:]
    # The last ones yield one by one, the newest never.
    while len(lasting) > 1 and around + sum(costs[lasting[0] :]) > room.mark:
        lasting = lasting[1:]
    most = lasting[0] if lasting else 0
    fitting = (start for start in starts if start <= most and around + sum(costs[start:]) <= room.goal)
    return next(fitting, most)
