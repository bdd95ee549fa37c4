"""Chat exports of Open WebUI: messages with the ids of their parents. Pure."""

from itertools import islice
from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.chat.imports.filed import (
    MOST_TAGS,
    FiledChat,
    FiledGeneration,
    FiledMessage,
    Node,
    bounded,
    checked,
    grown,
    in_order,
    line,
    moment,
    origin,
    text,
)

PROGRAM = "openwebui"
ROLES = {"user", "assistant"}
OPENING, CLOSING = '<details type="reasoning"', "</details>"


def is_one(value: JsonObject) -> bool:
    return isinstance(dict_of(_inner(value).get("history")).get("messages"), dict)


def parse(value: JsonObject) -> FiledChat:
    """Parses the chat with all its branches, with or without the wrapper object that newer versions write."""
    inner = _inner(value)
    history = dict_of(inner.get("history"))
    messages, shown = grown(_node(id, dict_of(node)) for id, node in in_order(bounded(history["messages"]), "childrenIds"))
    id = text(value.get("id")) or text(inner.get("id")) or next(iter(history["messages"]), "")
    created_at = moment(value.get("created_at")) or moment(inner.get("timestamp"))
    changed_at = moment(value.get("updated_at")) or created_at
    return checked(
        FiledChat(
            id=origin(PROGRAM, id),
            title=line(value.get("title"), 200) or line(inner.get("title"), 200),
            head=shown.get(_id(history.get("currentId")), "") or (messages[-1].id if messages else ""),
            created_at=created_at or next((message.created_at for message in messages if message.created_at), None),
            changed_at=changed_at or next((message.created_at for message in reversed(messages) if message.created_at), None),
            pinned_at=changed_at if value.get("pinned") is True else None,
            archived_at=changed_at if value.get("archived") is True else None,
            tags=_tags(dict_of(value.get("meta")).get("tags")) or _tags(inner.get("tags")),
            messages=messages,
        )
    )


def _inner(value: JsonObject) -> JsonObject:
    return dict_of(value.get("chat")) or value


def _tags(values: Any) -> tuple[str, ...]:
    """Returns the names of tags, which are texts or, in older files, objects with a name."""
    names = (line(value, 120) or line(dict_of(value).get("name"), 120) for value in values) if isinstance(values, list) else ()
    return tuple(islice(filter(None, names), MOST_TAGS))


def _node(id: str, message: JsonObject) -> Node:
    role, parent = text(message.get("role")), _id(message.get("parentId"))
    words, reasoning = _parted(_text(message))
    if role not in ROLES or not (words.strip() or reasoning):
        return Node(_id(id), parent, None)
    created_at = moment(message.get("timestamp"))
    generations = _generations(message, created_at) if role == "assistant" else ()
    filed = FiledMessage(
        id=_id(id), role=role, content=words, reasoning=reasoning, created_at=created_at, generations=generations
    )
    return Node(_id(id), parent, filed)


def _text(message: JsonObject) -> str:
    content, files = message.get("content"), message.get("files")
    parts = content if isinstance(content, list) else [content]
    words = [text(part) or text(dict_of(part).get("text")) for part in parts]
    names = [line(dict_of(file).get("name"), 100) or "an image" for file in files] if isinstance(files, list) else []
    notes = [f"*({name} was here; the export doesn't include it)*" for name in names]
    return "\n\n".join(filter(None, (*words, *notes)))


def _generations(message: JsonObject, created_at: Any) -> tuple[FiledGeneration, ...]:
    model, is_done = line(message.get("model"), 200), message.get("done") is not False
    if not model:
        return ()
    status, reason = ("completed", "stop") if is_done else ("interrupted", "cut")
    times = {"created_at": created_at, "ended_at": created_at}
    return (FiledGeneration(model_asked=model, model_used=model, provider=PROGRAM, status=status, reason=reason, **times),)


def _parted(words: str) -> tuple[str, str]:
    """Splits a text into the answer and the reasoning, which Open WebUI embeds as `<details>` elements."""
    message: list[str] = []
    thought: list[str] = []
    at = 0
    while (start := words.find(OPENING, at)) >= 0 and (end := words.find(CLOSING, start)) >= 0:
        message.append(words[at:start])
        thought.append(_thought(words[start:end]))
        at = end + len(CLOSING)
    return ("".join(message) + words[at:]).strip() if thought else words, "\n\n".join(filter(None, thought))


def _thought(block: str) -> str:
    inside = block.partition(">")[2]
    if "</summary>" in inside:
        inside = inside.partition("</summary>")[2]
    return "\n".join(row.strip().removeprefix(">").removeprefix(" ") for row in inside.strip().splitlines())


def _id(id: Any) -> str:
    return origin(PROGRAM, text(id)) if text(id) else ""
