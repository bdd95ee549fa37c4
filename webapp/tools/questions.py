"""What a tool server asks a person for a call: a form or a page, the answers to it, and how both are stored. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field as attribute, replace
from datetime import date, datetime
from re import compile as pattern
from typing import Any, Literal
from urllib.parse import urlsplit

from webapp.base.words import plural

MOST_FIELDS, MOST_CHOICES, MOST_ANSWER = 20, 100, 4_000
# Of what a server asks, with its state, and of all answers to it, as JSON.
MOST_ASKED_CHARS, MOST_ANSWERED_CHARS = 10 * 1024, 6 * 1024
# How often a server can ask for one call.
MOST_QUESTIONS = 5
EMAIL = pattern(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
MINUTE = pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
# The formats of texts that are checked, in words.
FORMATS = {
    "email": "an email address",
    "uri": "a web address",
    "date": "a date, such as 2026-03-31",
    "date-time": "a date with a time and its zone, such as 2026-03-31T09:30:00Z",
}
Value = str | int | float | bool | list[str]
Action = Literal["", "accept", "decline", "cancel"]


@dataclass(frozen=True, slots=True)
class AskedField:
    """A field of a form: a text, a number, a switch, or one or several of `choices`, which are pairs of value and title.

    `least` and `most` are the bounds of a number, of a text's length, or of how many are chosen.
    """

    name: str
    title: str
    description: str
    kind: Literal["text", "number", "integer", "switch", "choice", "choices"]
    is_required: bool
    choices: tuple[tuple[str, str], ...] = ()
    format: str = ""
    least: float | None = None
    most: float | None = None
    default: Value | None = None


@dataclass(frozen=True, slots=True)
class ServerQuestion:
    """What the server with this name asks: a form of `fields` or, with `address`, a page that the person visits.

    `state` goes back to the same server with the answers; it is opaque. `hash` is the tool's as it was when it asked. `number`
    counts the questions of a call. With `is_again`, it was asked during a call that has ended without being done. `action` is
    what was answered, and `by` is the person's id: without it, it is what the server was told when no answer came in time.
    """

    message: str
    fields: tuple[AskedField, ...] = ()
    address: str = ""
    state: Mapping[str, Any] = attribute(default_factory=dict)
    server: str = ""
    hash: str = ""
    number: int = 1
    is_again: bool = False
    action: Action = ""
    values: Mapping[str, Value] = attribute(default_factory=dict)
    by: str = ""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "ServerQuestion":
        fields = (AskedField(**{**part, "choices": tuple(map(tuple, part["choices"]))}) for part in record["fields"])
        return cls(**{**record, "fields": tuple(fields)})

    @property
    def record(self) -> dict[str, Any]:
        """The question as it is stored."""
        return asdict(self)

    @property
    def is_open(self) -> bool:
        return not self.action

    @property
    def host(self) -> str:
        """The host of the page, in the letters that a name server knows: others can look like those of another host."""
        return (urlsplit(self.address).hostname or "").encode("idna").decode()

    def answered(self, action: Action, values: Mapping[str, Value], by: str) -> "ServerQuestion":
        return replace(self, action=action, values=values if action == "accept" else {}, by=by)

    def over(self, *, keeps_values: bool) -> "ServerQuestion":
        """Returns what is kept of it once its call is over."""
        return replace(self, state={}, values=self.values if keeps_values else {})


class BadAnswers(ValueError):
    """Answers that don't fit; `errors` are sentences for the person, by the names of the fields."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


class BadAnswer(ValueError):
    """An answer that doesn't fit its field; the message is for the person."""


def shown_field(field: AskedField) -> dict[str, Any]:
    """Returns a field as programs read it."""
    choices = [{"value": value, "title": title} for value, title in field.choices]
    return {**asdict(field), "choices": choices}


def typed_values(fields: Sequence[AskedField], typed: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Returns what was typed into a form, each in the kind of its field as far as it can be read."""
    values: dict[str, Any] = {}
    for field in fields:
        texts = [text.strip() for text in typed.get(field.name, ()) if text.strip()]
        if field.kind == "switch":
            values[field.name] = bool(texts)
        elif field.kind == "choices":
            values |= {field.name: texts} if texts or field.is_required else {}
        elif texts:
            values[field.name] = _read(field, texts[0])
    return values


def _read(field: AskedField, text: str) -> Any:
    if field.format == "date-time" and MINUTE.fullmatch(text):
        # As a browser's field has it; its label says that it is UTC.
        return f"{text}:00Z"
    try:
        return int(text) if field.kind == "integer" else float(text.replace(",", ".")) if field.kind == "number" else text
    except ValueError:
        return text


def checked_values(fields: Sequence[AskedField], values: Mapping[str, Any]) -> dict[str, Value]:
    """Returns the answers to a form if they fit; raises `BadAnswers`."""
    errors = {name[:100]: "There is no such field." for name in values if name not in {field.name for field in fields}}
    answers: dict[str, Value] = {}
    for field in fields:
        try:
            if field.name in values:
                answers[field.name] = checked(field, values[field.name])
            elif field.is_required:
                errors[field.name] = f"“{field.title}” is missing."
        except BadAnswer as error:
            errors[field.name] = str(error)
    if errors:
        raise BadAnswers(errors)
    if len(json.dumps(answers)) > MOST_ANSWERED_CHARS:
        longest = max(answers, key=lambda name: len(json.dumps(answers[name])))
        raise BadAnswers({longest: f"All answers together can have up to {MOST_ANSWERED_CHARS:,} characters."})
    return answers


def checked(field: AskedField, value: Any) -> Value:
    """Returns the value if it fits the field; raises `BadAnswer` with a sentence."""
    allowed = {choice for choice, _ in field.choices}
    match field.kind:
        case "switch" if isinstance(value, bool):
            return value
        case "choice" if isinstance(value, str) and value in allowed:
            return value
        case "choices" if isinstance(value, list) and all(isinstance(part, str) and part in allowed for part in value):
            return _sized(field, value, len(value), "choice")
        case "number" | "integer":
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
            if not is_number or (field.kind == "integer" and value != int(value)):
                raise BadAnswer(f"“{field.title}” must be a {'whole ' if field.kind == 'integer' else ''}number.")
            return _sized(field, value, value, "")
        case "text" if isinstance(value, str) and len(value) <= MOST_ANSWER:
            _check_format(field, value)
            return _sized(field, value, len(value), "character")
    raise BadAnswer(f"“{field.title}” doesn't fit.")


def _check_format(field: AskedField, text: str) -> None:
    if field.format in FORMATS and not _has_format(text, field.format):
        raise BadAnswer(f"“{field.title}” must be {FORMATS[field.format]}.")


def _has_format(text: str, format: str) -> bool:
    try:
        match format:
            case "email":
                return bool(EMAIL.fullmatch(text))
            case "uri":
                return text.isprintable() and " " not in text and bool(urlsplit(text).scheme)
            case "date":
                return str(date.fromisoformat(text)) == text
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _sized(field: AskedField, value: Value, size: float, unit: str) -> Value:
    for limit, is_outside, words in ((field.least, float.__lt__, "at least"), (field.most, float.__gt__, "at most")):
        if limit is not None and is_outside(float(size), float(limit)):
            bound = plural(int(limit), unit) if unit else f"{limit:g}"
            raise BadAnswer(f"“{field.title}” must be {words} {bound}.")
    return value
