"""The OpenAPI 3.1 document of the API, generated from the routes' operations alone."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from webapp.api.access import END_USER, MOST_END_USER
from webapp.api.operations import JSON, MOST_KEY_CHARS, Operation, operation_of
from webapp.api.problems import Problem
from webapp.api.responses import BYTES, Mode, Refs, models_of, responses
from webapp.base.heavy.threads import offload
from webapp.base.heavy.turns import by_turns
from webapp.base.untrusted_json import JsonObject
from webapp.base.version import VERSION
from webapp.web.routes import import_all

ABOUT = (
    "Everything the web pages can do, for programs. Authenticate with a token in `Authorization: Bearer`, which you create under "
    "*Settings → API tokens*, or with a browser cookie: requests other than GET then need `Sec-Fetch-Site: same-origin`, as "
    "browsers send it, or the `Origin` of this server. Errors are "
    "problem+json, with a sentence in `detail` and a machine-readable `code`. Requests that send or edit a message, start "
    "a workflow or start a plan may include an `Idempotency-Key`. A request line of more than 8,190 bytes is refused before any "
    "of this, with 414, a short HTML page and the end of the connection."
)
KEY = "Repeating it returns the first result; with another text, chat or plan it is a new request. Visible ASCII characters."
SIGNED_IN = "Session cookie of a signed-in browser. If `PUBLIC_URL` is https, its name is `__Host-millrace`."
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API token."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "millrace", "description": SIGNED_IN},
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "Ticket from a stream URL; grants read access to that chat.",
    },
}
NATIVE = "/api/v1/"
FILE, FORM = "application/octet-stream", "multipart/form-data"
IMPLIED = {"HEAD", "OPTIONS"}


class DocumentedRoute(NamedTuple):
    """One method of one path; `number` counts the paths that share a view, from 1."""

    rule: Rule
    method: str
    operation: Operation
    number: int

    @property
    def path(self) -> str:
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(self.rule.rule))

    @property
    def tag(self) -> str:
        return self.operation.tag or str(self.rule.endpoint).rpartition(".")[0].removeprefix("api_").replace("_", " ")

    @property
    def id(self) -> str:
        name = str(self.rule.endpoint).replace(".", "_")
        several = len((self.rule.methods or set()) - IMPLIED) > 1
        return name + (f"_{self.method.lower()}" if several else "") + (f"_{self.number}" if self.number > 1 else "")


def routes(app: Flask) -> Iterator[DocumentedRoute]:
    """Yields every operation at every path, in the order of the paths."""
    for _ in by_turns(import_all(app)):
        pass
    seen: Counter[tuple[str, str]] = Counter()
    for rule in sorted(app.url_map.iter_rules(), key=_order):
        if operation := operation_of(app.view_functions[rule.endpoint]):
            for method in sorted((rule.methods or set()) - IMPLIED):
                seen[rule.endpoint, method] += 1
                yield DocumentedRoute(rule, method, operation, seen[rule.endpoint, method])


def _order(rule: Rule) -> tuple[bool, str, bool]:
    """Sorts native paths first, then each path before its duplicate below `/api`."""
    return not rule.rule.startswith(NATIVE), rule.rule.removeprefix("/api"), rule.rule.startswith("/api/")


def document(app: Flask) -> JsonObject:
    """Returns the whole OpenAPI document."""
    all_routes = list(routes(app))
    model_pairs = dict.fromkeys(pair for route in all_routes for pair in models_of(route.operation).items())
    for model, _ in by_turns(model_pairs):
        # Completes what it refers to. Not in the thread: it takes a lock of `threading`.
        model.model_rebuild()
    # Imports what pydantic needs for that, which takes a lock, too.
    Problem.model_json_schema()
    # Runs in a thread: it would block the event loop for a tenth of a second. It happens once.
    refs, schemas = offload(_schemas, list(model_pairs))
    paths: JsonObject = {}
    for route in all_routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Millrace", "version": VERSION, "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(route.tag for route in all_routes)],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": SCHEMES},
    }


def _schemas(model_pairs: list[tuple[type[BaseModel], Mode]]) -> tuple[Refs, JsonObject]:
    refs, whole = models_json_schema(model_pairs, ref_template="#/components/schemas/{model}")
    return {pair: refs[pair] for pair in model_pairs}, whole.get("$defs", {})


def _operation(route: DocumentedRoute, refs: Refs) -> JsonObject:
    operation = route.operation
    operation_object: JsonObject = {
        "operationId": route.id,
        "summary": operation.summary,
        "tags": [route.tag],
        "parameters": _parameters(route),
        "responses": responses(operation, has_names=bool(route.rule.arguments), refs=refs),
        "security": _security(route),
    }
    if operation.scope:
        operation_object["x-scope"] = operation.scope
    if body := _body(operation, refs):
        operation_object["requestBody"] = body
    return operation_object


def _body(operation: Operation, refs: Refs) -> JsonObject | None:
    content: JsonObject = {FILE: {"schema": BYTES}} if operation.upload else {}
    if name := operation.upload_field:
        fields = operation.form.model_json_schema()["properties"] if operation.form else {}
        files = {name: {"type": "array", "items": BYTES}}
        content[FORM] = {"schema": {"type": "object", "required": [name], "properties": files | fields}}
    if operation.body:
        content[JSON] = {"schema": refs[operation.body, "validation"]}
    of_body = operation.body.model_fields.values() if operation.body else ()
    is_required = bool(operation.upload or operation.upload_field) or any(field.is_required() for field in of_body)
    return {"required": is_required, "content": content} if content else None


def _parameters(route: DocumentedRoute) -> list[JsonObject]:
    names = sorted(route.rule.arguments, key=route.rule.rule.index)
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names]
    if route.operation.query:
        for name, schema in route.operation.query.model_json_schema()["properties"].items():
            about = {"description": schema.pop("description")} if "description" in schema else {}
            parameters.append({"name": name, "in": "query", "required": False, "schema": schema, **about})
    if route.operation.takes_key:
        parameters.append(_header("Idempotency-Key", KEY, MOST_KEY_CHARS))
    if route.operation.starts:
        parameters.append(_header(END_USER, "From a gateway: who asks; limits then count for each of them.", MOST_END_USER))
    if route.operation.stream and route.method == "GET":
        parameters.append(_header("Last-Event-ID", "The `id:` of the last event received; the stream resumes after it."))
    return parameters


def _header(name: str, sentence: str, most: int = 0) -> JsonObject:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": sentence,
        "schema": {"type": "string", **({"maxLength": most} if most else {})},
    }


def _security(route: DocumentedRoute) -> list[dict[str, list[str]]]:
    if not route.operation.scope:
        return []
    cookie: dict[str, list[str]] = {"cookie": []}
    ticket: list[dict[str, list[str]]] = [{"ticket": []}] if route.operation.ticket else []
    nobody: list[dict[str, list[str]]] = [{}] if route.operation.visitors else []
    token: list[dict[str, list[str]]] = [] if route.operation.by_hand else [{"bearer": []}]
    return [*token, cookie, *ticket, *nobody]
