"""What readers of files give: parts of a text, or the reason why there is none. Pure."""

from dataclasses import dataclass

DAMAGED = "This file is damaged, or isn't what its name says. Open it in the program that made it, save it again and add that."
PROTECTED = "This file is protected by a password. Save it without one and add it again."


class Refused(ValueError):
    """It cannot be read, for the reason it says."""


@dataclass(frozen=True, slots=True)
class Part:
    """A page, slide, sheet or chapter as markdown: `number` is its place among `of`, where it has one.

    One that stands `is_apart` shares no passage with its neighbours. `title` is what the whole file calls itself.
    """

    text: str
    number: int | None = None
    of: int = 0
    title: str = ""
    is_apart: bool = False
