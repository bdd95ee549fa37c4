"""The tools that a server lists: read one by one within bounds, so that a bad one is left out and the others are not."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from webapp.base.visible_text import line_of, visible
from webapp.tools.tool import Hints

MOST_TOOLS, MOST_PAGES, MOST_CURSOR = 500, 20, 10_000
MOST_NAME, MOST_TITLE, MOST_DESCRIPTION, MOST_INSTRUCTIONS = 200, 200, 4_000, 8_000
# Of one schema, and of all in a list, whose reading would take seconds.
MOST_SCHEMA_CHARS, MOST_SCHEMAS_CHARS, DEEPEST_SCHEMA = 64 * 1024, 2 * 1024 * 1024, 32
MOST_TTL_SECONDS = 24 * 3_600.0
# How many of the tools that are left out are named.
MOST_NAMED = 30
# A part of a header's name, as RFC 9110 has it.
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MIRROR = "x-mcp-header"
# Keys of a schema that hold values, and no schemas.
VALUES = ("enum", "const", "default", "examples")
Path = tuple[str, ...]


class BadTool(ValueError):
    """A tool that can't be used; the message completes *it is left out, because …*."""


@dataclass(frozen=True, slots=True)
class ListedTool:
    name: str
    title: str
    description: str
    schema: Mapping[str, Any]
    hints: Hints

    @property
    def hash(self) -> str:
        """Identifies what a person accepts and a model reads: it is different as soon as any of that is."""
        content = [self.name, self.title, self.description, self.schema, asdict(self.hints)]
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Listing:
    """What a server offers. `version` is that of the protocol it speaks; `left_out` has a sentence for what can't be used.

    The list is fresh for `ttl_seconds`; None if the server doesn't say.
    """

    tools: tuple[ListedTool, ...]
    name: str
    version: str
    instructions: str
    ttl_seconds: float | None
    left_out: tuple[str, ...]


class ToolListing:
    """Collects the tools of a list, page by page."""

    def __init__(self, *, mirrors: bool) -> None:
        """With `mirrors`, arguments can be repeated in headers, and a tool that says so in a wrong way is left out."""
        self._tools: dict[str, ListedTool] = {}
        self._mirrors, self._left_out, self._uncounted, self._chars = mirrors, list[str](), 0, 0
        self._ttl_seconds: list[float] = []
        self._cursors: set[str] = set()

    def add(self, page: Mapping[str, Any], entries: Iterable[Any]) -> str:
        """Adds the entries of a page; returns the cursor of the next one, or nothing."""
        if (ttl_ms := page.get("ttlMs")) is not None:
            self._ttl_seconds.append(_seconds(ttl_ms))
        for entry in entries:
            if len(self._tools) == MOST_TOOLS:
                self._leave_out(f"It lists more than {MOST_TOOLS} tools: the others are left out.")
                return ""
            if self._chars > MOST_SCHEMAS_CHARS:
                self._leave_out(f"Its schemas are longer than {MOST_SCHEMAS_CHARS >> 20} MB: the other tools are left out.")
                return ""
            try:
                self._put(listed_tool(entry, mirrors=self._mirrors))
            except BadTool as fault:
                self._leave_out(f"{_called(entry)} is left out: {fault}.")
        return self._next(page.get("nextCursor"))

    def listing(self, name: str, version: str, instructions: str) -> Listing:
        more = (f"{self._uncounted} more are left out.",) if self._uncounted else ()
        ttl_seconds = min(self._ttl_seconds, default=None)
        tools, left_out = tuple(self._tools.values()), (*self._left_out, *more)
        return Listing(tools, name, version, instructions, ttl_seconds, left_out)

    def _put(self, tool: ListedTool) -> None:
        if tool.name in self._tools:
            raise BadTool("another one has the same name")
        self._tools[tool.name] = tool
        self._chars += len(json.dumps(tool.schema))

    def _leave_out(self, words: str) -> None:
        if len(self._left_out) < MOST_NAMED:
            self._left_out.append(words)
        else:
            self._uncounted += 1

    def _next(self, cursor: Any) -> str:
        if not isinstance(cursor, str) or not cursor:
            return ""
        if len(cursor) > MOST_CURSOR or cursor in self._cursors or len(self._cursors) + 1 >= MOST_PAGES:
            self._leave_out(f"Its list doesn't end after {len(self._cursors) + 1} pages: the rest is left out.")
            return ""
        self._cursors.add(cursor)
        return cursor


