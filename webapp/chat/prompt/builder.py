"""From sections and messages to what a model is asked, in the one order of all prompts, within a budget. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import groupby
from typing import Any, Literal

from webapp.chat.prompt.tokens import PER_MESSAGE, estimate, share_of
from webapp.lore.entries import NOTE_DEPTH
from webapp.providers.base import ModelRequest, Turn
from webapp.sections import AFTER, Section

# At most, of texts that people write: what has no room is not looked at.
CHARS_PER_TOKEN = 5
SECTION_SEPARATOR = "\n---\n"
# The sections that every chat has.
OF_A_CHAT = {
    "pre_prompt": Section("Pre-prompt", rank=10),
    "system_prompt": Section("System prompt", rank=20),
    "character": Section("Character", rank=30),
    "persona": Section("Persona", rank=40),
    "instructions": Section("Custom instructions", rank=50, is_private=True),
    # Right before the history.
    "story": Section("Story so far", rank=190),
    # Between what lorebooks say above and below it.
    "note": Section("Author's note", rank=30, depth=NOTE_DEPTH),
    "post_prompt": Section("Post-history instructions", rank=10, depth=AFTER),
    # Behind all messages, as the last one may be an answer too.
    "group": Section("Whose turn it is", rank=200, depth=0),
}
ROLES = ("system", "user", "assistant")
USUAL = {each.name: each.default for each in fields(Section)}
# Role and text of each message, from the root to the one that is to be answered.
Path = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The end of a path that is sent: from which message on, how many exchanges before it found no room.

    `beyond` is how many messages the history limit left out before that; `dropped` are the sections without room.
    """

    start: int = 0
    left_out: int = 0
    beyond: int = 0
    dropped: tuple[Section, ...] = ()


class PromptBuilder:
    """Sections in their order, those of a chat by their names; whatever is empty is left out, with its separator."""

    def __init__(self, sections: Iterable[Section] = (), **of_a_chat: str) -> None:
        own = (replace(OF_A_CHAT[name], text=text) for name, text in of_a_chat.items())
        self.sections = tuple(sorted((each for each in (*own, *sections) if each.text.strip()), key=place))

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "PromptBuilder":
        """The builder whose parts were kept; what else was kept with them does not matter."""
        # Once only the texts were kept, by their names.
        old = {name: kept[name] for name in OF_A_CHAT if name in kept}
        return cls((Section(**{name: each[name] for name in USUAL if name in each}) for each in kept.get("sections", ())), **old)

    @property
    def parts(self) -> dict[str, list[dict[str, Any]]]:
        """Every section with its tokens, to be kept."""
        counted = (replace(each, tokens=estimate(each.text)) for each in self.sections)
        return {"sections": [{name: value for name, value in asdict(each).items() if value != USUAL[name]} for each in counted]}

    @property
    def system(self) -> str:
        return SECTION_SEPARATOR.join(each.text for each in self.sections if each.depth is None and each.role == "system")

    def without(self, dropped: Sequence[Section]) -> "PromptBuilder":
        return PromptBuilder(each for each in self.sections if each not in dropped)

    def among(self, count: int) -> list[Section | int]:
        """The sections among so many messages, and those by their numbers, in the order in which a model reads them."""

        def where(each: Section | int) -> tuple[int, bool]:
            if isinstance(each, int):
                return each, True
            return (-1 if each.depth is None else max(0, count - each.depth)), False

        return sorted([*self.sections, *range(count)], key=where)

    def build(self, model: str, path: Path, *, beginning: str = "", **parameters: Any) -> ModelRequest:
        """The request; `beginning` is what the model has already said of the answer to come.

        Answers without any text (failed, or stopped before the first word) say nothing and are left out.
        """
        turns = [*self._turns([Turn(_role(role), content) for role, content in path if content])]
        turns += [Turn("assistant", beginning)] if beginning else []
        return ModelRequest(model=model, turns=tuple(turns), goes_on=bool(beginning), **parameters)

    def fit(self, path: Path, *, budget_tokens: int = 0, history_limit: int | None = None, beginning: str = "") -> Fitted:
        """How much is sent: of the last so many earlier messages whole exchanges within the budget, once all sections that
        can be left out are.

        An exchange is a question with its answers. The newest message is always sent; no budget is no limit.
        """
        first = max(0, len(path) - 1 - history_limit) if history_limit is not None else 0
        texts = [*self._texts(), beginning, *(content for _, content in path[first:])]
        # No text has more tokens than characters, so that most chats need not be counted.
        if not budget_tokens or sum(len(text) + PER_MESSAGE for text in texts) <= budget_tokens:
            return Fitted(first, beyond=first)
        share = share_of(min(sum(map(len, texts)), CHARS_PER_TOKEN * budget_tokens))
        dropped = self._dropped(budget_tokens, [beginning, *(content for _, content in path[first:])], share)
        around = (*self.without(dropped)._texts(), beginning, path[-1][1] if path else "")
        left = budget_tokens - sum(map(_cost, around))
        return replace(_within(left, path, list(_exchanges(path, first)), share), beyond=first, dropped=dropped)

    def _dropped(self, budget_tokens: int, messages: Sequence[str], share: float) -> tuple[Section, ...]:
        """As few sections as possible: the lowest priority first, of equal ones the last."""
        spare = [(each.priority, each) for each in reversed(self.sections) if each.priority is not None]
        if not spare:
            return ()
        order = [each for _, each in sorted(spare, key=lambda each: each[0])]
        left = _left(budget_tokens, messages, share)
        counts = range(len(order))
        needed = bisect_left(counts, True, key=lambda count: sum(map(_cost, self.without(order[:count])._texts())) <= left)
        return tuple(order[:needed])

    def _texts(self) -> list[str]:
        return [turn.content for turn in self._turns([])]

    def _turns(self, said: Sequence[Turn]) -> Iterator[Turn]:
        for (number, _, role), group in groupby(self.among(len(said)), key=_message):
            texts = [each.text for each in group if isinstance(each, Section)]
            yield Turn(role, SECTION_SEPARATOR.join(texts)) if texts else said[number]


