"""Chats of SillyTavern, one line per message with all its swipes, and of other roleplay programs. Pure."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.characters.macros.chat_variables import storable
from webapp.chat.group.turns import LEAST_CAST
from webapp.chat.imports import foreign_fields, own
from webapp.chat.imports.filed import (
    BadFile,
    FiledChat,
    FiledGeneration,
    FiledMessage,
    Node,
    checked,
    grown,
    line,
    moment,
    origin,
    text,
)

PROGRAM = "sillytavern"
# The key under which the values of a JSON lines file are passed as one value.
LINES = "lines of a chat"
MOST_LINES, MOST_SWIPES, NAME_CHARS, TITLE_CHARS, INTEGRITY_CHARS = 10_000, 50, 120, 200, 100
# More than a group can have, because some of the characters may not exist on this server.
MOST_SPEAKING = 50
# `October 18, 2024 3:21pm`, `2024-10-18 @15h 21m 09s 123ms` and `2024-10-18@15h21m09s`.
SPOKEN = "%B %d, %Y %I:%M%p"
NAMED = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}) ?@ ?(\d{1,2})h ?(\d{1,2})m ?(\d{1,2})s(?: ?(\d{1,3})ms)?", re.ASCII)
# One day in milliseconds.
MOST_THINKING = 86_400_000
# SillyTavern's number for "in the chat", and our names for its note roles 0, 1 and 2.
IN_CHAT, NOTE_ROLES = 1, ("", "user", "assistant")
HEADS = ("user_name", "character_name", "chat_metadata")


def is_one(value: JsonObject) -> bool:
    return LINES in value or isinstance(value.get("data_visible"), list) or _is_agnai(value)


def several(value: JsonObject) -> Iterator[JsonObject]:
    """Yields each chat of a file with all chats of one character (Character.AI); any other file is yielded unchanged."""
    histories = dict_of(value.get("histories")).get("histories")
    if not isinstance(histories, list):
        yield value
        return
    name = line(dict_of(dict_of(value.get("info")).get("character")).get("name"), NAME_CHARS)
    for history in histories:
        lines = dict_of(history).get("msgs")
        rows = [_of_cai(dict_of(one)) for one in lines] if isinstance(lines, list) else []
        yield {LINES: [{"character_name": name, "create_date": dict_of(history).get("created")}, *rows]}


def parse(value: JsonObject) -> FiledChat:
    """Parses the chat, with all swipes as versions of their messages."""
    rows = [dict_of(row) for row in _rows(value)]
    head = rows[0] if rows and "mes" not in rows[0] and any(name in rows[0] for name in HEADS) else {}
    lines = [row for row in rows if row is not head]
    if len(lines) > MOST_LINES:
        raise BadFile(f"It has more than {MOST_LINES:,} messages.")
    cast = _cast(head, lines)
    id = _id_of(head, next(iter(cast), ""), lines)
    nodes, last = _nodes(id, lines, next(iter(cast)) if len(cast) == 1 else "")
    messages, shown = grown(nodes)
    if len(cast) < LEAST_CAST:
        messages = tuple(replace(message, speaker="") for message in messages)
    about = dict_of(head.get("chat_metadata"))
    world = line(about.get("world_info"), NAME_CHARS)
    if has := storable(about.get("variables")):
        # SillyTavern stores the variables as they are at the end of the branch that was shown.
        messages = tuple(replace(message, variables=has) if message.id == shown.get(last) else message for message in messages)
    times = [message.created_at for message in messages if message.created_at]
    return checked(
        FiledChat(
            id=origin(PROGRAM, id),
            title=", ".join(cast)[:TITLE_CHARS],
            cast=cast,
            persona=_persona(head, lines),
            head=shown.get(last, ""),
            created_at=_moment(head.get("create_date")) or min(times, default=None),
            changed_at=max(times, default=None),
            lorebooks=(world,) if world else (),
            foreign_fields=foreign_fields.of_head(head),
            settings=note_settings(about),
            messages=messages,
        )
    )


def note_settings(about: Mapping[str, Any]) -> JsonObject:
    """Returns the author's note as settings; a note outside the messages gets a depth that puts it before all of them."""
    interval = None if about.get("note_interval") == 1 else about.get("note_interval")
    depth = about.get("note_depth") if about.get("note_position", IN_CHAT) == IN_CHAT else MOST_LINES
    role = next((name for number, name in enumerate(NOTE_ROLES) if number == about.get("note_role")), "")
    return own.settings({"note": about.get("note_prompt"), "note_depth": depth, "note_role": role, "note_interval": interval})


