"""What a SillyTavern file says beyond our own fields: kept by an import, and part of the file again in an export. Pure."""

import json
from collections.abc import Container, Mapping, Sequence
from typing import Any

from webapp.chat.exchange.imports.filed import fields
from webapp.untrusted_json import Unfit, plain

# For one message, or for the head of a chat; longer ones are left out.
MOST_CHARS = 10_000
HEAD = {"user_name", "character_name", "create_date", "chat_metadata"}
NOTE = {"note_prompt", "note_interval", "note_position", "note_depth", "note_role"}
METADATA = {"integrity", "variables", "world_info", *NOTE}
LINE = {"name", "is_user", "is_system", "mes", "swipes", "swipe_id", "swipe_info"}
SWIPE = {"send_date", "extra"}
TIMES = {"gen_started", "gen_finished"}
EXTRA, MODEL = {"memory", "reasoning"}, {"model", "api"}


def storable(value: Any) -> dict[str, Any] | None:
    """Returns the fields as any database can store them; None without any, and for too long or too deep ones."""
    try:
        found = plain(fields(value), "It")
    except Unfit:
        return None
    return found if found and len(json.dumps(found, ensure_ascii=False)) <= MOST_CHARS else None


def of_head(head: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns what the head of a chat says beyond our fields."""
    metadata = _rest(fields(head.get("chat_metadata")), METADATA)
    return storable(_filled({"head": _rest(head, HEAD), "metadata": metadata}))


def of_line(row: Mapping[str, Any], swipe: Mapping[str, Any], *, name: str, is_shown: bool) -> dict[str, Any] | None:
    """Returns what a line, and one of its swipes, say beyond our fields. The shown swipe stands for the whole line.

    `name` is the speaker that an export would name anyway.
    """
    if swipe is row and not is_shown:
        # Without information on swipes, a line describes the one that is shown.
        return None
    is_known = fields(swipe.get("extra")).get("model")
    extra = fields(swipe.get("extra")) | (fields(row.get("extra")) if is_shown else {})
    made = {} if is_known else _only(row if is_shown else {}, TIMES) | _only(swipe, TIMES)
    about = made | ({} if swipe is row else _rest(swipe, SWIPE | TIMES))
    about |= _filled({"extra": _rest(extra, EXTRA | MODEL if is_known else EXTRA)})
    line = _rest(row, LINE | SWIPE | TIMES) if is_shown else {}
    said_by = row.get("name")
    line |= {"name": said_by} if is_shown and isinstance(said_by, str) and said_by not in ("", name) else {}
    return storable(_filled({"line": line, "swipe": about}))


def in_head(head: Mapping[str, Any], kept: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the head of an export with what was kept; our own fields win."""
    metadata = {**_part(kept, "metadata"), **head["chat_metadata"]}
    return {**_part(kept, "head"), **head, "chat_metadata": metadata}


def in_swipe(swipe: Mapping[str, Any], kept: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns a swipe of an export with what was kept; our own fields win."""
    about = _part(kept, "swipe")
    return {**about, **swipe, "extra": {**fields(about.get("extra")), **swipe["extra"]}}


def in_line(line: Mapping[str, Any], versions: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Returns a line of an export with what was kept of one of its versions; our own fields win, except the name."""
    kept = next(filter(None, (_part(each, "line") for each in versions)), {})
    return {**line, **{name: value for name, value in kept.items() if name == "name" or name not in line}}


def _rest(value: Mapping[str, Any], known: Container[str]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in known}


def _only(value: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name in names}


def _filled(parts: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part}


def _part(kept: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    return fields((kept or {}).get(name))
