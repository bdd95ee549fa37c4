"""`conversations.json` of a ChatGPT export: a mapping of nodes, some of them hidden or empty. Pure."""

import re
from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of, list_of
from webapp.chat.imports.filed import (
    MOST_ATTACHED,
    FiledChat,
    FiledFile,
    FiledGeneration,
    FiledMessage,
    Node,
    bounded,
    checked,
    fenced,
    grown,
    in_order,
    line,
    moment,
    origin,
    text,
)

PROGRAM = "chatgpt"
ROLES = {"user": "user", "assistant": "assistant", "tool": "assistant"}
MISSING = {
    "image_asset_pointer": "an image",
    "audio_asset_pointer": "a recording",
    "real_time_user_audio_video_asset_pointer": "a recording",
    "video_container_asset_pointer": "a video",
}
PICTURE = "image_asset_pointer"
NOTE = "*({} was here; the export stores it in another file)*"
# What identifies a file, in the names of an archive and in what refers to one, such as `sediment://file_000a1`.
MOST_PARTS = 1_000
FILE_ID = re.compile(r"file[-_][0-9A-Za-z]{1,100}")
# Content types in which ChatGPT describes the user to the model; they are no part of the conversation.
UNSAID = {"user_editable_context", "model_editable_context"}


def is_one(value: JsonObject) -> bool:
    return isinstance(value.get("mapping"), dict)


def parse(value: JsonObject) -> FiledChat:
    """Parses the chat with all its branches; a message's parent is its nearest visible ancestor."""
    mapping = bounded(value["mapping"])
    messages, shown = grown(_node(id, dict_of(node)) for id, node in in_order(mapping, "children"))
    id = text(value.get("conversation_id")) or text(value.get("id")) or next(iter(mapping), "")
    created_at = moment(value.get("create_time"))
    return checked(
        FiledChat(
            id=origin(PROGRAM, text(id)),
            title=line(value.get("title"), 200),
            head=shown.get(_id(value.get("current_node")), "") or (messages[-1].id if messages else ""),
            created_at=created_at,
            changed_at=moment(value.get("update_time")) or created_at,
            archived_at=moment(value.get("update_time")) if value.get("is_archived") is True else None,
            messages=messages,
        )
    )


def _node(id: str, node: JsonObject) -> Node:
    message = dict_of(node.get("message"))
    role = ROLES.get(text(dict_of(message.get("author")).get("role")), "")
    metadata, content = dict_of(message.get("metadata")), dict_of(message.get("content"))
    parent = _id(node.get("parent"))
    if not role or metadata.get("is_visually_hidden_from_conversation") is True:
        return Node(_id(id), parent, None)
    if thoughts := _thoughts(content):
        return Node(_id(id), parent, None, thoughts)
    pictures, others = _pictures(content, metadata), _attached(content, metadata)
    words = "\n\n".join(filter(None, (text(_text(content)), *(file.note for file in others))))
    if not words.strip():
        return Node(_id(id), parent, None)
    created_at, model = moment(message.get("create_time")), line(metadata.get("model_slug"), 200)
    filed_generation = FiledGeneration(
        model_asked=model, model_used=model, provider=PROGRAM, created_at=created_at, ended_at=created_at
    )
    generations = (filed_generation,) if model and role == "assistant" else ()
    filed = FiledMessage(
        id=_id(id),
        role=role,
        content=words,
        created_at=created_at,
        generations=generations,
        files=(*pictures, *others)[:MOST_ATTACHED],
    )
    return Node(_id(id), parent, filed)


def _pictures(content: JsonObject, metadata: JsonObject) -> tuple[FiledFile, ...]:
    """Returns the pictures within the content, with the names that the list of attachments has for them."""
    names = {text(row.get("id")): line(row.get("name"), 100) for row in _listed(metadata)}
    ids = map(_file_id, _pointed(content))
    return tuple(FiledFile((id,), names.get(id, ""), NOTE.format(MISSING[PICTURE])) for id in ids if id)


def _attached(content: JsonObject, metadata: JsonObject) -> tuple[FiledFile, ...]:
    """Returns the attachments that are not within the content."""
    within = set(map(_file_id, _pointed(content)))
    rows = [row for row in _listed(metadata) if (id := _file_id(row)) and id not in within]
    names = [line(row.get("name"), 100) for row in rows]
    return tuple(FiledFile((_file_id(row),), name, NOTE.format(name or "a file")) for row, name in zip(rows, names, strict=True))


def _pointed(content: JsonObject) -> list[JsonObject]:
    parts = map(dict_of, list_of(content.get("parts"))[:MOST_PARTS])
    return [part for part in parts if part.get("content_type") == PICTURE]


def _listed(metadata: JsonObject) -> list[JsonObject]:
    return [dict_of(row) for row in list_of(metadata.get("attachments"))[:MOST_ATTACHED]]


def _file_id(row: JsonObject) -> str:
    pointer = text(row.get("asset_pointer") or row.get("id"), 1_000)
    match = FILE_ID.match(pointer.rpartition("://")[2])
    return match[0] if match else ""


def _text(content: JsonObject) -> str:
    kind, words, parts = text(content.get("content_type")), text(content.get("text")), content.get("parts")
    if kind in UNSAID:
        return ""
    if kind == "code":
        language = text(content.get("language"))
        return fenced(words, "" if language == "unknown" else language) if words.strip() else ""
    if kind == "execution_output":
        return f"Program output:\n\n{fenced(words)}" if words.strip() else ""
    if isinstance(parts, list):
        return "\n\n".join(filter(None, map(_part, parts)))
    return words or text(content.get("result"))


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    kind = text(dict_of(part).get("content_type"))
    words = text(dict_of(part).get("text"))
    if words:
        return words
    return NOTE.format(MISSING.get(kind, "something")) if kind else ""


def _thoughts(content: JsonObject) -> str:
    """Returns the model's reasoning before its answer."""
    thoughts = content.get("thoughts")
    if content.get("content_type") != "thoughts" or not isinstance(thoughts, list):
        return ""
    return "\n\n".join(filter(None, (text(dict_of(thought).get("content")) for thought in thoughts)))


def _id(id: Any) -> str:
    return origin(PROGRAM, text(id)) if text(id) else ""
