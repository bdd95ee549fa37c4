"""Fits a request into a model's context: leaves out earlier messages, and shortens results of tools."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from webapp.base.words import number
from webapp.models.providers.base import ModelRequest, Turn
from webapp.models.tokens import PER_MESSAGE, PER_PICTURE, estimate, share_of
from webapp.streaming.events import Notice
from webapp.streaming.failure import TooLong

# Reserved for the answer if its length is not set, but at most a quarter of the context; never more than half of it.
ANSWER_TOKENS = 4_096
# Estimates can be a fifth too low.
CAUTION = 1.2
# Of a shortened result or the beginning of an answer, so much stays at least: less says nothing.
LEAST_CHARS = 200
CUT = "[{sent} of {all} characters]"
CUT_TOKENS = 16
LEFT_OUT = "[{all} characters, left out]"
# The code of the notice that not everything was sent, and how often a request is made shorter. A refusal that doesn't say what
# fits halves it; one that says the same again takes another third.
FITTED, MOST_FITS, HALF, LESS = "fitted", 4, 0.5, 0.7
# Folds are stored: what a server refuses again and again has to be shorter only in these requests.
MOST_FOLDED = 2
# What is folded after a refusal leaves room for the next rounds: it fills 60 % of what the context holds beside the answer.
FOLDED = 0.6 * CAUTION
# Estimates for languages that a model's vocabulary hardly knows are too low by up to this factor.
MOST_CAUTION = 5.0


@dataclass(frozen=True, slots=True)
class FittedRequest:
    """A request with what fits: without so many earlier messages and characters of the answer, with so many results shortened."""

    request: ModelRequest
    tokens: int
    messages: int = 0
    results: int = 0
    chars: int = 0

    @property
    def is_shorter(self) -> bool:
        return bool(self.messages or self.results or self.chars)

    @property
    def words(self) -> str:
        """What is missing, as the end of a sentence; empty for nothing."""
        earliest = "the earliest message was" if self.messages == 1 else f"the {number(self.messages)} earliest messages were"
        results = "a long result of a tool was" if self.results == 1 else f"{self.results} long results of tools were"
        parts = (
            f"{earliest} not sent" if self.messages else "",
            f"{results} shortened" if self.results else "",
            "the beginning of the answer was not sent" if self.chars else "",
        )
        return ", and ".join(filter(None, parts))


def answer_tokens(length: int, most_tokens: int | None) -> int:
    """Returns how many tokens of a context are kept free for an answer of `most_tokens`, if that is set."""
    return min(most_tokens, length // 2) if most_tokens else min(ANSWER_TOKENS, length // 4)


def prompt_tokens(length: int, most_tokens: int | None, *, caution: float = CAUTION) -> int:
    """Returns how many tokens a prompt can have by estimate; `caution` is how much too low that can be."""
    return max(1, int((length - answer_tokens(length, most_tokens)) / caution))


def can_be_too_long(request: ModelRequest, length: int) -> bool:
    """Returns whether a request has to be counted: a text never has more tokens than characters."""
    chars = sum(len(text) + PER_MESSAGE for text in request.texts())
    return chars + sum(len(turn.pictures) for turn in request.turns) * PER_PICTURE > length // 2


def tokens_of(request: ModelRequest) -> int:
    """Estimates the tokens of a request, with its tools."""
    return _Fitting.from_request(request).tokens


def fitted(request: ModelRequest, *, budget_tokens: int) -> FittedRequest:
    """Returns the request with as much as fits, by estimate; what can't be shortened is sent in any case.

    In this order: the earliest messages of the chat, in whole exchanges; results of earlier rounds; those of the last round,
    each to its share; earlier rounds; the beginning of an answer that is to be continued.
    """
    fitting = _Fitting.from_request(request)
    for shorten in (fitting.leave_out_earlier, fitting.shorten_rounds, fitting.share_last_round, fitting.leave_out_rounds):
        if fitting.tokens > budget_tokens:
            shorten(budget_tokens)
    if fitting.tokens > budget_tokens and request.is_continuation:
        fitting.cut_beginning(budget_tokens)
    return fitting.done()


@dataclass(frozen=True, slots=True)
class Fit:
    """A request as it is sent to one model. `length` is what the context holds, as far as that is known.

    It was made shorter `times` because of a refusal, the last time to `budget_tokens`.
    """

    request: ModelRequest
    length: int | None = None
    messages: int = 0
    words: str = ""
    budget_tokens: int = 0
    times: int = 0

    @classmethod
    def before(cls, request: ModelRequest, length: int | None) -> "Fit":
        """Returns what fits a model before it is asked: results of tools were not there when the prompt was built."""
        fit = cls(request, length)
        if request.earlier is None or not length or not can_be_too_long(request, length):
            return fit
        return fit._with(fitted(request, budget_tokens=prompt_tokens(length, request.max_tokens)))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is said of the prompt: what its model was not sent."""
        if not self.words:
            return ()
        why = f"This model's context holds {number(self.length)} tokens" if self.length else "Not all fits this model's context"
        return (Notice(FITTED, f"{why}: {self.words}."),)

    @property
    def guess(self) -> int:
        """The context's length for a model that doesn't say it, once it has answered a shorter request; 0 for any other."""
        room = self.budget_tokens * CAUTION
        return 0 if self.length or not self.times else int(min(room * 4 / 3, room + ANSWER_TOKENS))

    def after(self, too_long: TooLong) -> "Fit | None":
        """Returns the request after a refusal, as short as that says; None if nothing can be left out any more."""
        if self.times == MOST_FITS:
            return None
        request, tokens = self.request, _Fitting.from_request(self.request).tokens
        if too_long.limit:
            caution = min(MOST_CAUTION, max(CAUTION, 1.05 * (too_long.sent or 0) / max(1, tokens)))
            budget_tokens = prompt_tokens(too_long.limit, request.max_tokens, caution=caution)
            # It is longer than it was estimated to be.
            budget_tokens = min(budget_tokens, int(tokens * LESS)) if self.times or budget_tokens >= tokens else budget_tokens
            most_tokens = answer_tokens(too_long.limit, request.max_tokens)
            request = replace(request, max_tokens=most_tokens) if request.max_tokens else request
        else:
            budget_tokens = int(tokens * HALF)
        folds = request.folded if self.times < MOST_FOLDED else None
        folded = folds(int(budget_tokens * FOLDED)) if folds else None
        folded = replace(folded, max_tokens=request.max_tokens, folded=request.folded) if folded else None
        shorter = fitted(folded or request, budget_tokens=budget_tokens)
        if not (shorter.is_shorter or folded) and request == self.request:
            return None
        # What was left out of one that wasn't folded can be in it.
        fit = replace(self, messages=0, words="") if folded else self
        return replace(fit, length=too_long.limit, budget_tokens=budget_tokens, times=self.times + 1)._with(shorter)

    def _with(self, shorter: FittedRequest) -> "Fit":
        messages = self.messages + shorter.messages
        # What was left out before is said with what is now.
        words = replace(shorter, messages=messages).words if shorter.is_shorter else self.words
        return replace(self, request=shorter.request, messages=messages, words=words)


