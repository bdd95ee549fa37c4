"""Translates templates when they are compiled: each text of their HTML becomes a lookup in the language of the page.

A text stands between two tags, or in an attribute that people read. A sentence with something in it, an element or a value, is
one unit: it stands in a `trans` block of Jinja. A string in an expression is marked: `_("Save")`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from html import unescape

from flask import Flask, request
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup, escape
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from webapp.base import languages
from webapp.web.htmx import is_api

# Pages for programs, and the manual, stay English.
ENGLISH = ("api/", "workspace/frame/docs/")
# What people read or hear of an element.
READ = re.compile(
    r'(?<=\s)(aria-label|aria-description|title|placeholder|alt|data-confirm|data-label)="([^"<>]*[^\W\d_][^"<>]*)"'
)
LETTERS = re.compile(r"[^\W\d_]{2}|^\s*[^\W\d_]\s*$")
TAG = re.compile(r"<[^<>]*>")
NAME = re.compile(r"</?\s*([a-zA-Z][\w-]*)")
# Of a header that lists the languages of a browser, in characters.
MOST_ACCEPTED = 200
# Elements whose text is of no language.
KEPT = {"code", "kbd", "pre", "samp", "script", "style", "svg"}


def init(app: Flask, usual: Callable[[], str]) -> None:
    """Makes pages in the language of the browser, until it is known who asks; where there is none, in the usual one."""
    app.before_request(partial(_choose_by_browser, usual))


def choose(code: str) -> None:
    """Makes the page of this request in a person's language, unless it is for a program; nothing for an empty code."""
    if code and not is_api():
        languages.use(code)


def _choose_by_browser(usual: Callable[[], str]) -> None:
    codes = tuple(languages.codes())
    if is_api() or len(codes) == 1:
        languages.use(languages.ENGLISH)
        return
    accepted = request.headers.get("Accept-Language", "")
    languages.use((_best(accepted, codes) if accepted else "") or usual())


@lru_cache(maxsize=256)
def _best(accepted: str, codes: tuple[str, ...]) -> str:
    """Returns the first language that a browser accepts, with its region or without; empty if none is there."""
    wanted = (tag.lower() for tag, _ in parse_accept_header(accepted[:MOST_ACCEPTED], LanguageAccept))
    known = {code.lower(): code for code in codes}
    return next((known[name] for tag in wanted for name in (tag, tag.partition("-")[0]) if name in known), "")


class CurrentTexts:
    """The texts of the current language, as the expressions of a template look them up."""

    def __getitem__(self, text: str) -> str:
        return languages.current().texts[text]


class CurrentHtml:
    """The texts of the current language, as the HTML of a template looks them up. Apostrophes are not escaped: they are many."""

    def __getitem__(self, text: str) -> str:
        language = languages.current()
        if not (html := language.html.get(text)):
            html = language.html[text] = Markup(str(escape(language.texts[text])).replace("&#39;", "'"))
        return html


def counted(one: str, many: str, count: int, /, **values: object) -> Markup:
    """Returns the text for a number as HTML, with the values escaped; `num` is the number, unless it is one of them."""
    language = languages.current()
    return Markup(language.counted(one, many, count)) % {"num": language.formats.number(count), **values}


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A text of a template; `before` and `after` are what it stands between: a tag, or the token of an expression or block."""

    words: str
    line: int
    before: str = ""
    after: str = ""
    attribute: str = ""


class Translated(Extension):
    """Replaces the texts of a template by lookups, also those that an expression names: `_("Save")`."""

    priority = 90

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        if not is_translated(stream.name or ""):
            return iter(stream)
        return _with_lookups(stream)


def texts_of(tokens: Iterator[Token]) -> Iterator[TemplateText]:
    """Yields the texts that a template's HTML has, for a catalogue and for checks."""
    for item in _parts(tokens):
        if isinstance(item, TemplateText):
            yield item


def is_translated(name: str) -> bool:
    """Returns whether a template has pages in all languages."""
    return name.endswith(".html") and not name.startswith(ENGLISH)


def _with_lookups(tokens: Iterator[Token]) -> Iterator[Token]:
    for item in _called(_parts(tokens)):
        if isinstance(item, TemplateText):
            yield Token(item.line, "variable_begin", "{{")
            yield from _lookup("translated_html", item.words, item.line)
            yield Token(item.line, "variable_end", "}}")
        else:
            yield item


