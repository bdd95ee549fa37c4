"""Error responses for programs: every one has the same problem+json body."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import BadRequest

from webapp.api.access import ticket_for
from webapp.base import topic_names
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.engine.tables import Generation

EVENTS_PATH = "/api/v1/generations/{generation}/events"
WORDS = {
    "missing": "This field is required.",
    "extra_forbidden": "Unknown field.",
    "string_type": "This must be text.",
    "bool_type": "This must be true or false.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
}
# More errors than anyone fixes by hand are not listed one by one: a body can have a hundred thousand.
MOST_FAULTS = 100


class Problem(BaseModel):
    """Why a request was refused, as a sentence for people (`detail`, repeated as `error`) and a code for programs (`code`)."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    error: str
    code: str
    fields: dict[str, str] | None = Field(None, description="With 422: a sentence for each invalid field.")
    streamId: str | None = Field(None, description="With 409 generation_in_progress: the answer in progress.")
    streamUrl: str | None = Field(None, description="With 409 generation_in_progress: where that answer can be read.")
    answerUrl: str | None = Field(None, description="With 409 led: where an answer to the workflow's question can be sent.")
    error_id: str | None = Field(None, description="With 500: the id to look for in the log.")


class InvalidFields(Invalid):
    """A body or a query string with several invalid fields."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("Something is missing or wrong: " + ", ".join(sorted(fields)) + ".")
        self.fields = dict(fields)

    def details(self) -> dict[str, Any]:
        return {"fields": self.fields}


def refusal(error: ValidationError, sent: Callable[[], Any]) -> Exception:
    """Returns the error for an invalid request: 400 if it is not JSON, else 422 with a sentence for each field.

    `sent` returns the data that was validated.
    """
    if error.error_count() > MOST_FAULTS:
        return Invalid(f"{error.error_count()} things are missing or wrong.")
    details = error.errors(include_url=False, include_context=False, include_input=False)
    if any(detail["type"] == "json_invalid" for detail in details):
        return BadRequest("That isn't valid JSON.")
    whole, sentences = sent(), dict[str, list[str]]()
    for detail in details:
        named = _name(detail["loc"], whole, is_missing=detail["type"] == "missing")
        sentence = WORDS.get(detail["type"]) or f"{detail['msg'].removeprefix('Value error, ').rstrip('.')}."
        sentences.setdefault(named, []).append(sentence)
    return InvalidFields({name: _either(sentence) for name, sentence in sentences.items()})


def stream_url(generation_id: str, path: str = EVENTS_PATH) -> str:
    """Returns the URL of an answer's stream, with a ticket in place of a header.

    `path` can contain {generation}, {chat} and {plan}.
    """
    generation = db.session.get(Generation, generation_id)
    lane = generation.lane if generation else ""
    chat_id, plan_id = topic_names.chat_in(lane), topic_names.plan_in(lane)
    ticket = ticket_for(chat_id or lane)
    url = path.format(generation=generation_id, chat=chat_id, plan=plan_id)
    return f"{url}{'&' if '?' in url else '?'}ticket={ticket}" if ticket else url


def _name(path: tuple[int | str, ...], sent: Any, *, is_missing: bool) -> str:
    """Returns the field's path as it was sent: for a union, pydantic's location also names the member it tried."""
    parts = list(path[:1])
    within: Any = sent.get(path[0]) if path and isinstance(sent, dict) else None
    for part in path[1:]:
        match within:
            case dict() if part in within:
                within = within[part]
            case list() if isinstance(part, int):
                within = within[part]
            case _:
                continue
        parts.append(part)
    return ".".join(map(str, [*parts, *path[1:][-1:]] if is_missing else parts)) or "body"


def _either(sentences: list[str]) -> str:
    """Joins the errors of a union's members into one sentence."""
    first, *others = dict.fromkeys(sentence.removesuffix(".") for sentence in sentences)
    return ", or ".join([first, *(way[:1].lower() + way[1:] for way in others)]) + "."