@dataclass(slots=True)
class _Fitting:
    """The turns of a request while it is shortened, by their places; `cost` estimates a text."""

    request: ModelRequest
    turns: dict[int, Turn]
    cost: Callable[[str], int]
    costs: dict[int, int]
    tokens: int
    messages: int = 0
    chars: int = 0
    shortened: set[str] = field(default_factory=set)

    @classmethod
    def from_request(cls, request: ModelRequest) -> "_Fitting":
        share = share_of(sum(map(len, request.texts())))

        def cost(text: str) -> int:
            return estimate(text, share)

        turns = dict(enumerate(request.turns))
        costs = {place: sum(map(cost, _texts_of(turn))) + _beside(turn) for place, turn in turns.items()}
        tools = sum(cost(tool.description) + cost(tool.schema) for tool in request.tools)
        return cls(request, turns, cost, costs, sum(costs.values()) + tools + request.other_tokens)

    def done(self) -> FittedRequest:
        places = sorted(self.turns)
        earlier = tuple(at for at, place in enumerate(places) if place in (self.request.earlier or ()))
        request = replace(self.request, turns=tuple(self.turns[place] for place in places), earlier=earlier)
        return FittedRequest(request, self.tokens, self.messages, len(self.shortened), self.chars)

    def leave_out_earlier(self, budget_tokens: int) -> None:
        for place in self.request.earlier or ():
            # Whole exchanges: a question with its answers.
            if self.tokens <= budget_tokens and self.turns[place].role == "user":
                break
            self._leave_out(place)
            self.messages += 1

    def shorten_rounds(self, budget_tokens: int) -> None:
        for place in self._rounds[:-1]:
            if self.tokens <= budget_tokens:
                break
            lines = (replace(result, text=_line(result.text)) for result in self.turns[place].results)
            self._put(place, replace(self.turns[place], results=tuple(lines)))

    def share_last_round(self, budget_tokens: int) -> None:
        if not (rounds := self._rounds):
            return
        place = rounds[-1]
        results = self.turns[place].results
        costs = [self.cost(result.text) for result in results]
        room = budget_tokens - (self.tokens - sum(costs)) - CUT_TOKENS * len(results)
        most = even_share(costs, max(0, room))
        shared = (
            replace(result, text=_cut(result.text, most / cost)) if cost > most else result
            for result, cost in zip(results, costs, strict=True)
        )
        self._put(place, replace(self.turns[place], results=tuple(shared)))

    def leave_out_rounds(self, budget_tokens: int) -> None:
        for place in self._rounds[:-1]:
            if self.tokens <= budget_tokens:
                break
            self.shortened |= {result.id for result in self.turns[place].results}
            self._leave_out(place)
            if self.turns.get(place - 1) and self.turns[place - 1].calls:
                self._leave_out(place - 1)

    def cut_beginning(self, budget_tokens: int) -> None:
        place = max(self.turns)
        turn = self.turns[place]
        room = budget_tokens - (self.tokens - self.costs[place])
        kept = max(LEAST_CHARS, int(len(turn.content) * max(0, room) / max(1, self.costs[place])))
        if kept < len(turn.content):
            self.chars = len(turn.content) - kept
            self._put(place, replace(turn, content=turn.content[-kept:]))

    @property
    def _rounds(self) -> list[int]:
        return [place for place, turn in sorted(self.turns.items()) if turn.results]

    def _leave_out(self, place: int) -> None:
        self.tokens -= self.costs[place]
        del self.turns[place]

    def _put(self, place: int, turn: Turn) -> None:
        before = {result.id: result.text for result in self.turns[place].results}
        self.shortened |= {result.id for result in turn.results if result.text != before[result.id]}
        cost = sum(map(self.cost, _texts_of(turn))) + _beside(turn)
        self.tokens += cost - self.costs[place]
        self.turns[place], self.costs[place] = turn, cost


def _texts_of(turn: Turn) -> Iterator[str]:
    yield turn.content
    yield from (call.arguments for call in turn.calls)
    yield from (result.text for result in turn.results)


def _beside(turn: Turn) -> int:
    """Returns what a turn has besides its texts: roles and delimiters, and pictures."""
    return PER_MESSAGE * (1 + len(turn.calls) + len(turn.results)) + PER_PICTURE * len(turn.pictures)


def even_share(sizes: Iterable[int], room: int) -> int:
    """Returns the most that each may have; those that are smaller leave the rest to the others."""
    ordered = sorted(sizes)
    for at, size in enumerate(ordered):
        if size > (even := room // (len(ordered) - at)):
            return even
        room -= size
    return max(ordered, default=0)


def _line(text: str) -> str:
    line = LEFT_OUT.format(all=number(len(text)))
    return line if len(line) < len(text) else text


def _cut(text: str, share: float) -> str:
    chars = max(LEAST_CHARS, int(len(text) * share) - len(CUT))
    if chars >= len(text):
        return text
    return f"{text[:chars]}\n{CUT.format(sent=number(chars), all=number(len(text)))}"
