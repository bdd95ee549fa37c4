"""Millrace's own export format: written and read back unchanged. Pure."""

from collections.abc import Container, Mapping
from dataclasses import fields as names_of
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.characters.macros.chat_variables import storable
from webapp.chat.group.turns import MOST_CAST
from webapp.chat.imports import foreign_fields
from webapp.chat.imports.filed import (
    MOST_CALLS,
    MOST_NOTICES,
    MOST_TAGS,
    MOST_TRIES,
    ORIGIN_CHARS,
    BadFile,
    FiledCall,
    FiledChat,
    FiledGeneration,
    FiledMessage,
    amount,
    checked,
    count,
    line,
    moment,
    number_of,
    text,
)
from webapp.chat.record.fields import FIELDS, ChatField
from webapp.streaming.events import AttemptRecord, CallState, NoticeRecord

FORMAT = "millrace-chat"
VERSION = 1
STATUSES = {"completed", "stopped", "interrupted", "failed"}
# Nothing more comes of a call in a file: what was open has failed, for this reason.
OPEN_CALLS = {
    "asked": "This was not finished.",
    "waiting": "This was not decided.",
    "running": "This was not finished.",
    "unknown": "The request was sent, but no reply came back.",
}
POLICIES = {"allow", "ask", "deny"}
DECISIONS = {"", "allow", "allow_in_chat", "deny", "done", "again", "leave", "answer", "decline", "cancel"}
# Results of one answer beyond the first of these numbers of characters are cut; arguments and other texts of a call have limits
# of their own.
RESULT_CHARS, ARGUMENT_CHARS, CALL_CHARS, MOST_NAMED = 4_000_000, 200_000, 20_000, 50
MOST_ROUNDS = 10_000
NAME_CHARS, PROMPT_CHARS, STORY_CHARS, MOST_ATTEMPTS, MOST_ATTACHED = 120, 20_000, 20_000, 50, 20


def is_own(value: JsonObject) -> bool:
    return value.get("format") == FORMAT


def head_value(chat: FiledChat) -> JsonObject:
    """Returns everything of a chat except its messages, as JSON values."""
    return _values(chat, but={"messages", "settings"}) | dict(chat.settings)


def message_value(message: FiledMessage) -> JsonObject:
    """Returns a message with its generations, as JSON values."""
    generations, calls = map(_values, message.generations), map(_values, message.calls)
    return _values(message, but={"generations", "calls", "files"}) | {"generations": list(generations), "calls": list(calls)}


def parse(value: JsonObject) -> FiledChat:
    """Parses a chat from a Millrace export."""
    if value.get("version") != VERSION:
        raise BadFile(
            f"It uses version {line(str(value.get('version')), 20)} of the Millrace format; this server reads version {VERSION}."
        )
    about, messages = dict_of(value.get("chat")), value.get("messages")
    if not isinstance(messages, list) or not text(about.get("id")):
        raise BadFile("It is marked as a Millrace export, but its chat or messages are missing.")
    filed_messages = tuple(_message(dict_of(message)) for message in messages)
    head = _id(about.get("head"))
    times: JsonObject = {name: moment(about.get(name)) for name in ("created_at", "changed_at", "pinned_at", "archived_at")}
    return checked(
        FiledChat(
            id=_id(about["id"]),
            title=line(about.get("title"), 200),
            title_is_own=about.get("title_is_own") is True,
            model=line(about.get("model"), 200),
            head=head if any(message.id == head for message in filed_messages) else "",
            messages=filed_messages,
            cast=_names(about.get("cast"), MOST_CAST),
            turn_order=line(about.get("turn_order"), NAME_CHARS),
            persona=line(about.get("persona"), NAME_CHARS),
            lorebooks=_names(about.get("lorebooks"), MOST_ATTACHED),
            preset=line(about.get("preset"), NAME_CHARS),
            tags=_names(about.get("tags"), MOST_TAGS),
            project=line(about.get("project"), NAME_CHARS),
            foreign_fields=foreign_fields.storable(about.get("foreign_fields"), foreign_fields.MOST_CHARS_OF_HEAD),
            settings=settings(about),
            **times,
        )
    )


def _names(names: Any, most: int) -> tuple[str, ...]:
    return tuple(line(name, NAME_CHARS) for name in names[:most]) if isinstance(names, list) else ()


def _message(value: JsonObject) -> FiledMessage:
    if value.get("role") not in ("user", "assistant") or not text(value.get("id")):
        raise BadFile("One of its messages has no id or no role.")
    generations = value.get("generations")
    return FiledMessage(
        id=_id(value["id"]),
        parent=_id(value.get("parent")),
        role=value["role"],
        content=text(value.get("content")),
        reasoning=text(value.get("reasoning")),
        author=line(value.get("author"), NAME_CHARS),
        speaker=line(value.get("speaker"), NAME_CHARS),
        foreign_fields=foreign_fields.storable(value.get("foreign_fields")),
        is_edited=value["role"] == "assistant" and value.get("is_edited") is True,
        is_hidden=value.get("is_hidden") is True,
        variables=storable(value["variables"]) if isinstance(value.get("variables"), dict) else None,
        story=text(value.get("story"), STORY_CHARS).strip(),
        created_at=moment(value.get("created_at")),
        # One more than the limit is kept, so that `checked` refuses the chat instead of silently dropping generations.
        generations=tuple(
            _generation(dict_of(generation), index) for index, generation in enumerate(generations[: MOST_TRIES + 1])
        )
        if isinstance(generations, list)
        else (),
        calls=_calls(value.get("calls")) if value["role"] == "assistant" else (),
    )


