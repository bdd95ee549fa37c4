"""What a call returns: its text, pictures and files, or a form that a person has to fill in before it can be done."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from webapp.base.words import plural
from webapp.tools.built_in.texts import one_line, visible
from webapp.tools.mcp.listing import line_of, text_of

MOST_TEXT, PIECE_CHARS, MOST_CONTENTS = 2_000_000, 65_536, 200
MOST_NAME, MOST_MESSAGE, MOST_STATE, MOST_ADDRESS = 120, 2_000, 64 * 1024, 2_000
MOST_FIELDS, MOST_CHOICES, MOST_ANSWER = 20, 100, 10_000
# No form bounds a number beyond, and no float is as large as some numbers of JSON.
MOST_NUMBER = 1e15
KIND = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,80}")
Value = str | int | float | bool | list[str]
InTurns = Callable[[Iterable[str]], Iterable[str]]


class Unreadable(ValueError):
    """What a server sent is no result of a call."""


class BadAnswer(ValueError):
    """An answer doesn't fit its field; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Part:
    """A picture or a file in a result; nothing that it says of itself is checked."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a call. `left_out` names what is neither text, picture nor file.

    `version` and `session` are those that the call was made with, for the next one.
    """

    text: str
    pictures: tuple[Part, ...] = ()
    files: tuple[Part, ...] = ()
    is_error: bool = False
    left_out: tuple[str, ...] = ()
    version: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class Field:
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


