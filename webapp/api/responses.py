"""The responses of an operation, as the OpenAPI document describes them."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from webapp.api.operations import JSON, Operation
from webapp.api.problems import Problem
from webapp.api.schemas import GRAMMARS, Grammar
from webapp.base.untrusted_json import JsonObject
from webapp.web.errors import TITLES

PROBLEM = "application/problem+json"
EVENT_STREAM = "text/event-stream"
DONE = {200: "Done.", 201: "Created.", 202: "Started.", 204: "Done; no content."}
# Of any kind, JSON too.
ANY = "*/*"
BYTES = {"type": "string", "format": "binary"}
LIMITED = {
    "RateLimit": {
        "description": "How many answers you can start now, and the seconds until the full limit is available.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {"description": "The limit: answers per number of seconds.", "schema": {"type": "string"}},
}
Mode = Literal["validation", "serialization"]
Refs = Mapping[tuple[type[BaseModel], Mode], Mapping[str, Any]]


def models_of(operation: Operation) -> dict[type[BaseModel], Mode]:
    """Returns every model an operation uses, and whether it is read (`validation`) or written (`serialization`)."""
    grammar = GRAMMARS.get(operation.stream)
    written = [operation.answer, *(other[2] for other in operation.others), *(grammar.events.values() if grammar else ())]
    read: dict[type[BaseModel], Mode] = {operation.body: "validation"} if operation.body else {}
    return {**read, **{model: "serialization" for model in [*written, Problem] if model}}


def responses(operation: Operation, *, has_names: bool, refs: Refs) -> JsonObject:
    """Returns an operation's responses by status: success first, then errors."""
    responses_object: JsonObject = {}
    if operation.answer or operation.media or not operation.stream:
        responses_object[str(operation.status)] = _done(operation, refs)
    if operation.stream:
        described = responses_object.setdefault("200", {"description": DONE[200], "content": {}})
        described["content"][EVENT_STREAM] = events(GRAMMARS[operation.stream], refs)
        sent = {name: {"description": about, "schema": {"type": "string"}} for name, about in operation.headers.items()}
        described |= {"headers": sent} if sent else {}
    problem = {"content": {PROBLEM: {"schema": refs[Problem, "serialization"]}}}
    for status, sentence, model in operation.others:
        content = {"content": {JSON: {"schema": refs[model, "serialization"]}}} if model else problem if status >= 400 else {}
        responses_object.setdefault(str(status), {"description": sentence, **content})
    for status in refusals(operation, has_names=has_names):
        responses_object.setdefault(str(status), {"description": f"{TITLES.get(status, 'Refused')}.", **problem})
    return dict(sorted(responses_object.items()))


def refusals(operation: Operation, *, has_names: bool) -> list[int]:
    """Returns the statuses with which an operation can be refused."""
    has_file = operation.upload or operation.upload_field
    reading = {400, 413, 415, 422} if operation.body else {413, 422} if has_file else {422} if operation.query else set()
    # A form that can't be taken apart.
    reading |= {400} if operation.upload_field else set()
    # 422 is for a name in X-End-User that can't be used; 429 is for an address with too many connections.
    calling = {401, 403, 422} if operation.scope else set()
    limited = {402} if operation.starts else set()
    return sorted({*operation.errors, *limited, *reading, *calling, *({404} if has_names else ()), 429, 503})


def events(grammar: Grammar, refs: Refs) -> JsonObject:
    """Describes a stream of server-sent events: the schema of one event and, next to it, the grammar of all."""
    kinds = [
        _event(name if grammar.is_named else "message", refs[model, "serialization"]) for name, model in grammar.events.items()
    ]
    kinds += [{"type": "object", "properties": {"data": {"const": text}}, "required": ["data"]} for text in grammar.texts]
    event_schemas = {name: refs[model, "serialization"] for name, model in grammar.events.items()}
    order = {"order": grammar.order, "named-by": "event" if grammar.is_named else "data.type", "end": grammar.end}
    return {"schema": {"description": grammar.sentence, "anyOf": kinds}, "x-events": {**order, "data": event_schemas}}


def _event(name: str, data: Mapping[str, Any]) -> JsonObject:
    """Describes an event as stream parsers return it: its name, its position, and its data as text."""
    text = {"type": "string", "contentMediaType": JSON, "contentSchema": data}
    fields = {"event": {"const": name}, "id": {"type": "string"}, "data": text}
    return {"type": "object", "properties": fields, "required": ["data"]}


def _done(operation: Operation, refs: Refs) -> JsonObject:
    response: JsonObject = {"description": DONE.get(operation.status, "Done."), "content": {}}
    if operation.media:
        response["content"][operation.media] = {"schema": {} if operation.media in (JSON, ANY) else BYTES}
    if operation.answer:
        response["content"][JSON] = {"schema": refs[operation.answer, "serialization"]}
    if not response["content"]:
        del response["content"]
    if 429 in operation.errors:
        response["headers"] = LIMITED
    return response
