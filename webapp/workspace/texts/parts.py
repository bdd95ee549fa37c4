"""Parts of texts: what a message has to open, the parts to choose from, and a part that a model has rewritten. Pure."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from markdown_it.token import Token

from webapp.base.languages import gettext
from webapp.knowledge.formats import CODE
from webapp.rendering.markdown_rules import parser
from webapp.rendering.preview_search import name_of, source, titled_blocks
from webapp.rendering.previews import NAMES, PreviewSource
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
# What a person calls the languages whose name isn't their ending.
LANGUAGES = {
    "py": "Python",
    "js": "JavaScript",
    "ts": "TypeScript",
    "sh": "Shell",
    "rs": "Rust",
    "rb": "Ruby",
    "go": "Go",
    "java": "Java",
    "kt": "Kotlin",
    "swift": "Swift",
    "cpp": "C++",
    "cs": "C#",
    "mmd": "Mermaid",
    "md": "Markdown",
    "csv": "Table",
    "tsv": "Table",
    "txt": "Code",
}
# What a block of code is called in it: its file in the first comment, or else the first thing that it defines.
CALLED = re.compile(
    r"\A\s*(?:#|//|--|/\*|<!--)[ \t]*(?P<file>[\w./-]{1,80}\.\w{1,5})\b"
    r"|^[ \t]{0,8}(?:export |default |public |async |pub ){0,3}(?:def|class|function|func|fn|struct|interface|type)[ \t]+"
    r"(?P<name>\w{1,80})",
    re.M,
)
CALLED_READS_CHARS = 4_000
FENCE = re.compile(
    r"\A\s*+(?P<fence>`{3,}+|~{3})[^\n`]*+\n(?P<text>.*?)\n?(?<![`~])(?P=fence)[`~]*+\s*+\Z",
    re.DOTALL,
)
_markdown = parser()


@dataclass(frozen=True, slots=True)
class Openable:
    """What can be opened of a message: all of it, a table or a block of code; `label` is its language, `name` its file's."""

    key: str
    kind: Literal["whole", "table", "code"]
    label: str
    title: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A part of a text that a person can choose, with its first words."""

    start: int
    end: int
    words: str


def openables(content: str) -> list[Openable]:
    """Returns what can be opened of a message: all of it first, then its tables and its blocks of code by their numbers."""
    name = _file_words(content) or "Text"
    message_parts = [Openable(WHOLE, "whole", "", name, f"{name}.md", content.strip("\n") + "\n")]
    tokens, lines = _markdown.parse(content), content.split("\n")
    for number, at, heading in titled_blocks(tokens):
        part = _openable(f"block-{number}", tokens[at], lines, source(tokens, at, heading))
        if part.text.strip():
            message_parts.append(replace(part, name=f"{_file_words(part.title) or name}.{part.name}"))
    return _numbered(message_parts)


def openable(content: str, key: str) -> Openable | None:
    """Returns what of a message has this key; programs count tables and blocks of code together: `table-1`, `code-2`."""
    return next((part for place, part in enumerate(openables(content)) if key in (part.key, f"{part.kind}-{place}")), None)


def _openable(key: str, token: Token, lines: list[str], preview: PreviewSource) -> Openable:
    """Returns a table or a block of code; its name is just the ending."""
    words = name_of(preview) or gettext(NAMES[preview.kind]) if preview.kind else _called(token.content) or name_of(preview)
    if token.type == "table_open":
        start, end = token.map or [0, 0]
        # A table in a list or a quote is opened without what is before its lines.
        rows = [line.lstrip(" \t>") if token.level else line for line in lines[start:end]]
        return Openable(key, "table", "", words, "md", "\n".join(rows) + "\n")
    name = "".join(token.info.split()[:1])
    ending = ENDINGS.get(name.lower(), "txt")
    label = LANGUAGES.get(ending, ending.upper())
    return Openable(key, "code", label, words or title(token.content, limit=WORDS), ending, token.content.strip("\n") + "\n")


def _called(code: str) -> str:
    match = CALLED.search(code, 0, CALLED_READS_CHARS)
    return (match["file"] or match["name"]) if match else ""


def _numbered(message_parts: list[Openable]) -> list[Openable]:
    """Numbers those that would have the same label and title."""
    alike, seen = Counter((part.label, part.title) for part in message_parts), Counter[tuple[str, str]]()
    for at, part in enumerate(message_parts):
        key = part.label, part.title
        seen[key] += 1
        if alike[key] > 1:
            message_parts[at] = replace(part, title=f"{part.title} {seen[key]}")
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


def _file_words(content: str) -> str:
    """Returns the first line of a message as the name of a file."""
    line = next((line for line in content.split("\n") if line.strip()), "")
    words = "".join(char if char.isalnum() or char in " -_," else " " for char in title(line, limit=WORDS))
    return " ".join(words.split())
