"""The Markdown dialect: CommonMark and common extensions, within limits. Pure.

The extensions are tables, strikethrough, task lists, footnotes, citations, formulas, collapsible parts and bare links.

Every rule depends only on one top-level block and on what precedes it, never on what follows: otherwise a block could not be
sealed. The parse environment therefore counts what a text has used of its limits, next to the link definitions: `cells` of
tables, `addresses` (the characters that link definitions were expanded to), the markup of `formulas`, and `blocks` of code.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from webapp.rendering.blocks import blocks, inlines, is_writing, table_within_limits
from webapp.rendering.citations import use_citations
from webapp.rendering.collapsible import details
from webapp.rendering.elements import use_our_elements
from webapp.rendering.footnotes import SCOPE, use_footnotes
from webapp.rendering.formulas import formula
from webapp.rendering.mathematics import markup_chars
from webapp.rendering.pictures import Pictures
from webapp.rendering.previews import number_blocks

# One long definition can be used a thousand times: the HTML would grow with the square of the text.
MAX_ADDRESS_CHARS = 100_000
# A page of mathematics takes a fiftieth of this.
MAX_FORMULA_MARKUP = 1_000_000
TASK = re.compile(r"\[([ xX])\][ \t]+")
HOST = re.compile(r"[\w.:-]+")
RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
# Letters of scripts after Greek and Cyrillic end a URL: Chinese and Japanese put no space after it.
ADDRESS = re.compile(r"(?<![\w/])https?://[a-z0-9\u00a1-\u1fff][!#-;=?-\[\]_a-z~\u00a1-\u1fff]{0,2000}", re.IGNORECASE)
AFTER_ADDRESS = "?!.,:;*_~'\"([]"
# The parser offers every step to the log, which takes a lock even if nothing is written: a thread must not take any.
for _name in [name for name in logging.root.manager.loggerDict if name.startswith("markdown_it.")]:
    logging.getLogger(_name).disabled = True


def parser() -> MarkdownIt:
    """Returns the configured parser; raw HTML is shown as text, and foreign images are links."""
    markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": 24}).enable(["table", "strikethrough"])
    markdown.block.ruler.at("table", table_within_limits, {"alt": ["paragraph", "reference"]})
    markdown.core.ruler.at("normalize", _normalize)
    markdown.core.ruler.at("block", blocks)
    markdown.core.ruler.at("inline", inlines)
    markdown.inline.ruler.before("escape", "formula", formula)
    rules = (
        _below_the_title,
        _task_marks,
        _bare_links,
        _links_we_allow,
        _formulas_within_limits,
        _alignment_as_class,
        _direction,
    )
    for rule in (*rules, number_blocks):
        markdown.core.ruler.push(rule.__name__.strip("_"), rule)
    use_footnotes(markdown)
    use_citations(markdown)
    markdown.block.ruler.before("reference", "details", details, {"alt": ["paragraph", "reference", "blockquote"]})
    use_our_elements(markdown)
    return markdown


def spent(tokens: Iterable[Token], limit: str) -> int:
    """Returns how much of a limit, such as `cells` or `addresses`, these tokens have used."""
    return sum(token.meta.get(limit, 0) for token in tokens)


def plain_lines(text: str) -> str:
    """Returns the text with line ends of one kind, and without characters that have a special meaning here."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd").replace(SCOPE, "\ufffd")


def _normalize(state: StateCore) -> None:
    # The parser's own rule searches by regular expressions, which takes as long as all other rules together.
    state.src = plain_lines(state.src)


