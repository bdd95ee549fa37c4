"""The API's documentation: /openapi.json for programs and, generated from that, /api for people, with a row for each field."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from markupsafe import Markup

from webapp.api import openapi
from webapp.api.operations import JSON
from webapp.base.current import PerApp
from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.people.accounts.guards import anybody
from webapp.web.compression import either, gzipped
from webapp.web.htmx import render

METHODS = ("get", "post", "put", "patch", "delete")
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field: of a URL, a header, a body, a response or an event."""

    name: str
    kind: str
    words: str = ""
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class FieldTable:
    """A table of fields; `note` states where they are sent or when they occur."""

    title: str
    note: str
    lines: tuple[FieldRow, ...]


@dataclass(frozen=True, slots=True)
class OperationEntry:
    id: str
    method: str
    path: str
    summary: str
    scope: str
    takes: tuple[FieldRow, ...]
    blocks: tuple[FieldTable, ...]
    refusals: tuple[str, ...]


def sections(document: Json) -> dict[str, list[OperationEntry]]:
    """Returns the operations by tag, in the order of the document. Holds no database connection while others run."""
    entries_by_tag: dict[str, list[OperationEntry]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in by_turns(document["paths"].items()):
        for method in METHODS:
            if operation := methods.get(method):
                entries_by_tag[operation["tags"][0]].append(_entry(document, path, method, operation))
    return entries_by_tag


def _entry(document: Json, path: str, method: str, operation: Json) -> OperationEntry:
    statuses = operation["responses"]
    return OperationEntry(
        operation["operationId"],
        method.upper(),
        path,
        operation["summary"],
        operation.get("x-scope", ""),
        tuple(map(_parameter, operation["parameters"])),
        tuple(_blocks(document, operation)),
        tuple(f"{status} {answer['description']}" for status, answer in statuses.items() if status >= "400"),
    )


def _parameter(parameter: Json) -> FieldRow:
    words = ". ".join(filter(None, (parameter["in"], parameter.get("description", ""))))
    return FieldRow(parameter["name"], _kind(parameter["schema"]), words, parameter["required"])


def _blocks(document: Json, operation: Json) -> Iterator[FieldTable]:
    if body := operation.get("requestBody"):
        yield from (_block(document, "Body", kind, content["schema"]) for kind, content in body["content"].items())
    for status, answer in operation["responses"].items():
        if status < "400":
            yield from _answer(document, f"{status}: {answer['description']}", answer.get("content", {}))


def _answer(document: Json, title: str, contents: Json) -> Iterator[FieldTable]:
    if not contents:
        yield FieldTable(title, "", ())
    for kind, content in contents.items():
        yield _block(document, title, kind, content["schema"])
        if events := content.get("x-events"):
            yield FieldTable("Events", events["order"], ())
            for name, schema in events["data"].items():
                yield _block(document, name, "", schema)


def _block(document: Json, title: str, note: str, schema: Json) -> FieldTable:
    schema = _resolved(document, schema)
    required = schema.get("required", ())
    fields = schema.get("properties", {}).items()
    lines = (FieldRow(name, _kind(field), field.get("description", ""), name in required) for name, field in fields)
    return FieldTable(title, ". ".join(filter(None, (note, schema.get("description", "")))), tuple(lines))


def _resolved(document: Json, schema: Json) -> Json:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def _kind(schema: Json) -> str:
    """Describes the type of a value in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_kind(choice) for choice in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("const") or schema.get("type", "anything"))


def _written(value: Any, depth: int) -> Iterator[str]:
    """Yields a value as JSON, in a piece for each value of the objects that are so deep in it."""
    if not (depth and value and isinstance(value, dict)):
        yield json.dumps(value, separators=(",", ":"))
        return
    for number, (key, part) in enumerate(value.items()):
        yield f"{',' if number else '{'}{json.dumps(key)}:"
        yield from _written(part, depth - 1)
    yield "}"


# The first request makes the document, and all others wait for it.
_making = Lock()
DOCUMENT = PerApp[dict[str, Any]](dict)
COMPRESSED = PerApp[dict[str, bytes]](dict)
bp = Blueprint("api_pages", __name__)


@bp.get("/openapi.json")
@anybody
def document() -> Response:
    """Returns the document, which is written and compressed once: it is the same for every caller."""
    cached = COMPRESSED.get()
    if not cached:
        # In one piece it would block all others for a tenth of a second.
        plain = "".join(by_turns(_written(_document(current_app), depth=3))).encode()
        cached.update({"": plain, "gzip": gzipped(plain)})
    response = either(cached[""], cached["gzip"], mimetype=JSON)
    response.add_etag()
    response.make_conditional(request)
    return response


@bp.get("/api")
@anybody
def read() -> Response:
    document = _document(current_app)
    template = current_app.jinja_env.get_template("api/_reference.html")
    # In one piece it would block all others for a tenth of a second.
    db.session.rollback()
    pieces = by_turns(template.generate(about=document["info"]["description"], sections=sections(document)))
    return render("api/reference.html", reference=Markup("".join(pieces)))


def _document(app: Flask) -> dict[str, Any]:
    document = DOCUMENT.of(app)
    with _making:
        if not document:
            document.update(openapi.document(app))
    return document
