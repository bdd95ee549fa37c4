"""How a picture stands in the text of a message: as an image at the end, with the address of its file. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

NAME_CHARS = 120
ID = r"[0-9a-z]{26}"
ANY = re.compile(rf"!\[(?P<name>[^\]\n]{{0,{NAME_CHARS}}})\]\(/files/(?P<id>{ID})\)")
MARK = "](/files/"


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
    lines, found = content.split("\n"), list[Reference]()
    while lines:
        line = lines.pop().rstrip(" ")
        if each := ANY.fullmatch(line):
            found.append(Reference(each["name"], each["id"]))
        elif line:
            lines.append(line)
            break
    return ("\n".join(lines).rstrip(), tuple(reversed(found))) if found else (content, ())


def ids_in(contents: Sequence[str]) -> set[str]:
    return {each["id"] for content in contents if MARK in content for each in ANY.finditer(content)}
