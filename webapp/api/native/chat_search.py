"""/api/v1/chats/search: titles and messages of chats, in the words that the search box takes."""

from datetime import datetime
from typing import Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.problems import InvalidFields
from webapp.api.schemas import Answer, Query
from webapp.people.search import printable
from webapp.workspace.list import search

bp = Blueprint("api_chat_search", __name__, url_prefix="/api/v1/chats/search")
# The first page has these titles of chats, too.
MOST_TITLES = 50


class SearchParameters(Query):
    q: str = Field(
        max_length=400,
        description="Words to find, and what narrows them: `tag:` `project:` `model:` `from:` `after:` `before:` `has:file`.",
    )
    page: int = Field(0, ge=0, le=50)


class ChatHit(Answer):
    chat_id: str
    title: str
    message_id: str | None = Field(description="The message with the words; null where they are in the title.")
    role: Literal["user", "assistant"] | None
    call: str = Field(description="The title of the call that has the words; empty if none does.")
    passage: str
    shared_by: str = Field(description="Who shared the chat; empty for your own.")
    at: datetime


class ChatHits(Answer):
    hits: list[ChatHit]
    has_more: bool


@bp.get("")
@operation(
    "Search titles and messages of your chats and of those shared with you; without words, list what narrows them",
    scope="read",
    query=SearchParameters,
    answer=ChatHits,
    errors=(422,),
)
def index(query: SearchParameters) -> ChatHits:
    text = printable(query.q).strip()
    titles = search.titles_of(caller().id, text, limit=MOST_TITLES) if not query.page else []
    result = search.search(caller().id, text, page=query.page)
    if result.faults:
        raise InvalidFields({"q": " ".join(result.faults)})
    return ChatHits(hits=[_hit(hit) for hit in (*titles, *result.hits)], has_more=result.has_more)


def _hit(hit: search.FoundChat) -> ChatHit:
    passage, message_id, role = "".join(piece.text for piece in hit.passage), hit.message_id or None, hit.role or None
    return ChatHit.of(hit, passage=passage, message_id=message_id, role=role, shared_by=hit.sharer)
