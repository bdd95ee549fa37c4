"""What a prompt is built for, and the features that contribute to it. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from webapp.characters.macros.chat_variables import Variables
from webapp.models.prompt_sections import Outlets, Section, Template

# What a prompt is for: an answer, another version of it, the rest of one, or a suggested next message of the person.
Occasion = Literal["answer", "again", "continue", "suggestion"]


@dataclass(frozen=True, slots=True)
class PromptContext:
    """What a prompt is built for; `messages` has the role and text of each message to be sent, the newest last."""

    chat_id: str
    person_id: str | None
    model: str
    messages: Sequence[tuple[str, str]]
    # Whether the prompt includes what the person wrote about themselves.
    is_personal: bool = True
    # The character that answers; a chat can have several.
    speaker_id: str = ""
    occasion: Occasion = "answer"
    # The ids of `messages`, and of the answer to be written.
    ids: Sequence[str] = ()
    answer_id: str = ""
    # The limit of the prompt in tokens; 0 if unknown.
    most_tokens: int = 0
    # The variables that its texts can set; None if none are kept.
    variables: Variables | None = None
    # Filled by the features that contribute, and read when all have contributed: named texts, and the places of outside text.
    outlets: Outlets = field(default_factory=Outlets)
    outside: list[str] = field(default_factory=list)
    # The facts that it is given, also filled, and those that the person wants none of.
    facts: list[str] = field(default_factory=list)
    without_facts: frozenset[str] = frozenset()
    # What is folded, loaded on demand; and how many messages that is.
    folded: Callable[[], str] = str
    folded_count: int = 0


@dataclass(frozen=True)
class Contributor:
    """A feature's contribution to prompts, among what it `brings`: called once for each prompt, inside its transaction."""

    sections: Callable[[PromptContext], Iterable[Section | Template]]
