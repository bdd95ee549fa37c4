"""Closes the marks that an unfinished text has opened, so that they don't flicker in and out while it arrives. Pure."""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from webapp.rendering.tail import may_be_last

# Beyond these limits a text is shown unchanged: each attempt parses all of it again.
MAX_CHARS = 1_000
MAX_BRACKETS = 50
MAX_TRIES = 3
MARKS = frozenset("*_~`")
OPENING = re.compile(r"(?<![0-9A-Za-z])\*{1,3}(?=[^\s*])|(?<!\w)_{1,3}(?=[^\s_])|~~(?=[^\s~])")
BACKTICKS = re.compile(r"`+(?=[^`])")
# What can become a mark with the next character. The possessive quantifiers prevent backtracking: a long run of marks that
# doesn't end the text fails once, and not for every way to split it.
DANGLING = re.compile(r"(?<!\s)\s*+(?<!\\)(?:[*_~`]|!?\[)++\Z")
# A link whose URL has not fully arrived. A number or a checkbox in brackets is no link.
LINK = re.compile(r"!?\[(?=[^\W\d_])([^\[\]\n]{0,300})(?:\](?:\([^()\s]*(?: [^()\n]*)?)?)?\Z")
# The head of a table, and the beginning of the line below it that makes it one; a formula on lines of its own, or half its mark.
TABLE = re.compile(r"\|[^\n]*(?:\n[|: \t-]*)?")
FORMULA = re.compile(r"^(?:\$\Z|\$\$(?:(?!\$\$).)*\Z|\\\[(?:(?!\\\]).)*\Z)", re.MULTILINE | re.DOTALL)
PARAGRAPH_END = re.compile(r"\n[ \t>]*\n[ \t>]*\Z")


def closed(markdown: MarkdownIt, tokens: Sequence[Token], source: str) -> tuple[str, int]:
    """Returns the text to render now, and how many characters at its end are added closing marks; -1 if its own end is hidden."""
    last = next((token for token in reversed(tokens) if may_be_last(token)), None)
    text = _without_blank_end(source)
    if not last or not _may_be_open(last) or not text.endswith(_last_line(last.content)[-12:]) or PARAGRAPH_END.search(source):
        return source, 0
    content, children = last.content, _parsed(markdown, last.content)
    begun = _without_begun(content, children)
    if begun != content and text.endswith(content):
        return text.removesuffix(content) + begun, -1
    marks = _code_mark(markdown, content, children)
    shown = content if marks else _without_beginnings(content, children)
    children = children if content == shown + marks else _parsed(markdown, shown + marks)
    marks += _closing(markdown, shown + marks, children)
    if shown != content:
        return text.removesuffix(_last_line(content)) + _last_line(shown) + marks, -1
    return (text + marks, len(marks)) if marks else (source, 0)


def _without_blank_end(source: str) -> str:
    """Returns the text without trailing blanks, and without a last line of only blanks and quote marks."""
    before, _, line = source.rpartition("\n")
    return (source if line.strip(" \t>") else before).rstrip(" ")


def _may_be_open(token: Token) -> bool:
    content = token.content
    is_short = token.type == "inline" and len(content) <= MAX_CHARS and content.count("[") <= MAX_BRACKETS
    return is_short and any(mark in content for mark in "*_~`[$|")


def _without_begun(content: str, children: Sequence[Token]) -> str:
    """Returns a text up to the table or the formula at its end of which the rest is missing."""
    if TABLE.fullmatch(content):
        return ""
    match = FORMULA.search(content)
    is_open = match and (match[0].startswith("\\") or "$" in _text(children))
    return content[: match.start()].rstrip() if match and is_open else content


def _without_beginnings(content: str, children: Sequence[Token]) -> str:
    """Removes a mark at the end that has no content yet, and the incomplete URL of a link."""
    if children[-1].type == "text" and DANGLING.search(children[-1].content):
        content = DANGLING.sub("", content)
    return LINK.sub(r"\1", content) if LINK.search(_text(children)) else content


def _code_mark(markdown: MarkdownIt, content: str, children: Sequence[Token]) -> str:
    """Returns the backticks that close the code at the end of a text, if it is open."""
    for run in BACKTICKS.findall(_text(children))[:MAX_TRIES]:
        if _parsed(markdown, content + run)[-1].type == "code_inline":
            return str(run)
    return ""


def _closing(markdown: MarkdownIt, content: str, children: Sequence[Token]) -> str:
    """Returns the closing marks for all open marks, or else for the last one that works."""
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
    """Returns how many mark characters are still plain characters of the text."""
    return sum(letter in MARKS for letter in _text(children))


def _text(children: Sequence[Token]) -> str:
    return "".join(child.content if child.type == "text" else "" if child.nesting else " " for child in children)


def _last_line(content: str) -> str:
    return content.rpartition("\n")[2]
