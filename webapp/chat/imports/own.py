"""The format of our own files, both ways: what is written is read back the same. Pure."""

from dataclasses import fields as names_of
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from webapp.chat.imports.filed import BadFile, FiledChat, FiledGeneration, FiledMessage, checked, fields
from webapp.chat.imports.reading import ORIGIN_CHARS, count, line, moment, text

FORMAT = "millrace-chat"
VERSION = 1
STATUSES = {"completed", "stopped", "interrupted", "failed"}
AUTHOR_CHARS = 120
NOTICE = ("code", "message", "detail")


def is_own(value: dict[str, Any]) -> bool:
    return value.get("format") == FORMAT


def head_value(chat: FiledChat) -> dict[str, Any]:
    """Everything of a chat but its messages."""
    return {name: _value(getattr(chat, name)) for name in _names(FiledChat) if name != "messages"}


def message_value(message: FiledMessage) -> dict[str, Any]:
    """A message with its generations."""
    value = {name: _value(getattr(message, name)) for name in _names(FiledMessage) if name != "generations"}
    return {**value, "generations": [_generation_value(each) for each in message.generations]}


def parse(value: dict[str, Any]) -> FiledChat:
    """The chat that one of our files holds."""
    if value.get("version") != VERSION:
        raise BadFile(
            f"It is written in version {line(str(value.get('version')), 20)} of our format; this server reads {VERSION}."
        )
    about, messages = fields(value.get("chat")), value.get("messages")
    if not isinstance(messages, list) or not text(about.get("id")):
        raise BadFile("It says it is one of ours, but its chat or its messages are missing.")
    found = tuple(_message(fields(each)) for each in messages)
    head = _id(about.get("head"))
    return checked(
        FiledChat(
            id=_id(about["id"]),
            title=line(about.get("title"), 200),
            title_is_own=about.get("title_is_own") is True,
            model=line(about.get("model"), 200),
            head=head if any(each.id == head for each in found) else "",
            messages=found,
            **{name: moment(about.get(name)) for name in ("created_at", "changed_at", "pinned_at", "archived_at")},
        )
    )


def _message(value: dict[str, Any]) -> FiledMessage:
    if value.get("role") not in ("user", "assistant") or not text(value.get("id")):
        raise BadFile("One of its messages has no name, or nobody who says it.")
    generations = value.get("generations")
    return FiledMessage(
        id=_id(value["id"]),
        parent=_id(value.get("parent")),
        role=value["role"],
        content=text(value.get("content")),
        reasoning=text(value.get("reasoning")),
        author=line(value.get("author"), AUTHOR_CHARS),
        is_edited=value["role"] == "assistant" and value.get("is_edited") is True,
        created_at=moment(value.get("created_at")),
        generations=tuple(_generation(fields(each), place) for place, each in enumerate(generations))
        if isinstance(generations, list)
        else (),
    )


def _generation(value: dict[str, Any], place: int) -> FiledGeneration:
    status, continues, notices = text(value.get("status")), count(value.get("continues")), value.get("notices")
    return FiledGeneration(
        model_asked=line(value.get("model_asked"), 200),
        model_used=line(value.get("model_used"), 200),
        provider=line(value.get("provider"), 40),
        status=status if status in STATUSES else "interrupted",
        reason=line(value.get("reason"), 30),
        error=text(value.get("error"), 2000),
        is_demo=value.get("is_demo") is True,
        notices=tuple(_notice(fields(each)) for each in notices) if isinstance(notices, list) else (),
        text_offset=count(value.get("text_offset")) or 0,
        continues=continues if continues is not None and continues < place else None,
        input_tokens=count(value.get("input_tokens")),
        output_tokens=count(value.get("output_tokens")),
        cost=_cost(value.get("cost")),
        **{name: moment(value.get(name)) for name in ("created_at", "started_at", "first_text_at", "ended_at")},
    )


def _notice(value: dict[str, Any]) -> dict[str, str]:
    return {name: text(value.get(name), 2000) for name in NOTICE}


def _cost(value: Any) -> str | None:
    """A price as it is kept: a number, and none that would take a page to write down."""
    try:
        cost = Decimal(line(value, 30))
    except InvalidOperation:
        return None
    return line(value, 30) if cost.is_finite() and cost >= 0 and -30 < cost.adjusted() < 12 else None


def _generation_value(generation: FiledGeneration) -> dict[str, Any]:
    return {name: _value(getattr(generation, name)) for name in _names(FiledGeneration)}


def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in names_of(kind))


def _id(value: Any) -> str:
    return line(value, ORIGIN_CHARS)


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return list(value) if isinstance(value, tuple) else value
