"""Marks that an unfinished text has opened and not closed: closed for now, so that nobody sees them come and go. Pure."""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from webapp.rendering.tail import may_be_last

# Beyond these a text is shown as it is: each try reads all of it again.
MAX_CHARS = 1_000
MAX_BRACKETS = 50
MAX_TRIES = 3
MARKS = frozenset("*_~`")
OPENING = re.compile(r"(?<![0-9A-Za-z])\*{1,3}(?=[^\s*])|(?<!\w)_{1,3}(?=[^\s_])|~~(?=[^\s~])")
BACKTICKS = re.compile(r"`+(?=[^`])")
# What may become a mark with the next character. Marks are taken one by one, and none is given back: that a long row of
# them does not end the text is seen once, not in every way in which it can be divided.
DANGLING = re.compile(r"(?<!\s)\s*+(?<!\\)(?:[*_~`]|!?\[)++\Z")
# A link whose address is on its way. A number or a box in brackets is none.
LINK = re.compile(r"!?\[(?=[^\W\d_])([^\[\]\n]{0,300})(?:\](?:\([^()\s]*(?: [^()\n]*)?)?)?\Z")
PARAGRAPH_END = re.compile(r"\n[ \t>]*\n[ \t>]*\Z")


def closed(markdown: MarkdownIt, tokens: Sequence[Token], source: str) -> tuple[str, int]:
    """The text to draw now, and how many characters at its end only close what is open; -1 where its own end is hidden."""
    last = next((token for token in reversed(tokens) if may_be_last(token)), None)
    text = _without_blank_end(source)
    if not last or not _may_be_open(last) or not text.endswith(_last_line(last.content)[-12:]) or PARAGRAPH_END.search(source):
        return source, 0
    content, children = last.content, _parsed(markdown, last.content)
    marks = _code_mark(markdown, content, children)
    shown = content if marks else _without_beginnings(content, children)
    children = children if content == shown + marks else _parsed(markdown, shown + marks)
    marks += _closing(markdown, shown + marks, children)
    if shown != content:
        return text.removesuffix(_last_line(content)) + _last_line(shown) + marks, -1
    return (text + marks, len(marks)) if marks else (source, 0)


def _without_blank_end(source: str) -> str:
    """The text without blanks at its end, and without a last line that says nothing."""
    before, _, line = source.rpartition("\n")
    return (source if line.strip(" \t>") else before).rstrip(" ")


def _may_be_open(token: Token) -> bool:
    content = token.content
    is_short = token.type == "inline" and len(content) <= MAX_CHARS and content.count("[") <= MAX_BRACKETS
    return is_short and any(mark in content for mark in "*_~`[")


def _without_beginnings(content: str, children: Sequence[Token]) -> str:
    """The text without a mark that has nothing in it yet, and without what will be the address of a link."""
    if children[-1].type == "text" and DANGLING.search(children[-1].content):
        content = DANGLING.sub("", content)
    return LINK.sub(r"\1", content) if LINK.search(_text(children)) else content


def _code_mark(markdown: MarkdownIt, content: str, children: Sequence[Token]) -> str:
    """What closes the code at the end of a text, if it is open."""
    for run in BACKTICKS.findall(_text(children))[:MAX_TRIES]:
        if _parsed(markdown, content + run)[-1].type == "code_inline":
            return str(run)
    return ""


def _closing(markdown: MarkdownIt, content: str, children: Sequence[Token]) -> str:
    """What closes as many marks as can be: all that stand open, else the last one that helps."""
    runs, most = OPENING.findall(_text(children))[-MAX_TRIES:], _left(children)
    for marks in dict.fromkeys(["".join(reversed(runs)), *reversed(runs)]):
        if marks and _left(_parsed(markdown, content + marks)) < most:
            return str(marks)
    return ""


def _parsed(markdown: MarkdownIt, content: str) -> list[Token]:
    children: list[Token] = []
    markdown.inline.parse(content, markdown, {"references": {}}, children)
    return children


def _left(children: Sequence[Token]) -> int:
    """How many marks are still characters of the text."""
    return sum(letter in MARKS for letter in _text(children))


def _text(children: Sequence[Token]) -> str:
    return "".join(child.content if child.type == "text" else "" if child.nesting else " " for child in children)


def _last_line(content: str) -> str:
    return content.rpartition("\n")[2]