def _rows(value: JsonObject) -> Sequence[Any]:
    """Converts the messages of any of these programs to SillyTavern's lines."""
    if LINES in value:
        return value[LINES] if isinstance(value[LINES], list) else []
    if _is_agnai(value):
        return [{"character_name": value.get("name")}, *(_of_agnai(dict_of(message)) for message in value["messages"])]
    pairs = (pair for pair in value["data_visible"] if isinstance(pair, list))
    return [{"mes": words, "is_user": not index} for pair in pairs for index, words in enumerate(pair[:2])]


def _is_agnai(value: JsonObject) -> bool:
    messages = value.get("messages")
    return isinstance(messages, list) and any("msg" in dict_of(message) for message in messages[:3])


def _of_agnai(line: JsonObject) -> JsonObject:
    return {
        "mes": line.get("msg"),
        "is_user": bool(line.get("userId")),
        "name": line.get("handle"),
        "send_date": line.get("createdAt"),
    }


def _of_cai(line: JsonObject) -> JsonObject:
    source = dict_of(line.get("src"))
    return {
        "mes": line.get("text"),
        "is_user": source.get("is_human") is True,
        "name": source.get("name"),
        "send_date": line.get("created"),
    }


def _cast(head: JsonObject, lines: Sequence[JsonObject]) -> tuple[str, ...]:
    """Returns the chat's character, or all speakers of a group. Newer files name them only in the messages."""
    name = line(head.get("character_name"), NAME_CHARS)
    if name and name != "unused":
        return (name,)
    speaking = (row for row in lines if row.get("is_user") is not True and row.get("is_system") is not True)
    names = dict.fromkeys(filter(None, (line(row.get("name"), NAME_CHARS) for row in speaking)))
    return tuple(islice(names, MOST_SPEAKING))


def _persona(head: JsonObject, lines: Sequence[JsonObject]) -> str:
    """Returns the last persona; newer files name it only in the messages."""
    names = [line(row.get("name"), NAME_CHARS) for row in lines if row.get("is_user") is True]
    return next(filter(None, reversed(names)), line(head.get("user_name"), NAME_CHARS))


def _id_of(head: JsonObject, name: str, lines: Sequence[JsonObject]) -> str:
    """Returns an id that stays the same when the chat is exported again with more messages."""
    integrity = text(dict_of(head.get("chat_metadata")).get("integrity"), INTEGRITY_CHARS)
    first = next((words for row in lines for words in _versions(row)[0] if words), "")
    about = "\0".join((name, text(head.get("user_name")), str(head.get("create_date")), first))
    return integrity or hashlib.sha256(about.encode()).hexdigest()[:32]


def _nodes(id: str, lines: Sequence[JsonObject], name: str) -> tuple[list[Node], str]:
    """Returns all messages and swipes as nodes, each below the shown version before it, and the id of the last one shown.

    SillyTavern exports branches of a chat as separate files with the same chat id: a message gets the same id in each of them,
    so what they share is imported once.
    """
    nodes, above = list[Node](), ""
    for index, row in enumerate(lines):
        versions, chosen = _versions(row)
        ids = [origin(PROGRAM, f"{id}:{index}:{number}:{_mark(above, words)}") for number, words in enumerate(versions)]
        nodes += [
            Node(ids[number], above, _message(ids[number], row, number, words, name=name, is_shown=number == chosen))
            for number, words in enumerate(versions)
        ]
        above = ids[chosen]
    return nodes, above


