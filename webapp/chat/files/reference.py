"""How a picture stands in the text of a message: as an image at the end, with the address of its file. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

NAME_CHARS = 120
ID = r"[0-9a-z]{26}"
ANY = re.compile(rf"!\[(?P<name>[^\]\n]{{0,{NAME_CHARS}}})\]\(/files/(?P<id>{ID})\)")
MARK, BLANK = "](/files/", " \n"
# As many as files in a message.
MOST = 20


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture by its name and the id of its file."""

    name: str
    id: str

    @property
    def written(self) -> str:
        return f"![{self.name}](/files/{self.id})"


def reference(name: str, id: str) -> Reference:
    return Reference(re.sub(r"[\[\]\\()\n\r`<>]+", " ", name).strip()[-NAME_CHARS:] or "picture", id)


def parted(content: str) -> tuple[str, tuple[Reference, ...]]:
    """What stands before the pictures at the end of a message, and they."""
    if MARK not in content:
        return content, ()
    # Line by line, and by no pattern of many: whoever writes a message could choose one that such a pattern never ends with.
    rest, found = content.rstrip(BLANK), list[Reference]()
    while len(found) < MOST and (each := ANY.fullmatch(rest, rest.rfind("\n") + 1)):
        found.append(Reference(each["name"], each["id"]))
        rest = rest[: each.start()].rstrip(BLANK)
    return (rest.rstrip(), tuple(reversed(found))) if found else (content, ())


def ids_in(contents: Sequence[str]) -> set[str]:
    return {each["id"] for content in contents if MARK in content for each in ANY.finditer(content)}
