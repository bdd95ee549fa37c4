"""What a SillyTavern file says beyond our own fields: kept by an import, and part of the file again in an export. Pure."""

import json
import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

from webapp.base.untrusted_json import JsonObject, UnfitJson, clean, dict_of, plain

# For one message, and for the head of a chat; fields that don't fit any more are left out.
MOST_CHARS, MOST_CHARS_OF_HEAD = 10_000, 100_000
# These objects are kept field by field, so that a large field doesn't take the others with it.
PARTS, MOST_PARTS = {"head", "metadata", "line", "swipe", "extra"}, 3
LINE = {"name", "is_user", "is_system", "mes", "swipes", "swipe_id", "swipe_info"}
SWIPE = {"send_date", "extra"}
TIMES = {"gen_started", "gen_finished"}
EXTRA, MODEL = {"memory", "reasoning"}, {"model", "api"}


def storable(value: Any, most_chars: int = MOST_CHARS) -> JsonObject | None:
    """Returns the fields as any database can store them, those that fit; None without any."""
    return _fitting(dict_of(value), most_chars)[0] or None


def of_head(head: Mapping[str, Any]) -> JsonObject | None:
    """Returns the head of a chat. An export writes a field that we have, too, as it was, if it still says the same."""
    parts = {"head": _rest(head, {"chat_metadata"}), "metadata": dict_of(head.get("chat_metadata"))}
    return storable(_filled(parts), MOST_CHARS_OF_HEAD)


def of_line(
    row: Mapping[str, Any], swipe: Mapping[str, Any], *, name: str, sent: str | None, is_shown: bool
) -> JsonObject | None:
    """Returns what a line, and one of its swipes, say beyond our fields. The shown swipe stands for the whole line.

    `name` is the speaker that an export would name anyway, and `sent` the time as it would write it.
    """
    if swipe is row and not is_shown:
        # Without information on swipes, a line describes the one that is shown.
        return None
    is_known = dict_of(swipe.get("extra")).get("model")
    extra = dict_of(swipe.get("extra")) | (dict_of(row.get("extra")) if is_shown else {})
    times = {} if is_known else _only(row if is_shown else {}, TIMES) | _only(swipe, TIMES)
    about = times | ({} if swipe is row else _rest(swipe, SWIPE | TIMES))
    about |= _dated(swipe, sent) or (_dated(row, sent) if is_shown else {})
    # An empty text is kept: no column says whether it was there.
    about |= _filled({"extra": _rest(extra, {name for name in EXTRA if extra.get(name)} | (MODEL if is_known else set()))})
    line = _rest(row, LINE | SWIPE | TIMES) if is_shown else {}
    said_by = row.get("name")
    line |= {"name": said_by} if is_shown and isinstance(said_by, str) and said_by not in ("", name) else {}
    return storable(_filled({"line": line, "swipe": about}))


def in_swipe(swipe: Mapping[str, Any], original: Mapping[str, Any] | None) -> JsonObject:
    """Returns a swipe of an export with what was kept; our own fields win, except the date."""
    about = part(original, "swipe")
    return {**about, **swipe, **_only(about, {"send_date"}), "extra": {**dict_of(about.get("extra")), **swipe["extra"]}}


def in_line(line: Mapping[str, Any], versions: Sequence[Mapping[str, Any] | None]) -> JsonObject:
    """Returns a line of an export with what was kept of one of its versions; our own fields win, except the name."""
    kept_line = next(filter(None, (part(version, "line") for version in versions)), {})
    return {**line, **{name: value for name, value in kept_line.items() if name == "name" or name not in line}}


def _rest(value: Mapping[str, Any], own_keys: Container[str]) -> JsonObject:
    return {name: field for name, field in value.items() if name not in own_keys}


def _only(value: Mapping[str, Any], names: Container[str]) -> JsonObject:
    return {name: field for name, field in value.items() if name in names}


def _dated(value: Mapping[str, Any], sent: str | None) -> JsonObject:
    """Returns the date of a message if an export would write it in another way."""
    return _only(value, {"send_date"}) if value.get("send_date") != sent else {}


def _fitting(value: Mapping[str, Any], most_chars: float, level: int = 0) -> tuple[JsonObject, float]:
    """Returns the fields that fit, in order, and their characters. Left out are also those that can't be stored."""
    parts, chars = JsonObject(), 0.0
    for name, field in value.items():
        room = most_chars - chars - len(name)
        is_part = name in PARTS and level < MOST_PARTS and isinstance(field, dict)
        fitting_part, size = _fitting(field, room, level + 1) if is_part else _measured(field)
        if size <= room and (fitting_part or not is_part):
            parts[clean(name)] = fitting_part
            chars += size + len(name)
    return parts, chars


def _measured(value: Any) -> tuple[Any, float]:
    """Returns the value with its length as JSON; an infinite one for a value that can't be stored."""
    try:
        plain_value = plain(value, "It")
    except UnfitJson:
        return None, math.inf
    return plain_value, len(json.dumps(plain_value, ensure_ascii=False))


def _filled(parts: Mapping[str, JsonObject]) -> JsonObject:
    return {name: part for name, part in parts.items() if part}


def part(record: Mapping[str, Any] | None, name: str) -> JsonObject:
    """Returns one part of what was kept, or an empty dict."""
    return dict_of((record or {}).get(name))
