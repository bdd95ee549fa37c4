"""What the readers of files return: parts of a text, or the reason why a file can't be read. Pure."""

from dataclasses import dataclass

DAMAGED = (
    "This file is damaged, or isn't what its name says. Open it in the program that made it, save it again and add the new file."
)
PROTECTED = "This file is protected by a password. Save it without one and add it again."


class UnreadableFile(ValueError):
    """Raised when a file can't be read; the message is the reason shown to people."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A page, slide, sheet or chapter as Markdown; `number` is its number among `of` parts, if it has one.

    A part that `is_apart` shares no passage with its neighbours. `title` is the title that the file declares.
    """

    text: str
    number: int | None = None
    of: int = 0
    title: str = ""
    is_apart: bool = False