class InputRequired(Exception):
    """A call that needs a person's answers first. It has done nothing yet, or can be repeated, and it waits in no process.

    `message` says why. It is either a form of `fields`, or, with `address`, a page of another site that the person visits and
    comes back from. `state` is sent back with the answers, to the same server; it is opaque, and contains no secret of ours.
    """

    def __init__(self, message: str, fields: tuple[Field, ...], state: str, address: str = "") -> None:
        super().__init__(message)
        self.message, self.fields, self.state, self.address = message, fields, state, address


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person answered to an `InputRequired` with this `state`; `values` by the names of its fields."""

    state: str
    values: Mapping[str, Value]
    action: Literal["accept", "decline", "cancel"] = "accept"


def reply_of(result: Mapping[str, Any], in_turns: InTurns = iter) -> Reply:
    """Returns the result of a call; raises `Unreadable` if it is none. `in_turns` lets others run between pieces of work."""
    contents, structured = result.get("content"), result.get("structuredContent")
    if not isinstance(contents, list) and "structuredContent" not in result:
        raise Unreadable
    reader = _Contents(contents if isinstance(contents, list) else [])
    texts = reader.texts or ([] if structured is None else [json.dumps(structured, ensure_ascii=False)])
    text = "\n\n".join(texts)
    if len(text) > MOST_TEXT:
        text = text[:MOST_TEXT]
        reader.left_out.append(f"all text after {MOST_TEXT:,} characters")
    pieces = (text[start : start + PIECE_CHARS] for start in range(0, len(text), PIECE_CHARS))
    seen = "".join(visible(piece) for piece in in_turns(pieces))
    is_error = result.get("isError") is True
    return Reply(seen, tuple(reader.pictures), tuple(reader.files), is_error, tuple(reader.left_out))


class _Contents:
    """Sorts the contents of a result."""

    def __init__(self, contents: Sequence[Any]) -> None:
        self.texts, self.left_out = list[str](), list[str]()
        self.pictures, self.files = list[Part](), list[Part]()
        for content in contents[:MOST_CONTENTS]:
            self._take(content if isinstance(content, dict) else {})
        if len(contents) > MOST_CONTENTS:
            self.left_out.append(f"{len(contents) - MOST_CONTENTS} further parts")

    def _take(self, content: Mapping[str, Any]) -> None:
        match content:
            case {"type": "text", "text": str(text)}:
                self.texts.append(text)
            case {"type": "image", "data": str(data)}:
                self._put(self.pictures, "picture", content, data)
            case {"type": "resource", "resource": {"text": str(text)} as resource}:
                # A model reads the text; as a file, it is the person's.
                name = _file_name(resource.get("uri"))
                self.texts.append(f"{name}:\n{text}")
                self.files.append(Part(name, _kind(resource, "text/plain"), text.encode("utf-8", "replace")))
            case {"type": "resource", "resource": {"blob": str(data)} as resource}:
                self._put(self.files, _file_name(resource.get("uri")), resource, data)
            case {"type": "resource_link"}:
                name = line_of(content.get("title")) or line_of(content.get("name")) or "something"
                self.left_out.append(f"a link to {name}")
            case {"type": "audio"}:
                self.left_out.append("a sound")
            case _:
                self.left_out.append(f"a part of the kind “{line_of(content.get('type'), 40) or 'unknown'}”")

    def _put(self, parts: list[Part], name: str, content: Mapping[str, Any], data: str) -> None:
        try:
            parts.append(Part(name, _kind(content, "application/octet-stream"), base64.b64decode(data, validate=True)))
        except (binascii.Error, ValueError):
            self.left_out.append(f"{name}, which can't be read")


def _kind(content: Mapping[str, Any], usual: str) -> str:
    kind = content.get("mimeType")
    kind = kind.partition(";")[0].strip().lower() if isinstance(kind, str) and len(kind) < MOST_NAME else ""
    return kind if KIND.fullmatch(kind) else usual


def _file_name(uri: Any) -> str:
    if not isinstance(uri, str) or len(uri) > MOST_ADDRESS:
        return "file"
    try:
        path = urlsplit(uri).path
    except ValueError:
        return "file"
    name = one_line(unquote(path.rstrip("/").rpartition("/")[2]).replace("/", "_").replace("\\", "_"), MOST_NAME)
    return name.lstrip(".") or "file"


def input_required(result: Mapping[str, Any]) -> InputRequired | None:
    """Returns what a server needs to know, or None if it only wants to be called again; raises `Unreadable`.

    Only forms and addresses have been offered to it: anything else that it requires can't be given.
    """
    requests, server_state = result.get("inputRequests") or {}, result.get("requestState")
    if not isinstance(requests, dict) or not (server_state is None or isinstance(server_state, str)):
        raise Unreadable
    if not requests and server_state is None:
        raise Unreadable
    if not requests:
        return None
    forms = {key: form_of(key, request) for key, request in requests.items()}
    fields = tuple(field for _, form_fields, _ in forms.values() for field in form_fields)
    addresses = [address for _, _, address in forms.values() if address]
    if len(fields) > MOST_FIELDS or len(addresses) > 1 or (addresses and len(forms) > 1):
        raise Unreadable
    about = {key: [asdict(field) for field in form_fields] for key, (_, form_fields, _) in forms.items()}
    state = json.dumps({"asked": about, "state": server_state})
    if len(state) > MOST_STATE:
        raise Unreadable
    message = "\n\n".join(message for message, _, _ in forms.values())
    return InputRequired(message, fields, state, "".join(addresses))


def form_of(key: str, request: Any) -> tuple[str, list[Field], str]:
    """Returns the message, the fields and the address of an elicitation; raises `Unreadable` for anything else."""
    match request:
        case {"method": "elicitation/create", "params": {"mode": "url", "url": str(address), "message": str(message)}}:
            is_page = len(address) <= MOST_ADDRESS and address.isprintable() and address.startswith(("https://", "http://"))
            if not is_page:
                raise Unreadable
            return text_of(message, MOST_MESSAGE), [], address
        case {"method": "elicitation/create", "params": {"message": str(message), "requestedSchema": dict(schema)} as params}:
            properties, required = schema.get("properties"), schema.get("required")
            if params.get("mode", "form") != "form" or not isinstance(properties, dict) or len(properties) > MOST_FIELDS:
                raise Unreadable
            needed = required if isinstance(required, list) else []
            fields = [_field(f"{key}.{name}", name, part, name in needed) for name, part in properties.items()]
            return text_of(message, MOST_MESSAGE), fields, ""
    raise Unreadable


def _field(path: str, name: str, schema: Any, is_required: bool) -> Field:
    if not isinstance(schema, dict) or len(path) > 2 * MOST_NAME or not path.isprintable():
        raise Unreadable
    title, description = line_of(schema.get("title")) or line_of(name), text_of(schema.get("description"), MOST_MESSAGE)
    field = Field(path, title, description, "text", is_required)
    items, choices = schema.get("items"), _choices(schema)
    match schema.get("type"):
        case "array" if isinstance(items, dict) and (choices := _choices(items)):
            field = replace(field, kind="choices", choices=choices, **_bounds(schema, "minItems", "maxItems"))
        case "string" if choices:
            field = replace(field, kind="choice", choices=choices)
        case "string":
            field = replace(field, format=line_of(schema.get("format"), 20), **_bounds(schema, "minLength", "maxLength"))
        case "number" | "integer" as kind:
            field = replace(field, kind=kind, **_bounds(schema, "minimum", "maximum"))
        case "boolean":
            field = replace(field, kind="switch")
        case _:
            raise Unreadable
    try:
        default = schema.get("default")
        return field if default is None else replace(field, default=checked(field, default))
    except BadAnswer:
        return field


def _choices(schema: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    values, titled = schema.get("enum"), schema.get("oneOf") or schema.get("anyOf")
    if isinstance(values, list):
        names = schema.get("enumNames")
        titles = names if isinstance(names, list) and len(names) == len(values) else values
        pairs = list(zip(values, titles, strict=True))
    elif isinstance(titled, list):
        pairs = [(part.get("const"), part.get("title", part.get("const"))) for part in titled if isinstance(part, dict)]
    else:
        return ()
    if len(pairs) > MOST_CHOICES or not all(isinstance(value, str) and len(value) <= MOST_ADDRESS for value, _ in pairs):
        raise Unreadable
    return tuple((value, line_of(title) or value) for value, title in pairs)


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> dict[str, Any]:
    limits = (("least", schema.get(least)), ("most", schema.get(most)))
    numbers = ((name, value) for name, value in limits if isinstance(value, int | float) and not isinstance(value, bool))
    return {name: value for name, value in numbers if abs(value) <= MOST_NUMBER}


def typed_answers(fields: Iterable[Field], typed: Mapping[str, Sequence[str]]) -> dict[str, Value]:
    """Returns the answers to a form by what was typed into it; raises `BadAnswer` with a sentence."""
    values: dict[str, Value] = {}
    for field in fields:
        texts = [text.strip() for text in typed.get(field.name, ()) if text.strip()]
        if field.kind == "switch":
            values[field.name] = bool(texts)
        elif field.kind == "choices" and (texts or field.is_required):
            values[field.name] = checked(field, texts)
        elif texts:
            values[field.name] = checked(field, _number(field, texts[0]) if field.kind in ("number", "integer") else texts[0])
        elif field.is_required:
            raise BadAnswer(f"“{field.title}” is missing.")
    return values


def _number(field: Field, text: str) -> Value:
    try:
        return int(text) if field.kind == "integer" else float(text.replace(",", "."))
    except ValueError:
        raise BadAnswer(f"“{field.title}” must be a number.") from None


def checked(field: Field, value: Any) -> Value:
    """Returns the value if it fits the field; raises `BadAnswer` with a sentence."""
    allowed = {choice for choice, _ in field.choices}
    match field.kind:
        case "switch" if isinstance(value, bool):
            return value
        case "choice" if isinstance(value, str) and value in allowed:
            return value
        case "choices" if isinstance(value, list) and all(isinstance(part, str) and part in allowed for part in value):
            return _sized(field, value, len(value), "choice")
        case "number" | "integer" if isinstance(value, int | float) and not isinstance(value, bool):
            if value != value or abs(value) > MOST_NUMBER or (field.kind == "integer" and value != int(value)):
                raise BadAnswer(f"“{field.title}” must be a {'whole ' if field.kind == 'integer' else ''}number.")
            return _sized(field, value, value, "")
        case "text" if isinstance(value, str) and len(value) <= MOST_ANSWER:
            return _sized(field, value, len(value), "character")
    raise BadAnswer(f"“{field.title}” doesn't fit.")


def _sized(field: Field, value: Value, size: float, unit: str) -> Value:
    for limit, is_outside, words in ((field.least, float.__lt__, "at least"), (field.most, float.__gt__, "at most")):
        if limit is not None and is_outside(float(size), float(limit)):
            bound = plural(int(limit), unit) if unit else f"{limit:g}"
            raise BadAnswer(f"“{field.title}” must be {words} {bound}.")
    return value


def form_during_call(params: Any, earlier: Mapping[str, Any]) -> InputRequired:
    """Returns what a server has asked during a call, as a form; it was told that there is no answer yet.

    When the call is sent again, the answer is given as soon as the same is asked. So are `earlier` ones.
    """
    message, fields, address = form_of("asked", {"method": "elicitation/create", "params": params})
    if address:
        raise Unreadable
    about = {"asked": [asdict(field) for field in fields]}
    state = json.dumps({"asked": about, "state": None, "digest": digest_of(params), "earlier": dict(earlier)})
    if len(state) > MOST_STATE:
        raise Unreadable
    return InputRequired(message, tuple(fields), state)


def page_required(data: Any) -> InputRequired:
    """Returns the page that a person has to visit before a call, by the error that says so."""
    pages = data.get("elicitations") if isinstance(data, dict) else None
    if not isinstance(pages, list) or not pages:
        raise Unreadable
    message, _, address = form_of("page", {"method": "elicitation/create", "params": pages[0]})
    if not address:
        raise Unreadable
    return InputRequired(message, (), json.dumps({"asked": {}, "state": None}), address)


def digest_of(params: Any) -> str:
    """Identifies what a server asks during a call."""
    asked = [params.get("message"), params.get("requestedSchema")] if isinstance(params, dict) else []
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Responses:
    """What a repeated call says of a person's answers: in its `params`, or `during` the call, by what the server asks."""

    params: Mapping[str, Any]
    during: Mapping[str, Any]


