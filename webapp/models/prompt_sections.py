"""Texts that features add to a prompt in addition to the messages of a chat. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from webapp.characters.macros.chat_variables import Variables

# What a prompt is for: an answer, another version of it, the rest of one, or a suggested next message of the person.
Occasion = Literal["answer", "again", "continue", "suggestion"]
# A section with this depth follows the history: only the newest message comes after it.
AFTER = 1


@dataclass(frozen=True, slots=True)
class Section:
    """One text of a prompt, with the title that people see and the origin it comes from.

    `depth` is the number of messages that follow it; None puts it before all of them. At the same place, sections of the same
    role are joined into one message, ordered by `rank`. When the prompt is too long, the section with the lowest `priority` is
    dropped first, before any message; a section without a priority is always sent, so its feature limits its size. A private
    one is shown only to the person who requested the answer.
    """

    title: str
    text: str = ""
    origin: str = ""
    role: Literal["system", "user", "assistant"] = "system"
    depth: int | None = None
    rank: int = 100
    priority: int | None = None
    is_private: bool = False
    # An estimate; exact once the section is sent.
    tokens: int = 0
    # The passage that it quotes. Its text is not stored with the prompt; a later reader needs permission to read it.
    passage_id: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A section whose text `filled` renders after all that precede it in the prompt, so that it sees the variables they set."""

    section: Section
    filled: Callable[[str], str]


@dataclass(slots=True)
class Outlets:
    """Texts that are included only where another text requests them by name; `used` has the origins of those requested."""

    texts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)

    def add(self, name: str, text: str, origin: str) -> None:
        self.texts.setdefault(name, []).append((text, origin))

    def text_of(self, name: str) -> str:
        """Returns all texts with this name, in order; empty if there are none."""
        found = self.texts.get(name, [])
        self.used += [origin for _, origin in found]
        return "\n".join(text for text, _ in found)


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
    # Filled by the features that contribute, and read when all have contributed.
    outlets: Outlets = field(default_factory=Outlets)
    # The story so far, loaded on demand.
    story: Callable[[], str] = str


# A feature's contribution to prompts (`Feature.sections`): called once for each prompt, inside its transaction.
Contribute = Callable[[PromptContext], Iterable[Section | Template]]