def listed_tool(entry: Any, *, mirrors: bool) -> ListedTool:
    """Returns a tool as a server lists it; raises `BadTool`."""
    if not isinstance(entry, dict):
        raise BadTool("it is no object")
    name, annotations = entry.get("name"), entry.get("annotations")
    if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME:
        raise BadTool(f"a name has 1 to {MOST_NAME} characters")
    if not name.isprintable() or visible(name) != name:
        raise BadTool("its name has characters that can't be seen")
    execution = entry.get("execution")
    if isinstance(execution, dict) and execution.get("taskSupport") == "required":
        raise BadTool("it can only be called as a task, which isn't supported")
    annotations = annotations if isinstance(annotations, dict) else {}
    title = next((line for value in (entry.get("title"), annotations.get("title")) if (line := line_of(value, MOST_TITLE))), name)
    schema = _schema(entry.get("inputSchema"))
    if mirrors:
        mirrored(schema)
    return ListedTool(name, title, text_of(entry.get("description"), MOST_DESCRIPTION), schema, _hints(annotations))


def text_of(value: Any, most: int) -> str:
    """Returns the beginning of what a server says, without what can't be seen."""
    return visible(value[: 2 * most]).strip()[:most] if isinstance(value, str) else ""


def mirrored(schema: Mapping[str, Any]) -> dict[Path, str]:
    """Returns which arguments a request repeats in headers, by their path; raises `BadTool` for a rule that can't be followed.

    They are found along `properties` alone: anywhere else, it would depend on the arguments which header is meant.
    """
    names: dict[Path, str] = {}
    marks = 0
    for path, part, is_reachable in _parts(schema):
        if MIRROR not in part:
            continue
        marks += 1
        name = part[MIRROR]
        if not is_reachable or not path or part.get("type") not in ("string", "integer", "boolean"):
            raise BadTool("it wants an argument in a header that can't be sent there")
        if not isinstance(name, str) or not TOKEN.fullmatch(name):
            raise BadTool("it wants an argument in a header whose name isn't allowed")
        names[path] = name
    if len({name.lower() for name in names.values()}) < marks:
        raise BadTool("it wants two arguments in the same header")
    return names


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any], bool]]:
    """Yields every object in a schema that can be a schema itself, with its path, and whether only `properties` lead to it."""
    waiting: list[tuple[Path, Any, bool, bool]] = [((), schema, True, True)]
    while waiting:
        path, value, is_schema, is_reachable = waiting.pop()
        if isinstance(value, list):
            waiting += [(path, part, True, False) for part in value]
        elif isinstance(value, dict):
            if is_schema:
                yield path, value, is_reachable
            for key, part in value.items():
                if not is_schema:
                    waiting.append(((*path, key), part, True, is_reachable))
                elif key not in VALUES:
                    waiting.append((path, part, key != "properties", is_reachable and key == "properties"))


def _schema(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadTool("it doesn't say what arguments it takes")
    if value.get("type", "object") != "object":
        raise BadTool("its arguments are no object")
    if _depth(value) > DEEPEST_SCHEMA:
        raise BadTool(f"its schema is nested more than {DEEPEST_SCHEMA} deep")
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > MOST_SCHEMA_CHARS:
        raise BadTool(f"its schema is longer than {MOST_SCHEMA_CHARS >> 10} KB")
    if UNSTORABLE.search(text) or "\\u0000" in text:
        raise BadTool("its schema has invalid characters")
    if _leads_away(value):
        raise BadTool("its schema refers to another address")
    return {"type": "object", **value}


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        inner = (part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list))
        level, depth = [part for parts in inner for part in parts], depth + 1
    return depth - 1


def _leads_away(schema: Mapping[str, Any]) -> bool:
    """Returns whether a reference needs another document. None is followed; those within the schema may form loops."""
    references = (part.get(key) for _, part, _ in _parts(schema) for key in ("$ref", "$dynamicRef"))
    return any(isinstance(reference, str) and not reference.startswith("#") for reference in references)


def _hints(annotations: Mapping[str, Any]) -> Hints:
    names = {
        "is_read_only": "readOnlyHint",
        "is_destructive": "destructiveHint",
        "is_idempotent": "idempotentHint",
        "is_open_world": "openWorldHint",
    }
    return Hints(**{name: value for name, key in names.items() if isinstance(value := annotations.get(key), bool)})


def _seconds(ttl_ms: Any) -> float:
    is_number = isinstance(ttl_ms, int | float) and not isinstance(ttl_ms, bool)
    # Bounded before it is divided: no float is as large as some numbers of JSON.
    return min(max(0, ttl_ms), MOST_TTL_SECONDS * 1000) / 1000 if is_number else 0.0


def _called(entry: Any) -> str:
    name = line_of(entry.get("name"), 60) if isinstance(entry, dict) else ""
    return f"“{name}”" if name else "A tool"