def _below_the_title(state: StateCore) -> None:
    """Shifts headings down by one level, because the page already has its h1."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"


def _task_marks(state: StateCore) -> None:
    for opening, paragraph, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if opening.type != "list_item_open" or paragraph.type != "paragraph_open" or not inline.children:
            continue
        text, match = inline.children[0], TASK.match(inline.content)
        if text.type == "text" and match and text.content.startswith(match[0]):
            opening.attrSet("class", "to-do")
            text.content = text.content[match.end() :]
            inline.children.insert(0, Token("task", "", 0, meta={"done": match[1] != " "}))


def _bare_links(state: StateCore) -> None:
    for inline in _inlines(state):
        if "://" in inline.content and is_writing(inline.content):
            inline.children = list(_with_bare_links(state.md, inline.children or []))


def _with_bare_links(markdown: MarkdownIt, children: Sequence[Token]) -> Iterator[Token]:
    links = 0
    for child in children:
        links += child.nesting if child.type in {"link_open", "link_close"} else 0
        if child.type == "text" and not links:
            yield from _linked(markdown, child)
        else:
            yield child


def _linked(markdown: MarkdownIt, text: Token) -> Iterator[Token]:
    at = 0
    for match in ADDRESS.finditer(text.content):
        shown = _without_punctuation(match[0])
        yield _text(text, text.content[at : match.start()])
        yield Token("link_open", "a", 1, attrs={"href": markdown.normalizeLink(shown)}, level=text.level)
        yield _text(text, shown)
        yield Token("link_close", "a", -1, level=text.level)
        at = match.start() + len(shown)
    if not at or at < len(text.content):
        yield _text(text, text.content[at:])


def _text(pattern: Token, content: str) -> Token:
    return Token("text", "", 0, content=content, level=pattern.level)


def _without_punctuation(address: str) -> str:
    """Removes what a sentence or a bracket around the URL has added to it."""
    while address[-1] in AFTER_ADDRESS or (address[-1] == ")" and address.count(")") > address.count("(")):
        address = address[:-1]
    return address


def _links_we_allow(state: StateCore) -> None:
    """Hides links that are neither web nor mail, and counts the characters that link definitions have added."""
    for inline in _inlines(state):
        links = [child for child in inline.children or [] if child.type in {"link_open", "link_close", "image"}]
        if not links:
            continue
        grown = max(0, sum(_address_chars(link) for link in links) - len(inline.content))
        is_within = grown + state.env.get("addresses", 0) <= MAX_ADDRESS_CHARS
        if is_within:
            inline.meta["addresses"] = grown
            state.env["addresses"] = grown + state.env.get("addresses", 0)
        _hide_links(links, is_within, state.env.get("pictures") or {})


def _formulas_within_limits(state: StateCore) -> None:
    """Counts the markup of formulas; those beyond the limit remain as they were written."""
    for inline in _inlines(state):
        formulas = [child for child in inline.children or [] if child.type == "formula"]
        total = state.env.get("formulas", 0) + sum(markup_chars(token.content) for token in formulas)
        if formulas and total <= MAX_FORMULA_MARKUP:
            inline.meta["formulas"], state.env["formulas"] = total - state.env.get("formulas", 0), total
        elif formulas:
            for token in formulas:
                token.type, token.content = "text", token.meta["written"]


def _address_chars(link: Token) -> int:
    return sum(len(str(value)) for value in link.attrs.values())


def _hide_links(links: Iterable[Token], is_within: bool, pictures: Pictures) -> None:
    opened: list[Token] = []
    for link in links:
        if link.type == "image":
            # Browsers split a link within a link.
            link.meta["host"] = _host(link) if is_within else ""
            link.hidden = any(not token.hidden for token in opened)
            link.meta["size"] = pictures.get(str(link.attrGet("src") or "")) if is_within and not link.hidden else None
        elif link.type == "link_open":
            link.hidden = not is_within or not _is_safe(str(link.attrGet("href") or ""))
            opened.append(link)
        else:
            link.hidden = opened.pop().hidden


def _is_safe(address: str) -> bool:
    return address.lower().startswith(("https://", "http://", "mailto:"))


def _host(image: Token) -> str:
    address = str(image.attrGet("src") or "")
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return host if _is_safe(address) and HOST.fullmatch(host) else ""


def _alignment_as_class(state: StateCore) -> None:
    # The parser writes style="text-align:right", which our content security policy forbids.
    for token in state.tokens:
        style = str(token.attrs.pop("style", "")) if token.type in {"th_open", "td_open"} else ""
        if style.endswith(("right", "center")):
            token.attrSet("class", "end" if style.endswith("right") else "center")


def _direction(state: StateCore) -> None:
    """Sets dir="auto" on every element that contains right-to-left letters."""
    if state.src.isascii() or not RIGHT_TO_LEFT.search(state.src):
        return
    opened: list[Token] = []
    for token in state.tokens:
        if token.nesting == 1:
            opened.append(token)
        elif token.nesting == -1:
            opened.pop()
        elif token.type == "inline" and RIGHT_TO_LEFT.search(token.content):
            for container in opened:
                container.attrSet("dir", "auto")


def _inlines(state: StateCore) -> Iterator[Token]:
    return (token for token in state.tokens if token.type == "inline")
