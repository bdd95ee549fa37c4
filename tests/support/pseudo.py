"""Pages in a language that no one speaks: each text is in brackets, accented and 40 % longer. What is not was not translated."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from flask import Flask
from selectolax.lexbor import LexborHTMLParser, LexborNode
from sqlalchemy import String, select

from scripts.languages import catalog
from tests.support.catalogues import write_catalogue
from webapp.base.db import db
from webapp.base.languages import FIXED
from webapp.chat.record.tables import Message
from webapp.rendering.preview_search import name_of, previewed

CODE = "en-XA"
SHIPPED = [*Path("webapp/plans/types/shipped").glob("*.yaml"), *Path("webapp/workflows/shipped").glob("*.yaml")]
OPEN, CLOSE = "⟦", "⟧"
ACCENTED = str.maketrans("aeiouyAEIOUYncsNCS", "àéîöûýÀÉÎÖÛÝñçšÑÇŠ")
READ = ("aria-label", "aria-description", "title", "placeholder", "alt", "data-confirm", "data-label")
LETTERS = re.compile(r"[^\W\d_]{2}")
# What is of no language, or in the language of those who wrote it; `dir="auto"` is on what people and models write.
KEPT = {"code", "kbd", "pre", "samp", "script", "style", "svg", "textarea", "bdi"}
KEPT_CLASSES = {"code", "message-text", "mono", "num", "key"}
# Texts that stay as they are, each with its reason.
EXCEPTIONS: Mapping[str, str] = {
    r"Millrace( · .*)?|.* · Millrace": "its name",
    r"\S+@\S+": "an address",
    r"https?://\S+|/\S*|[\w.-]+/[\w.:-]+": "an address, or the id of a model",
    r"[\d.,:+–-]+ ?(ms|s|kB|KB|MB|GB|B|%|USD|UTC|px)?": "a number with its unit",
    r"\d{1,2} \w+( \d{4}(, \d\d:\d\d UTC)?)?|[A-Z][a-z]+ \d{4}": "a date, as the formats of the language write it",
    r"[A-Z][a-z]+/[A-Z]\w+(/\w+)?|UTC": "a time zone",
    r"(en|de)(-\w+)?|English|Deutsch|Ƥšéûðö": "a language, as it calls itself",
    r"OpenRouter|OpenAI|Anthropic|Google|Mistral|Groq|DeepSeek|xAI|Together": "a provider",
    r"Ollama|LM Studio|llama\.cpp|vLLM|LocalAI|Brave Search|Tavily|Exa|SearXNG": "a program or service",
    r"SQLite|PostgreSQL|[A-Za-z]+ \d[\d.]*": "a program, or a package with its version",
    r"Demo(: \w+)?": "the name of a model or of its provider",
    r"[^()]+ \([^()@ ]+@[^()@ ]+": "a person with their address",
}
EXCEPTION = re.compile("|".join(f"(?:{pattern})" for pattern in EXCEPTIONS))
# Pages that are in English for everyone, by their endpoints.
ENGLISH = re.compile(r"docs\.|api|openapi|.*\.(export|download|file)")


def pseudo(text: str) -> str:
    """Returns a text in brackets, accented and 40 % longer, with its placeholders, tags and references."""
    pieces, place = [], 0
    for match in FIXED.finditer(text):
        pieces += [text[place : match.start()].translate(ACCENTED), match[0]]
        place = match.end()
    more = " ".join(["öñé"] * max(1, len(text) // 10))
    return f"{OPEN}{''.join(pieces)}{text[place:].translate(ACCENTED)} {more}{CLOSE}"


def write(folder: Path) -> None:
    """Writes the catalogue, as `catalogues.compile_all` would."""
    texts = {message.id: message.id for message in catalog() if message.id}
    write_catalogue(
        folder, CODE, {id: tuple(map(pseudo, id)) if isinstance(id, tuple) else pseudo(id) for id in texts}, name="Ƥšéûðö"
    )


def untranslated(html: str, written: frozenset[str] = frozenset(), *, inside: str = "main") -> Iterator[str]:
    """Yields the texts of a page that are in no brackets, but for `written`, which people wrote."""
    for node in LexborHTMLParser(html).css(inside):
        yield from _texts(node, written, [0])


def written_in(app: Flask) -> frozenset[str]:
    """Returns what people wrote and what ships as content: the texts of the database, of plan types and of workflows."""
    texts = {_plain(text) for file in SHIPPED for text in _texts_of(yaml.safe_load(file.read_text("utf-8")))}
    with app.app_context():
        for table in db.metadata.sorted_tables:
            for column in (column for column in table.columns if isinstance(column.type, String)):
                texts |= {_plain(text) for text in db.session.scalars(select(column).distinct().limit(2_000)) if text}
        messages = db.session.scalars(select(Message.content)).all()
    # Tables are called by their columns.
    return frozenset(texts | {_plain(name_of(preview)) for text in messages for preview in previewed(text).values()})


def _texts_of(value: object) -> Iterator[str]:
    """Yields the texts of a file; a name like `minutes_per_day` is in words on pages."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, below in value.items():
            yield str(name).replace("_", " ").capitalize()
            yield from _texts_of(below)
    elif isinstance(value, list):
        for below in value:
            yield from _texts_of(below)


def _texts(node: LexborNode, written: frozenset[str], depth: list[int]) -> Iterator[str]:
    for child in node.iter(include_text=True):
        if child.tag == "-text":
            text = child.text_content or ""
            outside = _outside(text, depth)
            if _is_english(outside, written):
                yield outside
        elif not _is_kept(child):
            values = [] if depth[0] else [child.attributes.get(name) or "" for name in READ]
            yield from (f"({value})" for value in values if OPEN not in value and _is_english(value, written))
            yield from _texts(child, written, depth)


def _outside(text: str, depth: list[int]) -> str:
    pieces = []
    for piece in re.split(f"([{OPEN}{CLOSE}])", text):
        if piece in (OPEN, CLOSE):
            depth[0] += 1 if piece == OPEN else -1
        elif not depth[0]:
            pieces.append(piece)
    return _plain("".join(pieces))


def _is_kept(node: LexborNode) -> bool:
    attributes = node.attributes
    if node.tag in KEPT or attributes.get("translate") == "no" or attributes.get("dir") == "auto":
        return True
    return bool(KEPT_CLASSES.intersection((attributes.get("class") or "").split()))


def _is_english(text: str, written: frozenset[str]) -> bool:
    plain = _plain(text)
    if not LETTERS.search(plain) or plain in written or EXCEPTION.fullmatch(plain):
        return False
    return not any(
        all(part in written or EXCEPTION.fullmatch(part) or not LETTERS.search(part) for part in plain.split(between))
        for between in (" · ", ", ")
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).strip(" ·:,.()“”")
