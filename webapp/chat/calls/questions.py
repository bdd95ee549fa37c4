"""What a tool server asks, as pages show it: a form with native fields, what was typed into it, and what is wrong with that."""

from collections.abc import Mapping
from dataclasses import dataclass, field as attribute, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from webapp.base.languages import gettext as _
from webapp.tools.questions import MOST_ANSWER, AskedField, ServerQuestion, Value, typed_values
from webapp.tools.tables import Call

# Types of inputs, by the formats that a server can ask for.
TYPES = {"email": "email", "uri": "url", "date": "date", "date-time": "datetime-local"}
IN_UTC = "In UTC."
LONG_CHARS = 200


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field of a form; `name` is the page's own, as the server's can be anything. `attributes` are those of its input."""

    name: str
    title: str
    help: str
    kind: str
    is_required: bool
    is_long: bool
    choices: tuple[tuple[str, str], ...]
    values: tuple[str, ...]
    attributes: Mapping[str, Any]
    error: str = ""


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """What a server asks. While it `is_live`, the server waits for a short time; `answers` are for the person who gave them.

    A page to visit has its whole `address`, and its `host`, which `is_disguised` if it is written in other letters.
    """

    number: int
    server: str
    message: str
    fields: tuple[ShownField, ...]
    address: str
    host: str
    is_live: bool
    is_again: bool
    answers: tuple[tuple[str, str], ...] = attribute(default=())

    @property
    def is_disguised(self) -> bool:
        return any(part.startswith("xn--") for part in self.host.split("."))

    def told_to_others(self) -> "ShownQuestion":
        """Returns what others know of what a person's own server asks: that it does."""
        return replace(self, message="", fields=(), address="", host="", answers=())


def shown_question(
    call: Call, *, typed: MultiDict[str, str] | None = None, errors: Mapping[str, str] | None = None, reader: str = ""
) -> ShownQuestion | None:
    """Returns what a server asks for a call, with what was `typed` and the `errors` in it, or else the server's defaults."""
    if not call.question:
        return None
    question = ServerQuestion.from_record(call.question)
    fields = tuple(_field(index, field, typed, errors or {}) for index, field in enumerate(question.fields))
    titles = {field.name: field.title for field in question.fields}
    given = question.values if reader and question.by == reader else {}
    return ShownQuestion(
        number=question.number,
        server=question.server,
        message=question.message,
        fields=fields,
        address=question.address,
        host=question.host,
        is_live=call.state == "running",
        is_again=question.is_again,
        answers=tuple((titles.get(name, name), ", ".join(_texts(value)) or _("No")) for name, value in given.items()),
    )


def values_in(call: Call, form: MultiDict[str, str]) -> dict[str, Any]:
    """Returns the answers in a form that was sent for a call; empty if its server asks nothing."""
    fields = ServerQuestion.from_record(call.question).fields if call.question else ()
    return typed_values(fields, {field.name: form.getlist(_name(index)) for index, field in enumerate(fields)})


def _name(index: int) -> str:
    return f"field-{index}"


def _field(index: int, field: AskedField, typed: MultiDict[str, str] | None, errors: Mapping[str, str]) -> ShownField:
    default = () if field.default is None else _texts(field.default)
    is_text = field.kind == "text"
    return ShownField(
        name=_name(index),
        title=field.title,
        help=" ".join(filter(None, (field.description, _(IN_UTC) if field.format == "date-time" else ""))),
        kind=field.kind,
        is_required=field.is_required,
        is_long=is_text and field.format not in TYPES and field.most is not None and field.most > LONG_CHARS,
        choices=field.choices,
        values=tuple(typed.getlist(_name(index))) if typed is not None else _local(field, default),
        attributes=_attributes(field),
        error=errors.get(field.name, ""),
    )


def _attributes(field: AskedField) -> dict[str, Any]:
    if field.kind == "text":
        least = int(field.least) if field.least and field.least > 0 else None
        most = int(min(max(field.most, 0), MOST_ANSWER)) if field.most is not None else MOST_ANSWER
        is_typed = field.format not in ("date", "date-time")
        about = {"type": TYPES.get(field.format, "text"), "autocomplete": "off"}
        return {**about, **({"minlength": least, "maxlength": most, "dir": "auto"} if is_typed else {})}
    step = 1 if field.kind == "integer" else "any"
    return {"type": "number", "min": _number(field.least), "max": _number(field.most), "step": step, "autocomplete": "off"}


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.15g}"


def _texts(value: Value) -> tuple[str, ...]:
    if isinstance(value, bool):
        return (_("Yes"),) if value else ()
    return tuple(value) if isinstance(value, list) else (f"{value:.15g}" if isinstance(value, float) else str(value),)


def _local(field: AskedField, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Returns a moment as a browser's field has it: in UTC, without saying so."""
    is_utc = field.format == "date-time" and texts and texts[0].endswith("Z")
    return (texts[0][:16],) if is_utc else texts
