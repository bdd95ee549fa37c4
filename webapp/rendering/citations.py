"""Citations: `[2]`, `[2, 5]` and `【2】` in a text become chips that link to the sources of its answer. Pure.

`cited` in the environment of a rendering holds the numbers of the existing sources; without any, brackets remain brackets. A
number without a source is removed.
"""

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from webapp.rendering.footnotes import placeholder

NUMBERS = r"\d{1,3}(?:\s*,\s*\d{1,3}){0,19}"
# Followed by a URL in parentheses, it is a link.
CITE = re.compile(rf"\[({NUMBERS})\](?!\()")
# The form that some models write, with a name after the number. The lookbehind and the possessive `++` match a run of blanks
# only from its start.
FULL_WIDTH = re.compile(rf"(?:(?<![ \t])[ \t]++)?【({NUMBERS})(?:†[^【】]{{0,60}})?】")
NUMBER = re.compile(r"\d+")


def use_citations(markdown: MarkdownIt) -> None:
    """Adds the rules for citations to a parser."""
    markdown.inline.ruler.before("link", "cite", _cite)
    markdown.core.ruler.push("full_width_cites", _full_width)
    markdown.add_render_rule("cite", _markup)


def marked_numbers(text: str) -> set[int]:
    """Returns the numbers that are cited in a text."""
    return {int(number) for mark in (CITE, FULL_WIDTH) for match in mark.finditer(text) for number in NUMBER.findall(match[1])}


def _cite(state: StateInline, silent: bool) -> bool:
    source_numbers: frozenset[int] = state.env.get("cited", frozenset())
    match = CITE.match(state.src, state.pos, state.posMax) if source_numbers and not state.linkLevel else None
    if not match:
        return False
    if not silent:
        if numbers := _known(match[1], source_numbers):
            # A chip stays on the line of the word before it.
            if state.pending.strip() and state.pending.endswith(" "):
                state.pending = f"{state.pending.rstrip(' ')}\u00a0"
            state.push("cite", "", 0).meta = {"cite": numbers}
        else:
            state.pending = state.pending.rstrip(" ")
    state.pos = match.end()
    return True


def _full_width(state: StateCore) -> None:
    if cited := state.env.get("cited"):
        for token in state.tokens:
            if token.type == "inline" and "【" in token.content:
                token.children = list(_with_chips(token.children or [], cited))


def _with_chips(children: Sequence[Token], source_numbers: frozenset[int]) -> Iterator[Token]:
    links = 0
    for child in children:
        links += child.nesting if child.type in {"link_open", "link_close"} else 0
        if child.type == "text" and not links and "【" in child.content:
            yield from _parted(child, source_numbers)
        else:
            yield child


def _parted(text: Token, source_numbers: frozenset[int]) -> Iterator[Token]:
    at = 0
    for match in FULL_WIDTH.finditer(text.content):
        numbers = _known(match[1], source_numbers)
        blank = match[0][: len(match[0]) - len(match[0].lstrip())] if numbers else ""
        blank = "\u00a0" if blank and match.start() > at else blank
        yield Token("text", "", 0, content=text.content[at : match.start()] + blank, level=text.level)
        if numbers:
            yield Token("cite", "", 0, meta={"cite": numbers}, level=text.level)
        at = match.end()
    yield Token("text", "", 0, content=text.content[at:], level=text.level)


def _known(written: str, source_numbers: frozenset[int]) -> list[int]:
    """Returns each known number once, in the order in which they were written."""
    return [number for number in dict.fromkeys(map(int, NUMBER.findall(written))) if number in source_numbers]


def _markup(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return "".join(placeholder("cite", str(number)) for number in tokens[index].meta["cite"])
