"""Markdown references to pictures and long files at the end of a message, with the file's address. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

NAME_CHARS = 120
ID = r"[0-9a-z]{26}"
ANY = re.compile(rf"(?P<mark>!?)\[(?P<name>[^\]\n]{{0,{NAME_CHARS}}})\]\(/files/(?P<id>{ID})\)")
# Matches from the address backwards, because a message can have a hundred thousand opening brackets.
ADDRESS = re.compile(rf"\]\(/files/({ID})\)")
MARK, BLANK = "](/files/", " \n"
# Begins the name of the file that a text in the same message was read from.
ORIGINAL = "Original of "
# The limit of files in one message.
MOST = 20


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a picture or a long file: its name and file id."""

    name: str
    id: str
    is_picture: bool = True

    @property
    def is_original(self) -> bool:
        return not self.is_picture and self.name.startswith(ORIGINAL)

    @property
    def written(self) -> str:
        return f"{'!' if self.is_picture else ''}[{self.name}](/files/{self.id})"


def reference(name: str, id: str, *, is_picture: bool = True) -> Reference:
    return Reference(_plain(name)[-NAME_CHARS:] or ("picture" if is_picture else "file"), id, is_picture)


def original(name: str, id: str) -> Reference:
    """Makes the reference to the file that the text with this name was read from."""
    return Reference(ORIGINAL + _plain(name)[len(ORIGINAL) - NAME_CHARS :], id, is_picture=False)


def _plain(name: str) -> str:
    return re.sub(r"[\[\]\\()\n\r`<>]+", " ", name).strip()


def parted(content: str) -> tuple[str, tuple[Reference, ...]]:
    """Splits a message into its text and the references at its end."""
    if MARK not in content:
        return content, ()
    # Matched line by line: one pattern for all lines would backtrack catastrophically on a maliciously written message.
    rest, references = content.rstrip(BLANK), list[Reference]()
    while len(references) < MOST and (match := ANY.fullmatch(rest, rest.rfind("\n") + 1)):
        references.append(Reference(match["name"], match["id"], bool(match["mark"])))
        rest = rest[: match.start()].rstrip(BLANK)
    return (rest.rstrip(), tuple(reversed(references))) if references else (content, ())


def ids_in(contents: Sequence[str]) -> set[str]:
    """Returns the ids of all files that these texts refer to, wherever in the text."""
    return {match[1] for content in contents for match in ADDRESS.finditer(content) if _is_named(content, match.start())}


def long_in(content: str) -> list[Reference]:
    """Returns the references to long files at the end of a message."""
    return [reference for reference in parted(content)[1] if not (reference.is_picture or reference.is_original)]


def originals_in(content: str) -> list[Reference]:
    """Returns the references to the files that the texts of a message were read from."""
    return [reference for reference in parted(content)[1] if reference.is_original]


def _is_named(content: str, at: int) -> bool:
    """Checks that a name in brackets ends at this place."""
    before = content[max(0, at - NAME_CHARS - 1) : at]
    return "[" in before[1 + max(before.rfind("]"), before.rfind("\n")) :]
