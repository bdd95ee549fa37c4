"""What a call returns: its text, pictures and files."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from webapp.base.visible_text import line_of, one_line, visible
from webapp.tools.mcp.listing import MOST_TITLE

MOST_TEXT, PIECE_CHARS, MOST_CONTENTS = 2_000_000, 65_536, 200
MOST_NAME, MOST_ADDRESS = 120, 2_000
KIND = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,80}")
InTurns = Callable[[Iterable[str]], Iterable[str]]


class Unreadable(ValueError):
    """What a server sent is no result of a call."""


@dataclass(frozen=True, slots=True)
class ResultPart:
    """A picture or a file in a result; nothing that it says of itself is checked."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ToolReply:
    """The result of a call. `left_out` names what is neither text, picture nor file.

    `version` and `session` are those that the call was made with, for the next one.
    """

    text: str
    pictures: tuple[ResultPart, ...] = ()
    files: tuple[ResultPart, ...] = ()
    is_error: bool = False
    left_out: tuple[str, ...] = ()
    version: str = ""
    session: str = ""


def reply_of(result: Mapping[str, Any], in_turns: InTurns = iter) -> ToolReply:
    """Returns the result of a call; raises `Unreadable` if it is none. `in_turns` lets others run between pieces of work."""
    contents, structured = result.get("content"), result.get("structuredContent")
    if not isinstance(contents, list) and "structuredContent" not in result:
        raise Unreadable
    reader = _ResultContents(contents if isinstance(contents, list) else [])
    texts = reader.texts or ([] if structured is None else [json.dumps(structured, ensure_ascii=False)])
    text = "\n\n".join(texts)
    if len(text) > MOST_TEXT:
        text = text[:MOST_TEXT]
        reader.left_out.append(f"all text after {MOST_TEXT:,} characters")
    pieces = (text[start : start + PIECE_CHARS] for start in range(0, len(text), PIECE_CHARS))
    seen = "".join(visible(piece) for piece in in_turns(pieces))
    is_error = result.get("isError") is True
    return ToolReply(seen, tuple(reader.pictures), tuple(reader.files), is_error, tuple(reader.left_out))


class _ResultContents:
    """Sorts the contents of a result."""

    def __init__(self, contents: Sequence[Any]) -> None:
        self.texts, self.left_out = list[str](), list[str]()
        self.pictures, self.files = list[ResultPart](), list[ResultPart]()
        for content in contents[:MOST_CONTENTS]:
            self._take(content if isinstance(content, dict) else {})
        if len(contents) > MOST_CONTENTS:
            self.left_out.append(f"{len(contents) - MOST_CONTENTS} further parts")

    def _take(self, content: Mapping[str, Any]) -> None:
        match content:
            case {"type": "text", "text": str(text)}:
                self.texts.append(text)
            case {"type": "image", "data": str(data)}:
                self._put(self.pictures, "picture", content, data)
            case {"type": "resource", "resource": {"text": str(text)} as resource}:
                # A model reads the text; as a file, it is the person's.
                name = _file_name(resource.get("uri"))
                self.texts.append(f"{name}:\n{text}")
                self.files.append(ResultPart(name, _kind(resource, "text/plain"), text.encode("utf-8", "replace")))
            case {"type": "resource", "resource": {"blob": str(data)} as resource}:
                self._put(self.files, _file_name(resource.get("uri")), resource, data)
            case {"type": "resource_link"}:
                name = line_of(content.get("title"), MOST_TITLE) or line_of(content.get("name"), MOST_TITLE) or "something"
                self.left_out.append(f"a link to {name}")
            case {"type": "audio"}:
                self.left_out.append("a sound")
            case _:
                self.left_out.append(f"a part of the kind “{line_of(content.get('type'), 40) or 'unknown'}”")

    def _put(self, parts: list[ResultPart], name: str, content: Mapping[str, Any], data: str) -> None:
        try:
            parts.append(ResultPart(name, _kind(content, "application/octet-stream"), base64.b64decode(data, validate=True)))
        except (binascii.Error, ValueError):
            self.left_out.append(f"{name}, which can't be read")


def _kind(content: Mapping[str, Any], usual: str) -> str:
    kind = content.get("mimeType")
    kind = kind.partition(";")[0].strip().lower() if isinstance(kind, str) and len(kind) < MOST_NAME else ""
    return kind if KIND.fullmatch(kind) else usual


def _file_name(uri: Any) -> str:
    if not isinstance(uri, str) or len(uri) > MOST_ADDRESS:
        return "file"
    try:
        path = urlsplit(uri).path
    except ValueError:
        return "file"
    name = one_line(unquote(path.rstrip("/").rpartition("/")[2]).replace("/", "_").replace("\\", "_"), MOST_NAME)
    return name.lstrip(".") or "file"
