"""What servers ask people, as MCP words it: read as questions within bounds, and answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from webapp.base.untrusted_json import JsonObject
from webapp.base.visible_text import line_of
from webapp.tools.mcp.listing import text_of
from webapp.tools.mcp.results import MOST_ADDRESS, MOST_NAME, Unreadable
from webapp.tools.questions import MOST_ASKED_CHARS, MOST_CHOICES, MOST_FIELDS, AskedField, BadAnswer, ServerQuestion, checked

MOST_MESSAGE, MOST_DESCRIPTION, MOST_CHOICE, MOST_NUMBER = 2_000, 300, 200, 1e15


@dataclass(frozen=True, slots=True)
class Responses:
    """What a call says of a person's answers: in its `params`, or `during` the call, by what the server asks."""

    params: Mapping[str, Any]
    during: Mapping[str, Any]


def input_required(result: Mapping[str, Any]) -> ServerQuestion | None:
    """Returns what a server needs to know, or None if it only wants to be called again; raises `Unreadable`.

    Only forms and addresses have been offered to it: anything else that it requires can't be given.
    """
    requests, server_state = result.get("inputRequests") or {}, result.get("requestState")
    if not isinstance(requests, dict) or not (server_state is None or isinstance(server_state, str)):
        raise Unreadable
    if len(requests) > MOST_FIELDS or (not requests and server_state is None):
        raise Unreadable
    if not requests:
        return None
    if len(requests) == 1:
        questions = {key: _question(request) for key, request in requests.items()}
    else:
        questions = {key: _question(request, f"{key}.") for key, request in requests.items()}
    fields = [field for question in questions.values() for field in question.fields]
    addresses = [question.address for question in questions.values() if question.address]
    are_alike = len({field.name for field in fields}) < len(fields)
    if are_alike or len(fields) > MOST_FIELDS or (addresses and len(questions) > 1):
        raise Unreadable
    keys = {key: [field.name for field in question.fields] for key, question in questions.items()}
    message = "\n\n".join(question.message for question in questions.values())
    return _bounded(ServerQuestion(message, tuple(fields), "".join(addresses), {"keys": keys, "server": server_state}))


def question_during_call(params: Any) -> ServerQuestion:
    """Returns what a server asks during a call; raises `Unreadable`.

    If the call is sent again, the answer is given as soon as the same is asked.
    """
    question = _bounded(_question({"method": "elicitation/create", "params": params}))
    return replace(question, state={"digest": sha256(json.dumps(question.record).encode()).hexdigest()})


def asked_again(question: ServerQuestion, earlier: Mapping[str, Any]) -> ServerQuestion:
    """Returns a question of a call that has ended: it waits for the next one, in which `earlier` answers are given again."""
    return _bounded(replace(question, is_again=True, state={**question.state, "earlier": dict(earlier)}))


def page_required(data: Any) -> ServerQuestion:
    """Returns the page that a person has to visit before a call, by the error that says so."""
    pages = data.get("elicitations") if isinstance(data, dict) else None
    if not isinstance(pages, list) or not pages:
        raise Unreadable
    question = _question({"method": "elicitation/create", "params": pages[0]})
    if not question.address:
        raise Unreadable
    return question


def responses_of(question: ServerQuestion) -> Responses:
    """Returns the answers to a question as the server takes them when the call is sent again."""
    state = question.state
    if digest := state.get("digest"):
        return Responses({}, {**state.get("earlier", {}), digest: response_of(question)})
    responses = {
        key: response_of(question, {name: name.removeprefix(f"{key}.") if len(state["keys"]) > 1 else name for name in names})
        for key, names in state.get("keys", {}).items()
    }
    params = {"inputResponses": responses} if responses else {}
    return Responses(params | ({"requestState": state["server"]} if state.get("server") is not None else {}), {})


def response_of(question: ServerQuestion, names: Mapping[str, str] | None = None) -> JsonObject:
    """Returns the answers as one response; `names` are those of the server's fields, by ours."""
    if question.action != "accept":
        return {"action": question.action}
    if question.address:
        return {"action": "accept"}
    names = {name: name for name in question.values} if names is None else names
    return {"action": "accept", "content": {names[name]: value for name, value in question.values.items() if name in names}}


def digest_of(params: Any) -> str:
    """Identifies what a server asks during a call; empty for what can't be answered."""
    try:
        return str(question_during_call(params).state["digest"])
    except Unreadable:
        return ""


def asked_words(params: Any) -> str:
    """Returns what an elicitation asks, as one line for people and models."""
    message = params.get("message") if isinstance(params, dict) else None
    return line_of(message, 400) or "something that it doesn't say"


def _bounded(question: ServerQuestion) -> ServerQuestion:
    if len(json.dumps(question.record)) > MOST_ASKED_CHARS:
        raise Unreadable
    return question


def _question(request: Any, prefix: str = "") -> ServerQuestion:
    match request:
        case {"method": "elicitation/create", "params": {"mode": "url", "url": str(address), "message": str(message)}}:
            _check_address(address)
            return ServerQuestion(text_of(message, MOST_MESSAGE), address=address)
        case {"method": "elicitation/create", "params": {"message": str(message), "requestedSchema": dict(schema)} as params}:
            properties, required = schema.get("properties"), schema.get("required")
            if params.get("mode", "form") != "form" or not isinstance(properties, dict) or len(properties) > MOST_FIELDS:
                raise Unreadable
            needed = required[:MOST_FIELDS] if isinstance(required, list) else []
            fields = (_field(prefix, name, part, name in needed) for name, part in properties.items())
            return ServerQuestion(text_of(message, MOST_MESSAGE), tuple(fields))
    raise Unreadable


def _check_address(address: str) -> None:
    """Refuses what is no address of a page, or could be taken for another one than it is."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").encode("idna")
    except ValueError:
        raise Unreadable from None
    is_plain = len(address) <= MOST_ADDRESS and address.isprintable() and not {" ", "\\"} & {*address}
    if not (is_plain and parts.scheme in ("https", "http") and host) or "@" in parts.netloc:
        raise Unreadable


def _field(prefix: str, name: str, schema: Any, is_required: bool) -> AskedField:
    path = f"{prefix}{name}"
    if not isinstance(schema, dict) or len(path) > 2 * MOST_NAME or not path.isprintable():
        raise Unreadable
    title, description = line_of(schema.get("title"), MOST_NAME), text_of(schema.get("description"), MOST_DESCRIPTION)
    field = AskedField(path, title or line_of(name, MOST_NAME), description, "text", is_required)
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
    if any(isinstance(given, list) and len(given) > MOST_CHOICES for given in (values, titled)):
        raise Unreadable
    if isinstance(values, list):
        names = schema.get("enumNames")
        titles = names if isinstance(names, list) and len(names) == len(values) else values
        pairs = list(zip(values, titles, strict=True))
    elif isinstance(titled, list):
        pairs = [(part.get("const"), part.get("title", part.get("const"))) for part in titled if isinstance(part, dict)]
    else:
        return ()
    if not all(isinstance(value, str) and 0 < len(value) <= MOST_CHOICE for value, _ in pairs):
        raise Unreadable
    return tuple((value, line_of(title, MOST_CHOICE) or value) for value, title in pairs)


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> JsonObject:
    limits = {"least": schema.get(least), "most": schema.get(most)}
    numbers = {name: value for name, value in limits.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    # No float is as large as some numbers of JSON.
    return {name: value for name, value in numbers.items() if abs(value) <= MOST_NUMBER}