def _lookup(table: str, words: str, line: int) -> Iterator[Token]:
    for kind, value in (("name", table), ("lbracket", "["), ("string", words), ("rbracket", "]")):
        yield Token(line, kind, value)


def _called(parts: Iterator["Token | TemplateText"]) -> Iterator["Token | TemplateText"]:
    """Makes lookups of the calls `_("Save")` that have nothing but a text."""
    waiting: list[Token] = []
    wanted = ("name", "lparen", "string", "rparen")
    for part in parts:
        if isinstance(part, Token) and part.type == wanted[len(waiting)] and (waiting or part.value == "_"):
            waiting.append(part)
            if len(waiting) == len(wanted):
                yield from _lookup("translated", waiting[2].value, part.lineno)
                waiting = []
            continue
        yield from waiting
        waiting = []
        if isinstance(part, Token) and (part.type, part.value) == ("name", "_"):
            waiting.append(part)
        else:
            yield part
    yield from waiting


def _parts(tokens: Iterator[Token]) -> Iterator["Token | TemplateText"]:
    """Yields the tokens, with the texts of their HTML in places of their own."""
    html, before, is_unit = _Html(), "", False
    for token, after in _with_next(tokens):
        if token.type == "data" and not is_unit:
            yield from html.read(token, before, after)
        else:
            yield token
        if token.type == "name" and before == "block_begin" and token.value in ("trans", "endtrans"):
            is_unit = token.value == "trans"
        before = token.type


def _with_next(tokens: Iterator[Token]) -> Iterator[tuple[Token, str]]:
    last: Token | None = None
    for token in tokens:
        if last:
            yield last, token.type
        last = token
    if last:
        yield last, ""


class _Html:
    """Where a template's HTML stands: inside of a tag or a comment, and in elements whose text is kept."""

    def __init__(self) -> None:
        self._is_in_tag, self._kept = False, list[str]()

    def read(self, token: Token, before: str, after: str) -> Iterator[Token | TemplateText]:
        """Yields the pieces of a text of the template."""
        rest, line = token.value, token.lineno
        if self._is_in_tag:
            tag, end, rest = rest.partition(">")
            yield from self._tag(tag + end, line)
            self._is_in_tag, before = not end, tag + end
            line += tag.count("\n")
        if self._is_in_tag:
            return
        place = 0
        for match in TAG.finditer(rest):
            yield from self._text(rest[place : match.start()], line, before, match[0])
            line += rest[place : match.start()].count("\n")
            yield from self._tag(match[0], line)
            self._open(match[0])
            line, place, before = line + match[0].count("\n"), match.end(), match[0]
        last, bracket, opened = rest[place:].partition("<")
        yield from self._text(last, line, before, bracket + opened if bracket else after)
        if bracket:
            self._is_in_tag = True
            self._open(bracket + opened)
            yield from self._tag(bracket + opened, line + last.count("\n"))

    def _open(self, tag: str) -> None:
        name = NAME.match(tag)
        if not name:
            return
        if tag.startswith("</"):
            if self._kept and self._kept[-1] == name[1]:
                self._kept.pop()
        elif (name[1] in KEPT or 'translate="no"' in tag) and not tag.endswith("/>"):
            self._kept.append(name[1])

    def _text(self, text: str, line: int, before: str, after: str) -> Iterator[Token | TemplateText]:
        if not LETTERS.search(unescape(text)) or self._kept:
            if text:
                yield Token(line, "data", text)
            return
        words = text.strip()
        lead, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        if lead:
            yield Token(line, "data", lead)
        yield TemplateText(_plain(words), line + lead.count("\n"), before, after)
        if tail:
            yield Token(line, "data", tail)

    def _tag(self, tag: str, line: int) -> Iterator[Token | TemplateText]:
        place = 0
        for match in READ.finditer(tag):
            start, end = match.span(2)
            yield Token(line, "data", tag[place:start])
            yield TemplateText(_plain(match[2]), line, attribute=match[1])
            place = end
        if place < len(tag):
            yield Token(line, "data", tag[place:])


def _plain(words: str) -> str:
    """Returns a text without line breaks and references, as it is escaped where it is shown. No-break spaces stay."""
    return unescape(re.sub(r"[ \n]+", " ", words))