def _mark(above: str, words: str) -> str:
    return hashlib.sha256(f"{above}\0{words}".encode()).hexdigest()[:16]


def _versions(row: JsonObject) -> tuple[list[str], int]:
    """Returns the texts of a message and the index of the one that is shown."""
    swipes, shown = row.get("swipes"), _words(row.get("mes"))
    texts = (
        [_words(swipe) for swipe in swipes[:MOST_SWIPES]] if isinstance(swipes, list) and row.get("is_user") is not True else []
    )
    chosen = row.get("swipe_id")
    if not texts:
        return [shown], 0
    if not isinstance(chosen, int) or not 0 <= chosen < len(texts):
        return (texts, texts.index(shown)) if shown in texts else ([*texts, shown], len(texts))
    # The message can have been edited after the swipe was stored.
    texts[chosen] = shown or texts[chosen]
    return texts, chosen


def _message(id: str, row: JsonObject, number: int, words: str, *, name: str, is_shown: bool) -> FiledMessage | None:
    """Returns None for empty messages, which only link their neighbours. `name` is that of the only character."""
    if not words.strip():
        return None
    is_hidden = row.get("is_system") is True
    infos = row.get("swipe_info")
    about = dict_of(infos[number]) if isinstance(infos, list) and number < len(infos) else row
    extra = dict_of(about.get("extra"))
    created_at = _moment(about.get("send_date")) or _moment(row.get("send_date"))
    sent = said(created_at) if created_at else None
    # SillyTavern's summary of the chat down to this message.
    story = text(extra.get("memory") or (is_shown and dict_of(row.get("extra")).get("memory")), own.STORY_CHARS).strip()
    is_user = row.get("is_user") is True
    message = FiledMessage(
        id=id,
        role="user" if is_user else "assistant",
        content=words,
        story=story,
        is_hidden=is_hidden,
        created_at=created_at,
        foreign_fields=foreign_fields.of_line(row, about, name="" if is_user else name, sent=sent, is_shown=is_shown),
    )
    if is_user:
        return message
    return replace(
        message,
        reasoning=text(extra.get("reasoning")),
        speaker=line(row.get("name"), NAME_CHARS),
        generations=_generations(about, extra, created_at),
    )


def _generations(about: JsonObject, extra: JsonObject, created_at: datetime | None) -> tuple[FiledGeneration, ...]:
    if not (model := line(extra.get("model"), 200)):
        return ()
    began, ended = _moment(about.get("gen_started")), _moment(about.get("gen_finished"))
    return (
        FiledGeneration(
            model_asked=model,
            model_used=model,
            provider=line(extra.get("api"), 50) or PROGRAM,
            reason="stop",
            created_at=began or created_at,
            started_at=began,
            first_text_at=_after(began, extra.get("reasoning_duration")),
            ended_at=ended or created_at,
        ),
    )


def _after(began: datetime | None, milliseconds: Any) -> datetime | None:
    is_known = isinstance(milliseconds, (int, float)) and 0 < milliseconds < MOST_THINKING
    return began + timedelta(milliseconds=milliseconds) if began and is_known else None


def _words(value: Any) -> str:
    return text(value) or text(dict_of(value).get("message"))


def said(when: datetime) -> str:
    """Returns a time as newer files have it."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(value: Any) -> datetime | None:
    """Parses a time in any format that SillyTavern has used."""
    if not isinstance(value, str):
        return moment(value)
    if value.strip().isdecimal():
        return moment(int(value.strip()[:20]))
    if match := NAMED.fullmatch(value.strip()):
        return moment("{:0>4}-{:0>2}-{:0>2}T{:0>2}:{:0>2}:{:0>2}.{:0>3}".format(*match.groups("0")))
    try:
        return moment(datetime.strptime(value.strip(), SPOKEN).replace(tzinfo=UTC).isoformat())
    except ValueError:
        return moment(value)