def responses_of(answers: Answers) -> Responses:
    """Returns the answers as a server takes them; raises `BadAnswer` if they don't fit what was asked."""
    try:
        record = json.loads(answers.state)
        asked = {key: [Field(**{**part, "choices": _pairs(part)}) for part in parts] for key, parts in record["asked"].items()}
        server_state, digest, earlier = record["state"], record.get("digest"), dict(record.get("earlier") or {})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise BadAnswer("What was asked can't be read.") from None
    responses = {key: _response(answers, key, fields) for key, fields in asked.items()}
    if digest:
        return Responses({}, {**earlier, digest: responses["asked"]})
    params = {"inputResponses": responses} if responses else {}
    return Responses(params | ({"requestState": server_state} if server_state is not None else {}), {})


def _pairs(part: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((value, title) for value, title in part["choices"])


def _response(answers: Answers, key: str, fields: Sequence[Field]) -> dict[str, Any]:
    if answers.action != "accept":
        return {"action": answers.action}
    given = [field for field in fields if field.name in answers.values]
    if missing := next((field for field in fields if field.is_required and field not in given), None):
        raise BadAnswer(f"“{missing.title}” is missing.")
    content = {field.name.removeprefix(f"{key}."): checked(field, answers.values[field.name]) for field in given}
    return {"action": "accept", **({"content": content} if fields else {})}


def asked_words(params: Any) -> str:
    """Returns what an elicitation asks, as one line for people and models."""
    message = params.get("message") if isinstance(params, dict) else None
    return line_of(message, 400) or "something that it doesn't say"
