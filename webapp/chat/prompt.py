"""From what a chat says of itself and its messages to what a model is asked, in the one order of all chats. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from webapp.chat.tokens import PER_MESSAGE, estimate
from webapp.providers.base import ModelRequest, Turn

SECTION_SEPARATOR = "\n---\n"
# What a person calls each section; those of the system message, in their order, then what stands after the history.
TITLES = {
    "pre_prompt": "Before everything",
    "system_prompt": "System prompt",
    "character": "Character",
    "persona": "Persona",
    "instructions": "Standing instructions",
}
POST_TITLE = "After the history"
# Role and text of each message, from the root to the one that is to be answered.
Path = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The end of a path that is sent: from which message on, how many exchanges before it found no room.

    `beyond` is how many messages the history limit left out before that.
    """

    start: int = 0
    left_out: int = 0
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class PromptBuilder:
    """One system message of the sections, the history, the post prompt as a system message, the newest message.

    Whatever is empty is left out, a section with its separator.
    """

    pre_prompt: str = ""
    system_prompt: str = ""
    character: str = ""
    persona: str = ""
    instructions: str = ""
    post_prompt: str = field(default="", kw_only=True)

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "PromptBuilder":
        """The builder whose parts were kept; what else was kept with them is no matter."""
        return cls(**{each.name: kept[each.name] for each in fields(cls) if each.name in kept})

    @property
    def parts(self) -> dict[str, str]:
        """Everything that is not empty, to be kept."""
        named = {each.name: str(getattr(self, each.name)) for each in fields(self)}
        return {name: text for name, text in named.items() if text.strip()}

    @property
    def sections(self) -> dict[str, str]:
        """What the system message is made of."""
        return {name: text for name, text in self.parts.items() if name in TITLES}

    @property
    def system(self) -> str:
        return SECTION_SEPARATOR.join(self.sections.values())

    def build(self, model: str, path: Path, *, beginning: str = "", **parameters: Any) -> ModelRequest:
        """The request; `beginning` is what the model has already said of the answer to come.

        Answers without any text (failed, or stopped before the first word) say nothing and are left out.
        """
        said = [Turn(_role(role), content) for role, content in path if content]
        turns = [Turn("system", self.system), *said[:-1], Turn("system", self.parts.get("post_prompt", "")), *said[-1:]]
        turns.append(Turn("assistant", beginning))
        sent = tuple(turn for turn in turns if turn.content)
        return ModelRequest(model=model, turns=sent, goes_on=bool(beginning), **parameters)

    def fit(self, path: Path, *, budget_tokens: int = 0, history_limit: int | None = None, beginning: str = "") -> Fitted:
        """How much of the path is sent: the last so many earlier messages, and of those whole exchanges within the budget.

        An exchange is a question with its answers. The newest message is always sent; no budget is no limit.
        """
        first = max(0, len(path) - 1 - history_limit) if history_limit is not None else 0
        around = (self.system, self.post_prompt, beginning)
        texts = [*around, *(content for _, content in path[first:])]
        # No text has more tokens than characters, so that most chats need not be counted.
        if not budget_tokens or sum(len(text) + PER_MESSAGE for text in texts) <= budget_tokens:
            return Fitted(first, beyond=first)
        left = budget_tokens - sum(map(_cost, (*around, path[-1][1] if path else "")))
        return replace(_within(left, path, list(_exchanges(path, first))), beyond=first)


def _within(left: int, path: Path, exchanges: list[range]) -> Fitted:
    for place in reversed(range(len(exchanges))):
        left -= sum(_cost(path[each][1]) for each in exchanges[place])
        if left < 0:
            return Fitted(exchanges[place].stop, place + 1)
    return Fitted(exchanges[0].start if exchanges else max(0, len(path) - 1))


def _exchanges(path: Path, first: int) -> Iterator[range]:
    """The history in exchanges: each begins with what a person says; what stands before the first is one too."""
    end = len(path) - 1
    starts = [each for each in range(first, end) if each == first or path[each][0] == "user"]
    yield from (range(start, stop) for start, stop in zip(starts, [*starts[1:], end], strict=False))


def _cost(text: str) -> int:
    return estimate(text) + PER_MESSAGE if text else 0


def _role(role: str) -> Literal["user", "assistant"]:
    return "user" if role == "user" else "assistant"
