"""The tools by which a model searches and reads documents: those that the person who asked may see, and no others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webapp.base.heavy.bounded import TooLate
from webapp.base.languages import gettext as _
from webapp.base.visible_text import visible
from webapp.knowledge import queries
from webapp.knowledge.answer_sources import CANDIDATES, AnswerSource, outside_among, source, sources_of
from webapp.knowledge.search.ranking import search_with_details
from webapp.knowledge.sources import Excerpt
from webapp.knowledge.tables import Document, Passage
from webapp.tools.built_in.texts import MOST_CHARS, QUOTED, bounded, said
from webapp.tools.tool import READS, CallContext, Result, Tool, ToolFailed

USUAL_HITS, MOST_HITS = 5, 8
MOST_QUERY, MOST_ID = 500, 100
SECONDS = 10.0
# A passage has at most 1,200 characters.
PART_PASSAGES = 12
CITE = f"{QUOTED} Cite what you use by its number, such as [{{}}]."
NOTHING_FOUND = "No passage of the documents fits this search. Try other words."
LATE = "The documents couldn't be searched in time."
NO_DOCUMENT = "There is no document with this id, or it can't be read here. Use an id that search_documents returned."
UNREAD = "This document has not been read yet. Try again later."


def search(context: CallContext, arguments: Mapping[str, Any], *, most_chars: int = MOST_CHARS) -> Result:
    """Returns the passages that fit best, among the documents of the chat's collections or, without any, all of the person's."""
    limit = min(int(arguments.get("limit", USUAL_HITS)), MOST_HITS)
    try:
        result = search_with_details(
            context.person,
            visible(str(arguments["query"])),
            collections=context.collection_ids,
            limit=CANDIDATES,
            seconds=SECONDS,
            # A search of everything leaves out what others who read the chat must not learn of: the person's conversation memory.
            is_viewed=not context.collection_ids,
        )
    except TooLate as error:
        raise ToolFailed(LATE) from error
    sources = list(sources_of(result.hits, first=context.first_source, most=limit, most_chars=most_chars))
    documents = {hit.document.id: hit.document for hit in result.hits}
    return _result(context, sources, documents, heading="", most_chars=most_chars) if sources else Result(NOTHING_FOUND)


def read(context: CallContext, arguments: Mapping[str, Any], *, most_chars: int = MOST_CHARS) -> Result:
    """Returns a part of a document, passage by passage; only of one that `search` could find for this call."""
    document = _document(context, visible(str(arguments["document_id"])))
    part, parts = int(arguments.get("part", 1)), -(-document.passages // PART_PASSAGES)
    if not parts:
        raise ToolFailed(document.error or UNREAD)
    if not 1 <= part <= parts:
        raise ToolFailed(f"This document has {parts} part{'s' if parts > 1 else ''}.")
    start = (part - 1) * PART_PASSAGES
    passages = queries.passages_at(context.person, document.id, range(start, start + PART_PASSAGES))
    sources = [source(number, _excerpt(passage), document) for number, passage in enumerate(passages, context.first_source)]
    more = f" Part {part + 1} follows." if part < parts else ""
    heading = f"Part {part} of {parts}.{more} "
    return _result(context, sources, {document.id: document}, heading=heading, most_chars=most_chars)


def _document(context: CallContext, id: str) -> Document:
    document = queries.document(context.person, id)
    if document is None or not _is_within(context, document):
        raise ToolFailed(NO_DOCUMENT)
    return document


def _is_within(context: CallContext, document: Document) -> bool:
    if context.collection_ids:
        return document.collection_id in context.collection_ids
    collection = queries.SEEN_COLLECTIONS.one(context.person, document.collection_id)
    return collection is not None and not (collection.is_memory or collection.chat_id)


def _excerpt(passage: Passage) -> Excerpt:
    """Returns a passage without what the one before it already said, unless a part begins with it."""
    begin = 0 if passage.number % PART_PASSAGES == 0 else passage.overlap
    return replace(Excerpt.from_passage(passage), text=passage.text[begin:])


def _result(
    context: CallContext,
    sources: Sequence[AnswerSource],
    documents: Mapping[str, Document],
    *,
    heading: str,
    most_chars: int,
) -> Result:
    texts = [heading + CITE.format(context.first_source)]
    texts += [f"{source.text}\nDocument id: {source.document_id}" for source in sources]
    cited = dict.fromkeys(source.document_id for source in sources)
    return Result(
        bounded("\n\n".join(texts), most_chars),
        tuple(source.kept for source in sources),
        tuple(outside_among(context.person, (documents[id] for id in cited))),
    )


def _says_search(arguments: Mapping[str, Any]) -> str:
    query = said(arguments, "query")
    return _("Searched the documents for %(query)s", query=query) if query else _("Searched the documents")


def _says_read(arguments: Mapping[str, Any]) -> str:
    part = arguments.get("part")
    return _("Read part %(part)s of a document", part=part) if isinstance(part, int) and part > 1 else _("Read a document")


SEARCH_DOCUMENTS = Tool(
    key="search_documents",
    title="Search documents",
    about="Looks things up in your documents and cites the source.",
    group="documents",
    description=(
        "Searches the documents that the person can see, by words and by meaning, and returns numbered passages with the ids of "
        "their documents. Cite passages by their numbers, such as [1]. To read more of a document, use read_document."
    ),
    schema={
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_QUERY,
                "description": "What to look for, in a few words.",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_HITS,
                "description": f"How many passages; {USUAL_HITS} if left out.",
            },
        },
        "required": ["query"],
        "additionalProperties": False,
    },
    says=_says_search,
    run=search,
    hints=READS,
    policy="allow",
)
READ_DOCUMENT = Tool(
    key="read_document",
    title="Read a document",
    about="Reads more of a document it found.",
    group="documents",
    description=(
        "Returns a document from its beginning, part by part, as numbered passages to cite. The id comes from search_documents."
    ),
    schema={
        "type": "object",
        "properties": {
            "document_id": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_ID,
                "description": "An id from search_documents.",
            },
            "part": {"type": "integer", "minimum": 1, "maximum": 1_000_000, "description": "Which part; the first if left out."},
        },
        "required": ["document_id"],
        "additionalProperties": False,
    },
    says=_says_read,
    run=read,
    hints=READS,
    policy="allow",
)
