"""What features tell a model beside the messages of a chat. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from webapp.bags import Variables

# What a prompt is for: an answer, another one, the rest of one, or the next message of a person, written for them.
Occasion = Literal["answer", "again", "continue", "suggestion"]
# A section with this depth follows the history: only the newest message comes after it.
AFTER = 1


@dataclass(frozen=True, slots=True)
class Section:
    """One text of a prompt: what a person calls it, and where it comes from.

    `depth` is how many messages follow it; None puts it before all of them. At one place, sections of one role are one message,
    ordered by `rank`. Without enough room, the lowest `priority` is left out first, before any message; a section with no
    priority is always sent, so its feature bounds its size. One that is private is shown only to the person who asked.
    """

    title: str
    text: str = ""
    origin: str = ""
    role: Literal["system", "user", "assistant"] = "system"
    depth: int | None = None
    rank: int = 100
    priority: int | None = None
    is_private: bool = False
    # Roughly; counted when the section is sent.
    tokens: int = 0
    # The passage that it quotes. Its words are not kept with the prompt, and who looks later is asked for their right to it.
    passage_id: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A section whose text is made by `filled` when those that a model reads before it are: what they set counts in it."""

    section: Section
    filled: Callable[[str], str]


@dataclass(slots=True)
class Outlets:
    """Texts that stand only where another asks for them by a name; `used` are the origins of those that were asked for."""

    texts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)

    def add(self, name: str, text: str, origin: str) -> None:
        self.texts.setdefault(name, []).append((text, origin))

    def asked(self, name: str) -> str:
        """All that has this name, in order; nothing where there is none."""
        found = self.texts.get(name, [])
        self.used += [origin for _, origin in found]
        return "\n".join(text for text, _ in found)


@dataclass(frozen=True, slots=True)
class PromptContext:
    """What a prompt is made for; `said` has the role and text of each message that is to be sent, the newest last."""

    chat_id: str
    person_id: str | None
    model: str
    said: Sequence[tuple[str, str]]
    # Whether a model is told what its person says of themselves.
    is_personal: bool = True
    # Which character answers; a chat can have several.
    speaker_id: str = ""
    occasion: Occasion = "answer"
    # Of the messages in `said`, and of the answer that is to be written.
    ids: Sequence[str] = ()
    answer_id: str = ""
    # How many tokens the prompt may have; 0 where nobody knows.
    most_tokens: int = 0
    # What its texts can keep; None where nothing is kept.
    variables: Variables | None = None
    # Filled by who contributes them, and read when all have.
    outlets: Outlets = field(default_factory=Outlets)
    # The story so far, which is read when somebody asks for it.
    story: Callable[[], str] = str


# What a feature gives as `sections`: asked once for each prompt, inside its transaction.
Contribute = Callable[[PromptContext], Iterable[Section | Template]]
