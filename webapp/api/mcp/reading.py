"""The tools of the MCP server that read: documents and chats, those that the caller may see, by the API's own functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from flask import request

from webapp.api.access import caller
from webapp.api.authors import authors_of
from webapp.api.sources import source_answers
from webapp.base.current import the_config
from webapp.base.errors import Invalid
from webapp.base.untrusted_json import JsonObject
from webapp.base.words import plural, shortened
from webapp.chat.prompt import chat_collections
from webapp.chat.record import queries
from webapp.chat.record.access import visible_chat
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import the_engine
from webapp.knowledge.service import MOST_COLLECTIONS
from webapp.models.connections.models import the_models
from webapp.streaming.stop import Stop
from webapp.tools.built_in import documents
from webapp.tools.tool import READS, CallContext, Hints, Result
from webapp.web.pagination import cut
from webapp.workspace.list import paging, search as chat_search

MOST_ID, MOST_CHATS, MOST_MESSAGES, MOST_TITLE = 40, 50, 100, 200
USUAL_CHATS, USUAL_MESSAGES = 20, 30
NARROWED_BY = "They can be narrowed: tag:work project:house model:claude from:ada after:2026-01-31 before:2026-03 has:file."
# Of a page of messages; a longer message is cut.
MOST_CHARS, MOST_OF_ONE = 64_000, 32_000
UNTITLED = "Untitled chat"


@dataclass(frozen=True, slots=True)
class ReadingResult:
    """What a call returns: texts for the model, and the same as data for programs."""

    texts: tuple[str, ...]
    data: Mapping[str, Any] = field(default_factory=dict)
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class ServedTool:
    """A tool of the MCP server. `run` is called with arguments that fit the schema; one without it starts an answer."""

    name: str
    title: str
    description: str
    schema: Mapping[str, Any]
    hints: Hints = READS
    run: Callable[[Mapping[str, Any]], ReadingResult] | None = None

    @property
    def listed(self) -> JsonObject:
        """The tool as `tools/list` names it."""
        hints = {
            "title": self.title,
            "readOnlyHint": self.hints.is_read_only,
            "destructiveHint": self.hints.is_destructive,
            "idempotentHint": self.hints.is_idempotent,
            "openWorldHint": self.hints.is_open_world,
        }
        names = {"name": self.name, "title": self.title, "description": self.description}
        return {**names, "inputSchema": self.schema, "annotations": hints}


def object_schema(properties: Mapping[str, Any], *required: str) -> JsonObject:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def text_schema(description: str, most: int = MOST_ID, least: int = 1) -> JsonObject:
    return {"type": "string", "minLength": least, "maxLength": most, "description": description}


COLLECTIONS = {
    "type": "array",
    "items": text_schema("The id of a collection."),
    "maxItems": MOST_COLLECTIONS,
    "description": "The only collections to search; all that the person can see if left out.",
}


def _limit(most: int, usual: int, what: str) -> JsonObject:
    return {"type": "integer", "minimum": 1, "maximum": most, "description": f"How many {what}; {usual} if left out."}


def address_of(path: str) -> str:
    """Returns the whole address of a page of this server."""
    return urljoin(the_config().public_url or request.url_root, path)


def _search_documents(arguments: Mapping[str, Any]) -> ReadingResult:
    reads = chat_collections.checked(caller(), list(arguments.get("collection_ids", ())))
    return _quoted(documents.search(_context(reads), arguments))


def _read_document(arguments: Mapping[str, Any]) -> ReadingResult:
    return _quoted(documents.read(_context(), arguments))


def _context(collection_ids: Sequence[str] = ()) -> CallContext:
    return CallContext("", "", caller(), Stop(the_engine().signal), tuple(collection_ids))


def _quoted(result: Result) -> ReadingResult:
    sources = [answer.model_dump(mode="json") for answer in source_answers(result.sources)]
    located = [{**source, "url": address_of(source["url"]) if source["url"] else None} for source in sources]
    return ReadingResult((result.text,), {"sources": located})


def _list_chats(arguments: Mapping[str, Any]) -> ReadingResult:
    if query := str(arguments.get("query", "")):
        if "cursor" in arguments:
            raise Invalid("A search has one page: leave out the cursor.")
        return _found_chats(query, int(arguments.get("limit", USUAL_CHATS)))
    limit, cursor = int(arguments.get("limit", USUAL_CHATS)), str(arguments.get("cursor", ""))
    if cursor and queries.owned_chat(caller().id, cursor) is None:
        raise Invalid("There is no chat with this cursor.")
    show: paging.Show = "archived" if arguments.get("is_archived") else "open"
    page = cut(paging.chats(caller().id, show=show, after=cursor, limit=limit + 1), limit)
    lines = [f"- {_title(chat.title)} ({chat.changed_at:%Y-%m-%d %H:%M} UTC, chat_id {chat.id})" for chat in page.rows]
    lines += [f"More with the cursor {page.next_cursor}."] if page.next_cursor else []
    data = {"chats": [_chat(chat) for chat in page.rows], "next_cursor": page.next_cursor or None}
    return ReadingResult(("\n".join(lines) or "There are no chats.",), data)


def _found_chats(query: str, limit: int) -> ReadingResult:
    """Returns the chats in which all words occur, the best match first, each with a passage."""
    titled, result = chat_search.titles_of(caller().id, query, limit=limit), chat_search.search(caller().id, query)
    if result.faults:
        raise Invalid(" ".join(result.faults))
    hits = {hit.chat_id: hit for hit in [*titled, *result.hits][::-1]}
    best_hits = list(hits.values())[::-1][:limit]
    chats = [
        {
            "id": hit.chat_id,
            "title": hit.title,
            "message_id": hit.message_id or None,
            "passage": "".join(piece.text for piece in hit.passage),
            "url": address_of(f"/chats/{hit.chat_id}"),
        }
        for hit in best_hits
    ]
    lines = [f"- {_title(str(chat['title']))} (chat_id {chat['id']}): {chat['passage']}" for chat in chats]
    return ReadingResult(("\n".join(lines) or "No chat has these words.",), {"chats": chats, "next_cursor": None})


def _chat(chat: Chat) -> JsonObject:
    about = {"id": chat.id, "title": chat.title, "model": chat.model, "model_name": the_models().display_name(chat.model)}
    return {**about, "changed_at": f"{chat.changed_at:%Y-%m-%dT%H:%M:%SZ}", "url": address_of(f"/chats/{chat.id}")}


def _title(title: str) -> str:
    return shortened(" ".join(title.split()), MOST_TITLE) or UNTITLED


def _read_chat(arguments: Mapping[str, Any]) -> ReadingResult:
    chat, cursor = visible_chat(str(arguments["chat_id"])), str(arguments.get("cursor", ""))
    ids = queries.ids_to(chat.head_id)
    if cursor and cursor not in ids:
        raise Invalid("There is no message with this cursor in the chat.")
    page = paging.path(chat, after=cursor, limit=int(arguments.get("limit", USUAL_MESSAGES)))
    texts, rows = _within(page.rows)
    next_cursor = page.next_cursor if len(rows) == len(page.rows) else rows[-1].id
    authors = authors_of(rows)
    messages = []
    for row, text in zip(rows, texts, strict=True):
        author = authors.get(row.id)
        speaker = row.speaker_name or (author.name if author and row.role == "user" else row.role)
        about = {"id": row.id, "role": row.role, "speaker": speaker, "content": text}
        messages.append({**about, "created_at": f"{row.created_at:%Y-%m-%dT%H:%M:%SZ}"})
    shown = [f"### {message['speaker']} ({message['role']})\n\n{message['content']}" for message in messages]
    shown += [f"More with the cursor {next_cursor}."] if next_cursor else []
    heading = f"# {_title(chat.title)}\n\n" + ("" if shown else "This chat has no messages.")
    return ReadingResult(
        (heading + "\n\n".join(shown),), {"chat": _chat(chat), "messages": messages, "next_cursor": next_cursor or None}
    )


def _within(rows: Sequence[Message]) -> tuple[list[str], Sequence[Message]]:
    """Returns the texts of the first messages, at least one, that fit a page, and these messages."""
    texts, chars = list[str](), 0
    for row in rows:
        text = queries.text_so_far(the_engine(), row)
        if len(text) > MOST_OF_ONE:
            text = f"{text[:MOST_OF_ONE]}\n\n(Cut here: the message has {plural(len(text), 'character')}.)"
        if texts and chars + len(text) > MOST_CHARS:
            break
        texts.append(text)
        chars += len(text)
    return texts, rows[: len(texts)]


READING = (
    ServedTool(
        "search_documents",
        "Search documents",
        "Searches the person's documents by words and by meaning, and returns numbered passages with the ids of their documents. "
        "To read more of a document, use read_document.",
        {
            **documents.SEARCH_DOCUMENTS.schema,
            "properties": {**documents.SEARCH_DOCUMENTS.schema["properties"], "collection_ids": COLLECTIONS},
        },
        run=_search_documents,
    ),
    ServedTool(
        "read_document",
        "Read a document",
        "Returns a document from its beginning, part by part. The id comes from search_documents.",
        documents.READ_DOCUMENT.schema,
        run=_read_document,
    ),
    ServedTool(
        "list_chats",
        "List chats",
        "Lists the person's chats, the latest first, or those with the words of a query. Returns the ids for read_chat and "
        "ask_model.",
        object_schema(
            {
                "query": text_schema("Words that the chat or its title must have. " + NARROWED_BY, 500),
                "is_archived": {"type": "boolean", "description": "List archived chats instead."},
                "cursor": text_schema("From the page before."),
                "limit": _limit(MOST_CHATS, USUAL_CHATS, "chats"),
            }
        ),
        run=_list_chats,
    ),
    ServedTool(
        "read_chat",
        "Read a chat",
        "Returns the messages of a chat from its beginning, page by page.",
        object_schema(
            {
                "chat_id": text_schema("An id from list_chats or ask_model."),
                "cursor": text_schema("From the page before, or the id of the message after which to read."),
                "limit": _limit(MOST_MESSAGES, USUAL_MESSAGES, "messages"),
            },
            "chat_id",
        ),
        run=_read_chat,
    ),
)