def closed(state: Any) -> tuple[CallState, str]:
    """Returns the state in which a call is in a file, and the reason if it was open."""
    if state in ("done", "failed", "denied"):
        return state, ""
    return "failed", OPEN_CALLS.get(text(state), OPEN_CALLS["asked"])


def _calls(values: Any) -> tuple[FiledCall, ...]:
    """Returns the calls of an answer in their order, each place once; one more than the limit, as of generations."""
    calls, chars_left = dict[tuple[int, int], FiledCall](), RESULT_CHARS
    for value in map(dict_of, values[: MOST_CALLS + 1] if isinstance(values, list) else ()):
        call = _call(value, chars_left)
        if calls.setdefault((call.round, call.number), call) is call:
            chars_left -= len(call.text)
    return tuple(calls[place] for place in sorted(calls))


def _call(value: JsonObject, most_chars: int) -> FiledCall:
    state, reason = closed(value.get("state"))
    result, decision, policy = text(value.get("text")), text(value.get("decision")), text(value.get("policy"))
    times: JsonObject = {name: moment(value.get(name)) for name in ("asked_at", "decided_at", "started_at", "ended_at")}
    return FiledCall(
        round=min(count(value.get("round")) or 0, MOST_ROUNDS),
        number=min(count(value.get("number")) or 0, MOST_CALLS),
        generation=count(value.get("generation")),
        upstream_id=text(value.get("upstream_id"), 200),
        tool=text(value.get("tool"), 200),
        title=text(value.get("title"), 500),
        arguments=text(value.get("arguments"), ARGUMENT_CHARS),
        state=state,
        policy=policy if policy in POLICIES else "",
        why=text(value.get("why"), CALL_CHARS),
        decision=decision if decision in DECISIONS else "",
        note=text(value.get("note"), CALL_CHARS),
        text=result[:most_chars],
        is_cut=value.get("is_cut") is True or len(result) > most_chars,
        error=reason or text(value.get("error"), CALL_CHARS),
        outside=_lines(value.get("outside"), 200),
        file_ids=_lines(value.get("file_ids"), 26),
        text_at=count(value.get("text_at")) or 0,
        **times,
    )


def _lines(values: Any, most_chars: int) -> tuple[str, ...]:
    lines = (line(value, most_chars) for value in values[:MOST_NAMED]) if isinstance(values, list) else ()
    return tuple(filter(None, lines))


def _generation(value: JsonObject, index: int) -> FiledGeneration:
    status, continues, notices = text(value.get("status")), count(value.get("continues")), value.get("notices")
    return FiledGeneration(
        model_asked=line(value.get("model_asked"), 200),
        model_used=line(value.get("model_used"), 200),
        provider=line(value.get("provider"), 40),
        status=status if status in STATUSES else "interrupted",
        reason=line(value.get("reason"), 30),
        error=text(value.get("error"), 2000),
        is_demo=value.get("is_demo") is True,
        notices=tuple(_notice(dict_of(notice)) for notice in notices[:MOST_NOTICES]) if isinstance(notices, list) else (),
        attempts=_attempts(value.get("attempts")),
        text_offset=count(value.get("text_offset")) or 0,
        continues=continues if continues is not None and continues < index else None,
        input_tokens=count(value.get("input_tokens")),
        output_tokens=count(value.get("output_tokens")),
        cost=_cost(value.get("cost")),
        **{name: moment(value.get(name)) for name in ("created_at", "started_at", "first_text_at", "ended_at")},
    )


def _attempts(values: Any) -> tuple[AttemptRecord, ...]:
    attempts = values[:MOST_ATTEMPTS] if isinstance(values, list) else []
    return tuple(_attempt(dict_of(attempt)) for attempt in attempts)


def _attempt(value: JsonObject) -> AttemptRecord:
    attempt = AttemptRecord(
        model=text(value.get("model"), 2000),
        how=text(value.get("how"), 2000),
        seconds=amount(value.get("seconds")) or 0.0,
        code=text(value.get("code"), 2000),
        message=text(value.get("message"), 2000),
    )
    return {**attempt, "of_connection": True} if value.get("of_connection") is True else attempt


def _notice(value: JsonObject) -> NoticeRecord:
    return NoticeRecord(
        code=text(value.get("code"), 2000), message=text(value.get("message"), 2000), detail=text(value.get("detail"), 2000)
    )


def settings(about: Mapping[str, Any]) -> JsonObject:
    """Returns the chat's settings; invalid values become empty."""
    # Files of older versions have another name for it.
    values = {"fold": about.get("story"), **about}
    return {field.name: _setting(field, values.get(field.name)) for field in FIELDS}


def _setting(field: ChatField, value: Any) -> Any:
    """Returns a text, or a number within the field's bounds; otherwise an empty value."""
    if field.choices:
        return value if isinstance(value, str) and value in field.choices else ""
    if field.kind is str:
        return text(value, PROMPT_CHARS)
    number = count(value) if field.kind is int else number_of(value)
    return number if number is not None and field.least <= number <= field.most else None


def _cost(value: Any) -> str | None:
    """Returns a price as a decimal text; None for what is no number or has an absurd exponent."""
    try:
        cost = Decimal(line(value, 30))
    except InvalidOperation:
        return None
    return line(value, 30) if cost.is_finite() and cost >= 0 and -30 < cost.adjusted() < 12 else None


def _id(value: Any) -> str:
    return line(value, ORIGIN_CHARS)


def _values(filed: FiledChat | FiledMessage | FiledGeneration | FiledCall, *, but: Container[str] = ()) -> JsonObject:
    return {name.name: _value(getattr(filed, name.name)) for name in names_of(filed) if name.name not in but}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return list(value) if isinstance(value, tuple) else value
