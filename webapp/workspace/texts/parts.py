"""Parts of texts: what a message has to open, the parts to choose from, and a part that a model has rewritten. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from webapp.knowledge.formats import CODE
from webapp.rendering.markdown_rules import parser
from webapp.rendering.text import title
from webapp.web.filters import plural

WHOLE = "whole"
MOST_PARTS, MOST_BLOCKS = 20, 200
WORDS = 60
# How much of the text a model is shown on each side of a part, in characters; and from when on it isn't there by chance.
AROUND, LEAST_REPEATED = 8_000, 40
# The ending of a file by the name of its language, shortest first: `py` for python.
ENDINGS = {language: ending for ending, language in sorted(CODE.items(), reverse=True)} | {
    **{ending: ending for ending in CODE},
    "python": "py",
    "javascript": "js",
    "typescript": "ts",
    "bash": "sh",
    "shell": "sh",
    "rust": "rs",
    "ruby": "rb",
    "markdown": "md",
    "md": "md",
    "html": "html",
    "csv": "csv",
    "tsv": "tsv",
    "text": "txt",
    "txt": "txt",
}
FENCE = re.compile(r"\A\s*(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<text>.*?)\n?(?P=fence)[`~]*\s*\Z", re.DOTALL)
_markdown = parser()


@dataclass(frozen=True, slots=True)
class Openable:
    """What can be opened of a message: all of it, a table or a block of code."""

    key: str
    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A part of a text that a person can choose, with its first words."""

    start: int
    end: int
    words: str


def openables(content: str) -> list[Openable]:
    """Returns what can be opened of a message: all of it first, then its tables and its blocks of code."""
    name = _file_words(content) or "Text"
    message_parts = [Openable(WHOLE, "whole", f"{name}.md", content.strip("\n") + "\n")]
    lines = content.split("\n")
    for number, (kind, start, end, language) in enumerate(_long_parts(content), 1):
        if number > MOST_PARTS:
            break
        text = "\n".join(lines[start:end]) if kind == "table" else "\n".join(_unfenced(lines[start:end]))
        ending = "md" if kind == "table" else ENDINGS.get(language.lower(), "txt")
        if text.strip():
            message_parts.append(Openable(f"{kind}-{number}", kind, f"{name}.{ending}", text.strip("\n") + "\n"))
    return message_parts


def blocks(text: str) -> list[TextBlock]:
    """Returns the blocks of a text with their places, for those who can't select one; of a long text the first ones."""
    text_blocks, place = list[TextBlock](), 0
    for piece in re.split(r"(\n[ \t]*\n[ \t\n]*)", text):
        if piece.strip() and len(text_blocks) < MOST_BLOCKS:
            start = place + len(piece) - len(piece.lstrip("\n"))
            end = place + len(piece.rstrip())
            words = " ".join(text[start : min(end, start + 4 * WORDS)].split())
            text_blocks.append(TextBlock(start, end, words[:WORDS] + ("…" if len(words) > WORDS else "")))
        place += len(piece)
    return text_blocks


def moved(before: str, start: int, end: int, now: str) -> tuple[int, int] | None:
    """Returns where a part of a text is after the text was changed elsewhere; None if the part was changed, too."""
    if now.startswith(before[:end]):
        return start, end
    if now.endswith(before[start:]):
        shift = len(now) - len(before)
        return (start + shift, end + shift) if start + shift >= 0 else None
    return None


def around(text: str, start: int, end: int) -> tuple[str, str]:
    """Returns what a model is shown before and after a part of a text."""
    return text[max(0, start - AROUND) : start], text[end : end + AROUND]


def rewritten(written: str, text: str, start: int, end: int) -> str:
    """Returns the new part out of what a model has written for a part of a text.

    A model that repeats what is around the part, or puts it in a block of code, has only the part taken. White space around
    the part stays as it was.
    """
    part, new = text[start:end], written
    if (match := FENCE.match(new)) and not FENCE.match(part):
        new = match["text"]
    new = new.strip()
    before, after = (side.strip() for side in around(text, start, end))
    if len(before) + len(after) >= LEAST_REPEATED and new.startswith(before) and new.endswith(after):
        new = new[len(before) : max(len(before), len(new) - len(after))].strip()
    leading, trailing = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :]
    return f"{leading}{new}{trailing}" if part.strip() else new


def describe(openable: Openable) -> str:
    """Returns how long it is, in words."""
    count = openable.text.count("\n")
    return plural(count - 2, "row") if openable.kind == "table" else plural(count, "line")


def _long_parts(content: str) -> Iterator[tuple[str, int, int, str]]:
    for token in _markdown.parse(content):
        if token.level or not token.map:
            continue
        start, end = token.map
        if token.type == "fence":
            yield "code", start, end, "".join(token.info.split()[:1])
        elif token.type == "table_open":
            yield "table", start, end, ""


def _unfenced(lines: list[str]) -> list[str]:
    last = lines[-1].strip()
    return lines[1:-1] if (len(lines) > 1 and last and set(last) <= {"`"}) or set(last) == {"~"} else lines[1:]


def _file_words(content: str) -> str:
    """Returns the first line of a message as the name of a file."""
    line = next((line for line in content.split("\n") if line.strip()), "")
    words = "".join(char if char.isalnum() or char in " -_" else " " for char in title(line, limit=50))
    return " ".join(words.split())
