"""Builds a model's request from sections and messages, in the one order of all prompts and within a token budget. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, TypeVar

from webapp.characters.lore.entries import NOTE_DEPTH
from webapp.models.prompt_sections import AFTER, Section
from webapp.models.providers.base import ModelRequest, Turn
from webapp.models.tokens import PER_MESSAGE, estimate, share_of

# An upper bound for prose: text beyond the budget at this ratio can't fit, so it isn't examined.
CHARS_PER_TOKEN = 5
# The ranks of lorebook entries before and after the character.
LORE_BEFORE, LORE_AFTER = 25, 35
SECTION_SEPARATOR = "\n---\n"
# The sections that every chat can have.
OF_A_CHAT = {
    "pre_prompt": Section("Pre-prompt", rank=10),
    "system_prompt": Section("System prompt", rank=20),
    "project": Section("Project", rank=22),
    "character": Section("Character", rank=30),
    "persona": Section("Persona", rank=40),
    "instructions": Section("Custom instructions", rank=50, is_private=True),
    # Between the lorebook entries above and below the note.
    "note": Section("Author's note", rank=30, depth=NOTE_DEPTH),
    "post_prompt": Section("Post-history instructions", rank=10, depth=AFTER),
    # After all messages, because the last one can be another character's answer.
    "group": Section("Whose turn it is", rank=200, depth=0),
}
ROLES = ("system", "user", "assistant")
# Role and text of each message, from the root to the one to be answered.
Path = Sequence[tuple[str, str]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FittedPath:
    """The part of a path that is sent: the index of its first message, and how many exchanges before it did not fit.

    `beyond` is how many messages the history limit excluded before that; `dropped` are the sections that did not fit. So many
    messages at the beginning of the path are `kept` in any case.
    """

    start: int = 0
    left_out: int = 0
    beyond: int = 0
    dropped: tuple[Section, ...] = ()
    kept: int = 0

    def of(self, messages: Sequence[T]) -> list[T]:
        """Returns those that are sent."""
        return [*messages[: self.kept], *messages[max(self.start, self.kept) :]]


class PromptBuilder:
    """A prompt's non-empty sections in order; a chat's own sections are passed by name."""

    def __init__(self, sections: Iterable[Section] = (), **of_a_chat: str) -> None:
        own = (replace(OF_A_CHAT[name], text=text) for name, text in of_a_chat.items())
        self.sections = tuple(sorted((section for section in (*own, *sections) if section.text.strip()), key=place))

    @property
    def counted(self) -> tuple[Section, ...]:
        """Every section with its token count, to be recorded."""
        return tuple(replace(section, tokens=estimate(section.text)) for section in self.sections)

    @property
    def tokens(self) -> int:
        """About how many tokens the sections have."""
        return sum(map(_cost, self._texts()))

    @property
    def system(self) -> str:
        return SECTION_SEPARATOR.join(
            section.text for section in self.sections if section.depth is None and section.role == "system"
        )

    def without(self, dropped: Sequence[Section]) -> "PromptBuilder":
        return PromptBuilder(section for section in self.sections if section not in dropped)

    def among(self, count: int) -> list[Section | int]:
        """Returns the sections merged with the indexes of `count` messages, in the order in which a model reads them."""

        def where(placed: Section | int) -> tuple[int, bool]:
            if isinstance(placed, int):
                return placed, True
            return (-1 if placed.depth is None else max(0, count - placed.depth)), False

        return sorted([*self.sections, *range(count)], key=where)

    def build(self, model: str, path: Path, *, beginning: str = "", **parameters: Any) -> ModelRequest:
        """Builds the request; `beginning` is the text that the model has already written of the answer.

        Answers without text (failed, or stopped before the first word) are left out.
        """
        messages = [Turn(("user" if role == "user" else "assistant"), content) for role, content in path if content]
        numbered = [*self._numbered(messages)]
        earlier = tuple(place for place, (number, _) in enumerate(numbered) if 0 <= number < len(messages) - 1)
        turns = [turn for _, turn in numbered]
        turns += [Turn("assistant", beginning)] if beginning else []
        return ModelRequest(model, tuple(turns), is_continuation=bool(beginning), earlier=earlier, **parameters)

    def fit(
        self, path: Path, *, budget_tokens: int = 0, history_limit: int | None = None, beginning: str = "", kept: int = 0
    ) -> FittedPath:
        """Decides what to send: as many whole exchanges within the history limit as fit the budget.

        Optional sections are dropped before messages. An exchange is a question with its answers. The newest message is always
        sent, as are so many that are `kept`; a budget of 0 is no limit.
        """
        first = max(0, len(path) - 1 - history_limit) if history_limit is not None else 0
        texts = [*self._texts(), beginning, *(content for _, content in path[first:])]
        # A text never has more tokens than characters, so most chats don't need to be counted.
        if not budget_tokens or sum(len(text) + PER_MESSAGE for text in texts) <= budget_tokens:
            return FittedPath(first, beyond=first, kept=kept)
        share = share_of(min(sum(map(len, texts)), CHARS_PER_TOKEN * budget_tokens))
        dropped = self._dropped(budget_tokens, [beginning, *(content for _, content in path[first:])], share)
        around = (*self.without(dropped)._texts(), beginning, *(text for _, text in path[:kept]), path[-1][1] if path else "")
        tokens_left = budget_tokens - sum(map(_cost, around))
        within = _within(tokens_left, path, list(_exchanges(path, max(first, kept))), share)
        return replace(within, beyond=first, dropped=dropped, kept=kept)

    def _dropped(self, budget_tokens: int, messages: Sequence[str], share: float) -> tuple[Section, ...]:
        """Returns the fewest sections to drop so that the rest fits: lowest priority first, the last first among equals."""
        spare = [(section.priority, section) for section in reversed(self.sections) if section.priority is not None]
        if not spare:
            return ()
        order = [section for _, section in sorted(spare, key=lambda section: section[0])]
        tokens_left = _left(budget_tokens, messages, share)
        counts = range(len(order))
        needed = bisect_left(counts, True, key=lambda count: sum(map(_cost, self.without(order[:count])._texts())) <= tokens_left)
        return tuple(order[:needed])

    def _texts(self) -> list[str]:
        return [turn.content for _, turn in self._numbered([])]

    def _numbered(self, messages: Sequence[Turn]) -> Iterator[tuple[int, Turn]]:
        """Yields each turn with the number of its message; -1 for sections."""
        for (number, _, role), group in groupby(self.among(len(messages)), key=_message):
            texts = [placed.text for placed in group if isinstance(placed, Section)]
            yield number, (Turn(role, SECTION_SEPARATOR.join(texts)) if texts else messages[number])


def place(section: Section) -> tuple[bool, int, int, int]:
    """Returns the sort key of a section in the order in which a model reads them."""
    return section.depth is not None, -(section.depth or 0), ROLES.index(section.role), section.rank


def _message(placed: Section | int) -> tuple[int, int | None, Literal["system", "user", "assistant"]]:
    """Groups what becomes one turn: a message of the chat, or all sections with the same role and depth."""
    return (placed, None, "user") if isinstance(placed, int) else (-1, placed.depth, placed.role)


def _within(tokens_left: int, path: Path, exchanges: list[range], share: float) -> FittedPath:
    for place in reversed(range(len(exchanges))):
        tokens_left = _left(tokens_left, (path[exchange][1] for exchange in exchanges[place]), share)
        if tokens_left < 0:
            return FittedPath(exchanges[place].stop, place + 1)
    return FittedPath(exchanges[0].start if exchanges else max(0, len(path) - 1))


def _left(tokens: int, texts: Iterable[str], share: float) -> int:
    """Subtracts the cost of these texts from the budget, and stops as soon as it is exceeded."""
    for text in texts:
        tokens -= _cost(text, share)
        if tokens < 0:
            break
    return tokens


def _exchanges(path: Path, first: int) -> Iterator[range]:
    """Splits the history into exchanges, each beginning with a person's message; what precedes the first is one, too."""
    end = len(path) - 1
    starts = [index for index in range(first, end) if index == first or path[index][0] == "user"]
    yield from (range(start, stop) for start, stop in zip(starts, [*starts[1:], end], strict=False))


def _cost(text: str, share: float = 1.0) -> int:
    return estimate(text, share) + PER_MESSAGE if text else 0
