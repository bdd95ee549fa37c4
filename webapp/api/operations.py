"""Operations: views that declare their input and output, for validating requests and generating the OpenAPI document."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import Blueprint, Response, request
from pydantic import BaseModel, TypeAdapter, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.wsgi import ClosingIterator

from webapp.api.access import end_user, identified, scoped, stream_limits
from webapp.api.problems import EVENTS_PATH, InvalidFields, refusal, stream_url
from webapp.base.db import db
from webapp.base.errors import AppError, Busy, Forbidden, Invalid, NotFound
from webapp.base.heavy.turns import queue_for_turn
from webapp.chat.record.leader import LedByFeature
from webapp.engine.watching.watcher_loop import delivering
from webapp.models.upstream.bounded_json import exceeds
from webapp.people.accounts.guards import anybody

MOST_BYTES = 1_000_000
# How much longer JSON can be than its text in UTF-8 if each character is escaped, as many clients do: twelve bytes for four.
ESCAPED = 3
# To validate this many wrong values takes a twentieth of a second.
MOST_PARTS = 30_000
SHORT_BYTES = 16_384
# As long as in other APIs; the key itself is not stored.
MOST_KEY_CHARS, VISIBLE = 255, re.compile(r"[ -~]*")
STREAM_HEADERS = {"X-Stream-Id": "The generation."}
JSON = "application/json"
# Set in the WSGI environment of a request whose response streams the answer that it starts.
DELIVERS = "millrace.delivers"
ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)
Names = dict[str, Any]
P = ParamSpec("P")
V = TypeVar("V", bound=Callable[..., Any])
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route takes and returns; as a decorator it guards the view, parses `body` and `query`, and serialises the result.

    A view returns a model of the type `answer`, None for 204, or a finished response.

    An empty scope makes it public; a caller with the scope `also` is allowed too. `stream` names the grammar of its events:
    with an `answer` as well, clients choose by `Accept: text/event-stream`. `media` is the content type of the response. With
    `upload` the body is a file, not JSON; with `upload_field` it is a form with files in that field, beside those of `form`, or,
    if there is also a `body` or `upload`, one of the two, which the view reads. `by_hand` is the sentence that refuses tokens if
    only a signed-in person may do this. `takes_key` means that the view uses `idempotency_key()`. `ticket` returns the chat for
    which a ticket in the URL must be issued. `stream_path` is where a client can read the answer that keeps a chat busy.
    `named` maps the fields that services name in a refusal to the names that clients use; "" for a field that no client sends.
    """

    summary: str = field(kw_only=False)
    scope: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    errors: tuple[int, ...] = ()
    stream: str = ""
    also: str = ""
    visitors: bool = False
    by_hand: str = ""
    ticket: Callable[[Names], str] | None = None
    takes_key: bool = False
    # The headers of a stream, with their descriptions.
    headers: Mapping[str, str] = field(default_factory=lambda: STREAM_HEADERS)
    tag: str = ""
    media: str = ""
    upload: bool = False
    upload_field: str = ""
    form: type[BaseModel] | None = None
    most_bytes: int = MOST_BYTES
    named: Mapping[str, str] = field(default_factory=dict)
    stream_path: str = EVENTS_PATH
    # Further responses, by status: (description, model or None).
    others: tuple[tuple[int, str, type[BaseModel] | None], ...] = ()

    @property
    def starts(self) -> bool:
        """Whether it can start an answer, so that rate limits or an answer in progress can refuse it."""
        return 409 in self.errors and 429 in self.errors

    def __call__(self, view: Callable[P, BaseModel | Response | None]) -> Callable[P, Response]:
        @wraps(view)
        def answered(*args: P.args, **kwargs: P.kwargs) -> Response:
            if self.by_hand and not identified().has_cookie:
                raise Forbidden(self.by_hand)
            try:
                _refuse_nul(kwargs)
                taken = _taken(self)
                kwargs.update(taken)
                if _delivers(self, taken):
                    return delivered(lambda: _response(self, view(*args, **kwargs)))
                return _response(self, view(*args, **kwargs))
            except Busy as busy:
                busy.stream_url = stream_url(busy.generation, self.stream_path)
                raise
            except LedByFeature as led:
                led.message += f" Programs send the answer to POST {led.answer_url}."
                raise
            except AppError as refused:
                refused.field = self.named.get(refused.field, refused.field)
                raise

        guard = scoped(self.scope, also=self.also, visitors=self.visitors, ticket=self.ticket) if self.scope else anybody
        guarded = guard(answered)
        guarded.operation = self  # type: ignore[attr-defined]
        return guarded


# As it is written above a view.
operation = Operation
# The statuses, besides its own, with which an operation that starts an answer can be refused.
STARTS = (409, 422, 429, 503)


def operation_of(view: object) -> Operation | None:
    """Returns the operation that a view declares; None if it is not part of the API."""
    return getattr(view, "operation", None)


