"""Which results of an answer's calls are folded before its next request, when that fills its model's context."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from webapp.models.connections import contexts
from webapp.models.fitting import LEAST_CHARS, answer_tokens, even_share, prompt_tokens
from webapp.models.tokens import estimate
from webapp.settings.service import setting
from webapp.tools.arguments import parsed_arguments
from webapp.tools.calls import CallRecord
from webapp.tools.folded import NEW, RECALL, Fold, number_in

# Longer results are folded before others.
LONG_CHARS = 2_000
# Folds are made rarely and large: down to this fraction of the mark, so that a request begins in the same way for many rounds,
# and a provider's cache hits.
KEPT = 0.3
# So many rounds stand for themselves when those before become one text.
NEWEST_ROUNDS = 2
# What a part that is opened may have: this fraction of the room, and at most so many characters.
PART, MOST_PART_CHARS = 0.1, 16_000
# What results that don't fit together share of the room that is left: the rest is for what follows from them.
SHARED = 0.5
# Parts can be smaller than usual, so that the first of one that is sent is whole, but not by more than this.
LEAST_PARTS = 4
# The tokens of the line below a result that is sent in part.
LINE_TOKENS = 40


@dataclass(frozen=True, slots=True)
class FoldRoom:
    """The room for a request in tokens, without that for the answer, and the mark: a longer one is folded."""

    tokens: int
    mark: int

    @classmethod
    def of(cls, length: int, most_tokens: int | None, percent: float) -> "FoldRoom":
        """Returns the room in a context of this length, with a mark that leaves what estimates can be too low by."""
        tokens = length - answer_tokens(length, most_tokens)
        return cls(tokens, min(int(tokens * percent / 100), prompt_tokens(length, most_tokens)))

    @property
    def goal(self) -> int:
        return int(self.mark * KEPT)

    def part_chars(self, text: str) -> int:
        """Returns how many characters of a text a part has, so that one fits any request after a fold."""
        return max(LEAST_CHARS, min(MOST_PART_CHARS, int(len(text) * self.tokens * PART / max(1, estimate(text)))))


def room_of(model: str, most_tokens: int | None) -> FoldRoom:
    """Returns the room in a model's context beside an answer of so many tokens."""
    return FoldRoom.of(contexts.length(model), most_tokens, float(setting("context.fold_at")))


def fold_used(calls: Sequence[CallRecord], tokens: int, room: FoldRoom) -> Iterator[CallRecord]:
    """Yields results to be folded to a line that the model has used: the long ones before others, the oldest first."""
    newest = _newest_round(calls)
    used = [call for call in calls if call.round != newest and _is_sent(call)]
    for call in sorted(used, key=lambda call: len(call.text) <= LONG_CHARS):
        if tokens <= room.goal:
            return
        folded = _with_fold(call, room, sent=0)
        if (saved := _cost(call) - _cost(folded)) > 0:
            tokens -= saved
            yield folded


def fold_rounds(calls: Sequence[CallRecord], tokens: int, room: FoldRoom) -> Iterator[CallRecord]:
    """Yields the calls of rounds to be folded into one text, where their calls and lines fill the room."""
    newest = _newest_round(calls)
    standing = [call for call in calls if not (call.fold and call.fold["rounds"])]
    rounds = list(dict.fromkeys(call.round for call in standing))[:-NEWEST_ROUNDS]
    if tokens - sum(_cost(call) for call in calls if call.round == newest) > room.goal:
        yield from (_with_fold(call, room, sent=0, rounds=NEW) for call in standing if call.round in rounds)


def share_newest(calls: Sequence[CallRecord], tokens: int, room: FoldRoom) -> Iterator[CallRecord]:
    """Yields the results of the newest round that don't fit together, each with its share."""
    newest = _newest_round(calls)
    results = [call for call in calls if call.round == newest and _is_sent(call)]
    costs = [_cost(call) for call in results]
    left = max(0, room.mark - (tokens - sum(costs)) - LINE_TOKENS * len(results))
    most = even_share(costs, int(left * SHARED))
    for call, cost in zip(results, costs, strict=True):
        sent, part = _share(int(len(call.text) * most / max(1, cost)), room.part_chars(call.text))
        if cost > most and sent < len(call.text):
            yield _with_fold(call, room, sent=sent, part=part)


# In this order, until the request is below its mark.
STEPS: Sequence[Callable[[Sequence[CallRecord], int, FoldRoom], Iterator[CallRecord]]] = (fold_used, fold_rounds, share_newest)


def _newest_round(calls: Sequence[CallRecord]) -> int:
    return max((call.round for call in calls), default=0)


def _is_sent(call: CallRecord) -> bool:
    """Returns whether more than a line of a result is sent."""
    return call.state == "done" and (not call.fold or bool(call.fold["sent"]))


def _with_fold(call: CallRecord, room: FoldRoom, *, sent: int, part: int = 0, rounds: int = 0) -> CallRecord:
    earlier = call.fold or _new_fold(call, part or room.part_chars(call.text))
    return replace(call, fold=Fold(**{**earlier, "sent": sent, "rounds": rounds}))


def _new_fold(call: CallRecord, part: int) -> Fold:
    of_recall = call.tool == RECALL and call.state == "done"
    number = number_in(parsed_arguments(call.arguments)) if of_recall else NEW
    return Fold(number=number, sent=0, part=0 if of_recall else part, rounds=0, made_at="")


def _cost(call: CallRecord) -> int:
    return estimate(call.for_the_model)


def _share(chars: int, part: int) -> tuple[int, int]:
    """Returns how much of a result is sent, where so many characters have room, and how much a part of it has.

    Whole parts are sent; where one has no room, parts are as long as that is, unless that would be very many.
    """
    if chars >= part:
        return chars // part * part, part
    return max(LEAST_CHARS, chars), max(LEAST_CHARS, chars) if chars > part // LEAST_PARTS else part
