"""Texts that features add to a prompt in addition to the messages of a chat. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

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
        texts = self.texts.get(name, [])
        self.used += [origin for _, origin in texts]
        return "\n".join(text for text, _ in texts)