def both(blueprint: Blueprint, rule: str, *, methods: tuple[str, ...] = ("GET",)) -> Callable[[V], V]:
    """Serves the view at the given path and, unless the path has that prefix, below `/api` too."""

    def around(view: V) -> V:
        for path in dict.fromkeys((rule, rule if rule.startswith("/api/") else f"/api{rule}")):
            blueprint.add_url_rule(path, view.__name__, view, methods=list(methods))
        return view

    return around


def wants_stream() -> bool:
    """Returns whether the client accepts an event stream."""
    return any(kind.lower() == "text/event-stream" and quality for kind, quality in request.accept_mimetypes)


def idempotency_key() -> str:
    """Returns the client's idempotency key: a request that repeats both key and text gets the first result.

    Of the people behind a gateway, none gets the result of another, whatever keys they choose.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MOST_KEY_CHARS or not VISIBLE.fullmatch(key):
        raise InvalidFields(
            {"Idempotency-Key": f"Use at most {MOST_KEY_CHARS} letters, digits and other visible ASCII characters."}
        )
    behind = end_user() if key else ""
    return f"{behind}\n{key}" if behind else key


def _delivers(operation: Operation, taken: Mapping[str, BaseModel]) -> bool:
    """Returns whether the response is a stream of the answer that this very request starts."""
    if not operation.stream or request.method != "POST":
        return False
    return not operation.answer or wants_stream() or bool(getattr(taken.get("body"), "stream", False))


def delivered(respond: Callable[[], Response]) -> Response:
    """Returns a stream that is counted until it is closed; it is refused before the answer begins if there are too many."""
    request.environ[DELIVERS] = True
    with ExitStack() as stack:
        stack.enter_context(delivering(stream_limits()))
        response = respond()
        if response.is_streamed:
            # Not `call_on_close`, which a response that is passed through doesn't call.
            response.response = ClosingIterator(cast(Iterable[bytes], response.response), stack.pop_all().close)
        return response
    raise AssertionError("an ExitStack of ours swallows nothing")


def _refuse_nul(names: Mapping[str, object]) -> None:
    """Raises if the path contains a NUL: none of our names does, and PostgreSQL rejects a query with one."""
    if any("\0" in str(name) for name in names.values()):
        raise NotFound("Page not found, or you don't have access.")


def _taken(operation: Operation) -> dict[str, BaseModel]:
    taken: dict[str, BaseModel] = {}
    is_json = operation.body and not operation.upload_field
    if operation.most_bytes:
        request.max_content_length = operation.most_bytes * (ESCAPED if is_json else 1)
    if operation.query:
        named = request.args.to_dict()
        taken["query"] = _checked(partial(operation.query.model_validate, named), lambda: named)
    if operation.body and is_json:
        _refuse_too_large(request.get_data(), operation.most_bytes)
        taken["body"] = _body(operation.body)
    return taken


def _refuse_too_large(raw: bytes, most_bytes: int) -> None:
    """Raises if the body has too many bytes, where each escape of six counts as the two that most take in UTF-8."""
    if len(raw) > most_bytes and len(raw) - 4 * raw.count(rb"\u") > most_bytes:
        raise RequestEntityTooLarge


def taken_body(model: type[M]) -> M:
    """Parses the body as this model, for a view that also takes files."""
    taken = _body(model)
    assert isinstance(taken, model)
    return taken


def taken_form(model: type[M]) -> M:
    """Parses the fields of a form beside its files, for a view that has limited their size."""
    fields = request.form.to_dict()
    taken = _checked(partial(model.model_validate, fields), lambda: fields)
    assert isinstance(taken, model)
    return taken


def _body(model: type[BaseModel]) -> BaseModel:
    raw = request.get_data()
    if raw and not request.is_json:
        raise UnsupportedMediaType("Send JSON with Content-Type: application/json.")
    # To list the errors of a million wrong values would block all other requests.
    if len(raw) > MOST_PARTS and exceeds(raw.decode("utf-8", "replace"), MOST_PARTS):
        raise Invalid(f"The body has more than {MOST_PARTS:,} values.")
    if len(raw) > SHORT_BYTES:
        # Large bodies are validated one per turn of the event loop; a request that waits for its turn holds no database
        # connection.
        db.session.rollback()
        queue_for_turn()
    content = raw or b"{}"
    return _checked(partial(model.model_validate_json, content), partial(ANYTHING.validate_json, content))


def _checked(validate: Callable[[], BaseModel], sent: Callable[[], Any]) -> BaseModel:
    try:
        return validate()
    except ValidationError as error:
        raise refusal(error, sent) from error


def _response(operation: Operation, example: BaseModel | Response | None) -> Response:
    if isinstance(example, Response):
        return example
    if example is None:
        return Response(status=204)
    return answered_with(example, operation.status)


def answered_with(model: BaseModel, status: int = 200) -> Response:
    """Returns a model as a JSON response, with its fields under their aliases."""
    return Response(model.model_dump_json(by_alias=True), status, mimetype=JSON)
