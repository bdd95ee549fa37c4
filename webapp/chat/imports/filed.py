"""A chat as export files of all programs are read into: a tree of messages with a head, and readers of single values. Pure."""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields as fields_of, replace
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.base.words import fence_for
from webapp.streaming.events import AttemptRecord, CallState, NoticeRecord

ORIGIN_CHARS = 120
MARKS, ESCAPED = re.compile(r"([\\`*_\[\]<>!|~])"), r"\\\1"
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
MOST_COUNT = 2**31 - 1
MOST_MESSAGES = 10_000
MOST_NODES = 50_000
MOST_CHARS = 2_000_000
MOST_CHARS_IN_ALL = 50_000_000
# Reasoning blocks before an answer. A model writes a few; every block is copied to each branch that follows it.
MOST_THOUGHTS = 20
# Generations of one answer, and the average per message of a whole chat.
MOST_TRIES, MOST_TRIES_EACH = 60, 3
MOST_NOTICES = 50
MOST_TAGS = 20
# Files of one message.
MOST_ATTACHED = 20
# Calls of one answer, and of a whole chat.
MOST_CALLS, MOST_CALLS_IN_CHAT = 1_000, 50_000


class BadFile(ValueError):
    """Raised for content that cannot be a chat; the message is shown to the person who uploaded the file."""


