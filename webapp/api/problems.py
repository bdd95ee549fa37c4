"""Errors for programs: one body for all of them, as problem+json."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import BadRequest

from webapp.api.access import ticket_for
from webapp.db import db
from webapp.engine.tables import Generation
from webapp.errors import Invalid

EVENTS_PATH = "/api/v1/generations/{generation}/events"
WORDS = {
    "missing": "This field is required.",
    "extra_forbidden": "Unknown field.",
    "string_type": "This must be text.",
    "bool_type": "This must be true or false.",
    "int_type": "This must be a whole number.",
}
# More faults than anybody mends by hand are not told one by one: a body may have a hundred thousand.
MOST_FAULTS = 100


class Problem(BaseModel):
    """Why something was refused, in a sentence for people (`detail`, the same as `error`) and a word for programs (`code`)."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    error: str
    code: str
    fields: dict[str, str] | None = Field(None, description="With 422: a sentence for each invalid field.")
    streamId: str | None = Field(None, description="With 409 generation_in_progress: the answer in progress.")
    streamUrl: str | None = Field(None, description="With 409 generation_in_progress: where that answer can be read.")
    error_id: str | None = Field(None, description="With 500: the id to look for in the log.")


class Refused(Invalid):
    """A body or an address with several things wrong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("Something is missing or wrong: " + ", ".join(sorted(fields)) + ".")
        self.fields = dict(fields)

    def details(self) -> dict[str, Any]:
        return {"fields": self.fields}


def refusal(error: ValidationError) -> Exception:
    """What a body that does not fit is answered: unreadable is 400, wrong is 422 with a sentence for each field."""
    if error.error_count() > MOST_FAULTS:
        return Invalid(f"{error.error_count()} things are missing or wrong.")
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(each["type"] == "json_invalid" for each in found):
        return BadRequest("That isn't valid JSON.")
    return Refused({".".join(map(str, each["loc"])) or "body": _sentence(each["type"], each["msg"]) for each in found})


def stream_url(generation_id: str, path: str = EVENTS_PATH) -> str:
    """Where an answer can be read, with a ticket in place of a header; `path` may speak of {generation} and {chat}."""
    generation = db.session.get(Generation, generation_id)
    chat_id = generation.chat_id if generation else ""
    ticket = ticket_for(chat_id)
    return path.format(generation=generation_id, chat=chat_id) + (f"?ticket={ticket}" if ticket else "")


def _sentence(kind: str, message: str) -> str:
    return WORDS.get(kind) or f"{message.removeprefix('Value error, ').rstrip('.')}."