def exchanges_between(path: Path, first: int, start: int, end: int) -> int:
    """How many exchanges of the history, which begins with this message, end behind one message and before another."""
    return sum(start < each.stop <= end for each in _exchanges(path, first))


def place(section: Section) -> tuple[bool, int, int, int]:
    """Where a model reads it, among all sections."""
    return section.depth is not None, -(section.depth or 0), ROLES.index(section.role), section.rank


def _message(each: Section | int) -> tuple[int, int | None, Literal["system", "user", "assistant"]]:
    """What is one message: one of the chat, or all sections of a role at one place."""
    return (each, None, "user") if isinstance(each, int) else (-1, each.depth, each.role)


def _within(left: int, path: Path, exchanges: list[range], share: float) -> Fitted:
    for place in reversed(range(len(exchanges))):
        left = _left(left, (path[each][1] for each in exchanges[place]), share)
        if left < 0:
            return Fitted(exchanges[place].stop, place + 1)
    return Fitted(exchanges[0].start if exchanges else max(0, len(path) - 1))


def _left(tokens: int, texts: Iterable[str], share: float) -> int:
    """What these leave; as soon as it is nothing, the others are not looked at."""
    for text in texts:
        tokens -= _cost(text, share)
        if tokens < 0:
            break
    return tokens


def _exchanges(path: Path, first: int) -> Iterator[range]:
    """The history in exchanges: each begins with what a person says; what stands before the first is one too."""
    end = len(path) - 1
    starts = [each for each in range(first, end) if each == first or path[each][0] == "user"]
    yield from (range(start, stop) for start, stop in zip(starts, [*starts[1:], end], strict=False))


def _cost(text: str, share: float = 1.0) -> int:
    return estimate(text, share) + PER_MESSAGE if text else 0


def _role(role: str) -> Literal["user", "assistant"]:
    return "user" if role == "user" else "assistant"
