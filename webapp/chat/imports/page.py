"""A page that Millrace exported or a link opened, saved as a file: the messages as they were written. Pure."""

import hashlib
import re
from html.parser import HTMLParser

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.chat.imports.filed import MOST_NODES, BadFile, FiledChat, FiledMessage, checked, line, origin, text

PROGRAM = "page"
PAGE = "millrace_page"
BEGINNING = re.compile(r"\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype html|html)\b", re.IGNORECASE | re.DOTALL)
OURS = re.compile(r'<meta name="generator" content="Millrace">')
# How a page heads messages whose author it doesn't name.
NAMELESS = {"You", "Question", "Answer"}
ROLES = ("user", "assistant")
NOT_OURS = "Only web pages that Millrace has exported or that a link of Millrace shows can be imported."


def is_page(content: str) -> bool:
    return BEGINNING.match(content.lstrip("\ufeff")[:4_000]) is not None


def value(content: str) -> JsonObject:
    """Returns the chat on a page as a value that `parse` takes; raises `BadFile` for a page that isn't one of ours."""
    if not OURS.search(content):
        raise BadFile(NOT_OURS)
    reader = _PageReader()
    reader.feed(content)
    reader.close()
    return {PAGE: reader.messages, "title": reader.title}


def is_one(value: JsonObject) -> bool:
    return isinstance(value.get(PAGE), list)


def parse(value: JsonObject) -> FiledChat:
    """Parses the chat: each message follows the one before it."""
    rows = [dict_of(row) for row in value[PAGE]]
    said = "\0".join(f"{text(row.get('role'))}\0{text(row.get('text'))}" for row in rows)
    # A page names no rows of its server, so a chat is the same if it says the same.
    id = hashlib.sha256(f"{text(value.get('title'))}\0{said}".encode("utf-8", "replace")).hexdigest()[:32]
    ids = [origin(PROGRAM, f"{id}:{place}") for place in range(len(rows))]
    messages = tuple(
        FiledMessage(
            id=ids[place],
            parent=ids[place - 1] if place else "",
            role=text(row.get("role")),
            content=text(row.get("text")),
            reasoning=text(row.get("reasoning")),
            author=_name(row) if row.get("role") == "user" else "",
            speaker=_name(row) if row.get("role") == "assistant" else "",
        )
        for place, row in enumerate(rows)
    )
    head = ids[-1] if ids else ""
    return checked(FiledChat(id=origin(PROGRAM, id), title=line(value.get("title"), 200), head=head, messages=messages))


def _name(row: JsonObject) -> str:
    name = line(row.get("who"), 120)
    return "" if name in NAMELESS else name


class _PageReader(HTMLParser):
    """Reads the title and the messages; of each, who wrote it, its reasoning and, from its template, its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title, self.messages = "", list[dict[str, str]]()
        # What the text belongs to that comes next, and the tag that ends it.
        self._part, self._end, self._read = "", "", list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        if self._part:
            return
        if tag == "article" and about.get("data-role") in ROLES:
            if len(self.messages) >= MOST_NODES:
                raise BadFile(f"It has more than {MOST_NODES:,} entries.")
            self.messages.append({"role": about["data-role"], "who": "", "reasoning": "", "text": ""})
        elif tag == "h1" and not self.messages:
            self._part, self._end = "title", tag
        elif self.messages and tag == "h2" and not self.messages[-1]["who"]:
            self._part, self._end = "who", tag
        elif self.messages and about.get("class") == "reasoning":
            self._part, self._end = "reasoning", tag
        elif self.messages and tag == "template":
            self._part, self._end = "text", tag

    def handle_endtag(self, tag: str) -> None:
        if not self._part or tag != self._end:
            return
        if self._part == "title":
            self.title = "".join(self._read)
        else:
            self.messages[-1][self._part] = "".join(self._read)
        self._part, self._end, self._read = "", "", []

    def handle_data(self, data: str) -> None:
        if self._part:
            self._read.append(data)
