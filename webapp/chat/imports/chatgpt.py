"""`conversations.json` of a ChatGPT export: a mapping of nodes, some of them hidden or empty. Pure."""

from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.chat.imports.filed import (
    FiledChat,
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
    words = text(_text(content))
    if not words.strip():
        return Node(_id(id), parent, None)
    created_at, model = moment(message.get("create_time")), line(metadata.get("model_slug"), 200)
    filed_generation = FiledGeneration(
        model_asked=model, model_used=model, provider=PROGRAM, created_at=created_at, ended_at=created_at
    )
    generations = (filed_generation,) if model and role == "assistant" else ()
    filed = FiledMessage(id=_id(id), role=role, content=words, created_at=created_at, generations=generations)
    return Node(_id(id), parent, filed)


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
    return f"*({MISSING.get(kind, 'something')} was here; the export stores it in another file)*" if kind else ""


def _thoughts(content: JsonObject) -> str:
    """Returns the model's reasoning before its answer."""
    thoughts = content.get("thoughts")
    if content.get("content_type") != "thoughts" or not isinstance(thoughts, list):
        return ""
    return "\n\n".join(filter(None, (text(dict_of(thought).get("content")) for thought in thoughts)))


def _id(id: Any) -> str:
    return origin(PROGRAM, text(id)) if text(id) else ""