class FiledSource(TypedDict):
    """A source of an answer in a file, by the title of its document, or the title and address of a web page."""

    number: int
    title: str
    page: int | None
    url: NotRequired[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledGeneration:
    """A generation in a file. `continues` is the index, within its message, of the generation it continues."""

    model_asked: str
    model_used: str = ""
    provider: str = ""
    status: str = "completed"
    reason: str = ""
    error: str = ""
    is_demo: bool = False
    notices: tuple[NoticeRecord, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    text_offset: int = 0
    continues: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    first_text_at: datetime | None = None
    ended_at: datetime | None = None


# The fields that have the same name and value in the row of a generation.
OF_ROW = tuple(field.name for field in fields_of(FiledGeneration) if field.name != "continues")


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledCall:
    """A call of an answer in a file, which is over. `generation` is the index, within its message, of the one that made it.

    `sources` are the titles of documents that its result quotes; an import ignores them.
    """

    round: int
    number: int
    generation: int | None = None
    upstream_id: str = ""
    tool: str
    title: str = ""
    arguments: str = ""
    state: CallState
    policy: str = ""
    why: str = ""
    decision: str = ""
    note: str = ""
    text: str = ""
    is_cut: bool = False
    error: str = ""
    sources: tuple[FiledSource, ...] = ()
    outside: tuple[str, ...] = ()
    file_ids: tuple[str, ...] = ()
    text_at: int = 0
    asked_at: datetime | None = None
    decided_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def chars(self) -> int:
        return sum(map(len, (self.title, self.arguments, self.why, self.note, self.text, self.error)))


# The fields that have the same name and value in the row of a call.
OF_CALL_ROW = tuple(
    field.name for field in fields_of(FiledCall) if field.name not in ("generation", "sources", "outside", "file_ids")
)


@dataclass(frozen=True, slots=True)
class FiledFile:
    """A file of a message, which may be in the archive: the names to look for, and the note in its place in the text."""

    keys: tuple[str, ...]
    name: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledMessage:
    """A message in a file. `author` is the writer's name; empty for the chat's owner and for a model.

    `sources` are the titles of documents that an answer was given; an import ignores them. `speaker` is the name of the
    character who says it in a group, and `story` is the story down to this message. `foreign_fields` is what the file of another
    program says beyond these.
    """

    id: str
    parent: str = ""
    role: str
    content: str
    reasoning: str = ""
    author: str = ""
    speaker: str = ""
    sources: tuple[FiledSource, ...] = ()
    foreign_fields: JsonObject | None = None
    is_edited: bool = False
    is_hidden: bool = False
    variables: dict[str, str] | None = None
    story: str = ""
    created_at: datetime | None = None
    generations: tuple[FiledGeneration, ...] = ()
    calls: tuple[FiledCall, ...] = ()
    files: tuple[FiledFile, ...] = ()

    @property
    def chars(self) -> int:
        chars = len(str(self.foreign_fields)) if self.foreign_fields else 0
        chars += sum(call.chars for call in self.calls)
        return len(self.content) + len(self.reasoning) + len(self.story) + chars


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledChat:
    """A chat in a file. `id` is its origin, by which a second import recognizes it.

    `settings` are the values of `FIELDS`. In `messages`, parents come before their children.
    """

    id: str
    title: str = ""
    title_is_own: bool = True
    model: str = ""
    # Names, to be matched with what the importing person has: characters (several make a group), persona, lorebooks and preset.
    # `turn_order` decides who speaks next in a group.
    cast: tuple[str, ...] = ()
    turn_order: str = ""
    persona: str = ""
    lorebooks: tuple[str, ...] = ()
    preset: str = ""
    tags: tuple[str, ...] = ()
    # The name of its project, to be matched with the importing person's own.
    project: str = ""
    foreign_fields: JsonObject | None = None
    head: str = ""
    created_at: datetime | None = None
    changed_at: datetime | None = None
    pinned_at: datetime | None = None
    archived_at: datetime | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[FiledMessage, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a foreign tree. Without a message it only links its neighbours; `reasoning` belongs to the next message."""

    id: str
    parent: str
    message: FiledMessage | None
    reasoning: str = ""


def grown(nodes: Iterable[Node]) -> tuple[tuple[FiledMessage, ...], dict[str, str]]:
    """Returns the messages of a tree, parents first, and for each node id the message at it or nearest above it."""
    nodes_by_id = {node.id: node for node in nodes}
    children: dict[str, list[Node]] = {}
    for node in nodes_by_id.values():
        children.setdefault(node.parent if node.parent in nodes_by_id else "", []).append(node)
    messages: list[FiledMessage] = []
    shown: dict[str, str] = {}
    chars = 0
    ahead: list[tuple[Node, str, tuple[str, ...]]] = [(node, "", ()) for node in reversed(children.get("", []))]
    while ahead:
        node, above, thoughts = ahead.pop()
        if message := node.message:
            reasoning = "\n\n".join(filter(None, (*thoughts, message.reasoning)))
            # Checked inside the loop, because reasoning before a fork is copied to each of its branches.
            chars += len(message.content) + len(reasoning)
            _check_size(chars)
            messages.append(replace(message, parent=above, reasoning=reasoning))
            above, thoughts = message.id, ()
        elif node.reasoning:
            thoughts = (*thoughts, node.reasoning)[-MOST_THOUGHTS:]
        shown[node.id] = above
        ahead += [(child, above, thoughts) for child in reversed(children.get(node.id, []))]
    if len(shown) < len(nodes_by_id):
        raise BadFile("Its messages refer to each other in a loop.")
    return tuple(messages), shown


def in_order(nodes: JsonObject, children: str) -> list[tuple[str, Any]]:
    """Sorts siblings as their parents list them under the key `children`; the order of nodes in a file is not reliable."""
    index_by_id: dict[str, int] = {}
    for node in nodes.values():
        listed = dict_of(node).get(children)
        index_by_id.update(
            (id, index) for index, id in enumerate(listed if isinstance(listed, list) else ()) if isinstance(id, str)
        )
    return sorted(nodes.items(), key=lambda node: index_by_id.get(node[0], 0))


def checked(chat: FiledChat) -> FiledChat:
    """Returns the chat; raises `BadFile` if it exceeds a limit or its messages form no tree."""
    if not chat.messages:
        raise BadFile("It has no messages.")
    if len(chat.messages) > MOST_MESSAGES:
        raise BadFile(f"It has more than {MOST_MESSAGES:,} messages.")
    if any(len(message.content) + len(message.reasoning) > MOST_CHARS for message in chat.messages):
        raise BadFile(f"One of its messages has more than {MOST_CHARS:,} characters.")
    _check_size(sum(message.chars for message in chat.messages))
    _check_tries(chat.messages)
    _check_order(chat.messages)
    return chat


def _check_size(chars: int) -> None:
    if chars > MOST_CHARS_IN_ALL:
        raise BadFile(f"Its messages have more than {MOST_CHARS_IN_ALL:,} characters in total.")


def _check_tries(messages: Sequence[FiledMessage]) -> None:
    tries = [len(message.generations) for message in messages]
    if max(tries) > MOST_TRIES or sum(tries) > MOST_TRIES_EACH * len(messages) + MOST_TRIES:
        raise BadFile("Its answers have too many attempts.")
    calls = [len(message.calls) for message in messages]
    if max(calls) > MOST_CALLS or sum(calls) > MOST_CALLS_IN_CHAT:
        raise BadFile("Its answers have too many calls.")


def _check_order(messages: Sequence[FiledMessage]) -> None:
    seen: set[str] = set()
    for message in messages:
        if message.id in seen or (message.parent and message.parent not in seen):
            raise BadFile("Its messages don't form a tree: one appears twice, or before the message it replies to.")
        seen.add(message.id)


def bounded(nodes: JsonObject) -> JsonObject:
    """Returns the nodes of a tree; raises `BadFile` if there are too many to process together."""
    if len(nodes) > MOST_NODES:
        raise BadFile(f"It has more than {MOST_NODES:,} entries.")
    return nodes


def text(value: Any, limit: int = 0) -> str:
    """Returns a text without characters that a database rejects; empty for any other type."""
    if not isinstance(value, str):
        return ""
    clean = value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return clean[:limit] if limit else clean


def line(value: Any, limit: int) -> str:
    """Returns a text with all whitespace collapsed, on one line."""
    return " ".join(text(value).split())[:limit]


def count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNT
    return value if is_count else None


def amount(value: Any) -> float | None:
    number = number_of(value)
    return number if number is not None and number >= 0 else None


def number_of(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def moment(value: Any) -> datetime | None:
    """Returns a time given as a Unix timestamp or in ISO format; None if it is neither, or before 1990 or after 2200."""
    try:
        parsed = _moment(value)
    except (ValueError, OverflowError, OSError):
        return None
    return parsed if parsed and EARLIEST <= parsed <= LATEST else None


def origin(program: str, id: str) -> str:
    """Returns the origin of a chat or message imported from another program, which identifies it."""
    name = f"{program}:{id}"
    return name if len(name) <= ORIGIN_CHARS else f"{program}:{hashlib.sha256(id.encode()).hexdigest()}"


def fenced(words: str, language: str = "") -> str:
    """Returns the words as a fenced code block; the fence is longer than any run of backticks in them."""
    ticks = fence_for(words)
    return f"{ticks}{language if language.isalnum() else ''}\n{words}\n{ticks}"


def escaped(words: str) -> str:
    """Returns the words with the marks of Markdown escaped, so that a viewer loads no picture, for example."""
    return MARKS.sub(ESCAPED, words)


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        parsed = datetime.fromisoformat(value)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        # Some programs write milliseconds.
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    return None
