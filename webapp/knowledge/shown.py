"""Collections, documents and passages as pages show them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flask import url_for
from markupsafe import Markup, escape

from webapp.base import languages
from webapp.base.heavy.bounded import TooLate
from webapp.base.heavy.threads import offload
from webapp.base.heavy.turns import by_turns
from webapp.base.languages import gettext as _, ngettext
from webapp.base.words import size
from webapp.knowledge import formats, queries
from webapp.knowledge.permissions import COLLECTION
from webapp.knowledge.search import tokenizer
from webapp.knowledge.search.ranking import PassageHit, SearchOptions, search
from webapp.knowledge.sources import Excerpt, SeenSource, seen
from webapp.knowledge.tables import Collection, Document, Passage, VectorSet
from webapp.knowledge.vectors import vector_sets
from webapp.models.connections.models import the_models
from webapp.people.accounts.tables import User
from webapp.people.search import SearchHit, SearchQuery
from webapp.people.things import shares_shown
from webapp.people.things.seen import MOST_FOUND
from webapp.rendering import markdown
from webapp.rendering.footnotes import VIEW, scoped
from webapp.rendering.passages import PassagePiece, from_first_match
from webapp.rendering.text import plain
from webapp.streaming.events import SourceRecord

MOST_PER_PAGE = 40
# Of passages in the search over everything: how many, from which length of the last word on, and how long they may take.
MOST_PASSAGES, LEAST_IN_TEXT, PASSAGE_SECONDS = 3, 3, 0.1
OF_CHAT, OF_PROJECT = "Everyone who can see the chat", "Everyone in the project"
# The length of a hit's snippet, which is taken from around its first matching word.
SNIPPET_CHARS = 320
ENDING_CHARS = 4
STATES = {name: name.capitalize() for name in (*queries.UNFINISHED, "ready", "failed")} | {"arriving": "Waiting"}
MeaningState = Literal["off", "embedding", "ready", "waiting"]


@dataclass(frozen=True, slots=True)
class ShownCollection:
    id: str
    name: str
    about: str
    level: int
    counts: str
    is_unfinished: bool
    whose: str
    is_own: bool
    can_write: bool
    chat_id: str = ""
    project_id: str = ""
    # The first few of the people and groups it is shared with.
    faces: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ShownDocument:
    id: str
    title: str
    state: str
    words: str
    done: int
    of: int
    level: int
    created_at: datetime
    url: str = ""
    # What kind of file it is, in words and by the ending of its name, which a page of the web has not.
    label: str = ""
    ending: str = ""
    # The file as it was added, and whether a browser can show it.
    file_url: str = ""
    can_open: bool = False
    # The file's own name, if its text has another title.
    file_name: str = ""

    @property
    def is_unfinished(self) -> bool:
        return self.state in queries.UNFINISHED

    @property
    def words_with_label(self) -> str:
        return f"{self.label} · {self.words}" if self.state == "ready" else self.words


@dataclass(frozen=True, slots=True)
class ShownPassage:
    number: int
    heading: str
    page: str
    page_url: str
    html: Markup
    is_wanted: bool
    begins_with_title: bool


@dataclass(frozen=True, slots=True)
class ShownHit:
    """A passage that was found; `pieces` are parts of its text, each with whether it is a word of the question."""

    rank: int
    url: str
    title: str
    heading: str
    page: str
    document_id: str
    collection: str
    pieces: Sequence[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class ShownSource:
    """A source of an answer; without a passage, `words` is why, and `title` and `url` are set only if the document exists."""

    number: int
    words: str
    title: str = ""
    url: str = ""
    heading: str = ""
    page: str = ""
    html: Markup | None = None
    # The file as it was added, at the page of the passage if a browser can show that.
    page_url: str = ""
    file_url: str = ""
    is_web_page: bool = False


def collections(user: User) -> list[ShownCollection]:
    rows = queries.SEEN_COLLECTIONS.all(user)
    counts = queries.counts(user, [row.id for row in rows])
    return [_collection(row, user, counts.get(row.id, queries.Counts())) for row in by_turns(rows)]


def collection(row: Collection, user: User) -> ShownCollection:
    return _collection(row, user, queries.counts(user, [row.id]).get(row.id, queries.Counts()))


def documents(row: Collection, user: User) -> list[ShownDocument]:
    return [document(listed_row) for listed_row in queries.documents(user, row)]


def document(row: Document) -> ShownDocument:
    status = row.error or _(STATES[row.state])
    if row.state == "ready":
        status = " · ".join((ngettext("%(num)s passage", "%(num)s passages", row.passages), size(max(1024, row.bytes))))
    elif row.of and row.state == "splitting":
        status = _("Reading (%(share)s %%)", share=100 * row.done // row.of)
    elif row.of and row.state == "embedding":
        status = _("Embedding (%(done)s of %(all)s)", done=_number(row.done), all=_number(row.of))
    elif row.of and row.state == "reading":
        status = _("Reading (%(page)s of %(all)s)", page=_page_label(row.name, row.done), all=row.of)
    state = row.id, row.title, row.state, status, row.done, row.of
    can_open = formats.is_shown_by_browsers(row.name)
    ending = "" if row.url else formats.ending(row.name)[:ENDING_CHARS].upper() or "TXT"
    label = _(formats.label(row.name))
    file_name = "" if row.url or row.name in (row.title, f"{row.title}.txt") else row.name
    return ShownDocument(*state, row.level, row.created_at, row.url, label, ending, file_url(row), can_open, file_name)


def file_url(row: Document) -> str:
    """Returns the URL of the file as it was added; empty if there is none."""
    return url_for("documents.file", id=row.id) if row.has_original else ""


def page_url(row: Document, page: int | None) -> str:
    """Returns the URL of a page in the file itself; empty if browsers can't show it."""
    is_possible = page and formats.is_shown_by_browsers(row.name) and row.has_original
    return url_for("documents.file", id=row.id, _anchor=f"page={page}") if is_possible else ""


def passages(row: Document, user: User, start: int, passage_number: int) -> list[ShownPassage]:
    """Returns passages for reading on: text that overlaps the previous passage is left out."""
    passages = queries.passages(user, row.id, limit=MOST_PER_PAGE, start=start)
    return [_passage(passage, row, is_wanted=passage.number == passage_number) for passage in by_turns(passages)]


def hits(user: User, question: str, *, collections: Sequence[str] = ()) -> list[ShownHit]:
    query_words = tokenizer.query_words(question)
    hits = search(user, question, collections=collections)
    return [hit(passage_hit, list(query_words.values())) for passage_hit in hits]


def passage_url(document_id: str, number: int) -> str:
    """Returns the URL of a passage in its document."""
    start = number - number % MOST_PER_PAGE
    return url_for("documents.show", id=document_id, start=start, passage=number, _anchor=f"passage-{number}")


def place_url(document: Document, passage: Passage | Excerpt) -> str:
    """Returns the URL of a passage: in its document or, for a remembered answer, in its chat."""
    if document.message_id:
        return url_for("chat.show", id=document.chat_id, _anchor=f"message-{document.message_id}")
    return passage_url(document.id, passage.number)


def sources(user: User | None, records: Sequence[SourceRecord]) -> list[ShownSource]:
    """Returns the sources of an answer, with this person's current rights."""
    return [_source(source) for source in by_turns(seen(user, records))]


def current_url(user: User | None, record: SourceRecord) -> str:
    """Returns the URL of a source in its document, if the person may see it and the document wasn't read again since."""
    [source] = seen(user, [record])
    document, passage = source.document, source.passage
    return place_url(document, passage) if document and passage and passage.edition == document.edition else ""


def _collection(row: Collection, user: User, counts: queries.Counts) -> ShownCollection:
    status = [ngettext("%(num)s document", "%(num)s documents", counts.documents)]
    status += [ngettext("%(num)s being read", "%(num)s being read", counts.unfinished)] if counts.unfinished else []
    status += [ngettext("%(num)s failed", "%(num)s failed", counts.failed)] if counts.failed else []
    is_own = row.owner_id == user.id
    is_part = bool(row.chat_id or row.project_id)
    names = shares_shown.names(COLLECTION, row.id) if is_own and not is_part else []
    whose = shares_shown.whose(COLLECTION, row.id, names) if is_own and not is_part else _("Shared with you")
    whose = _(OF_CHAT) if row.chat_id else _(OF_PROJECT) if row.project_id else whose
    about = _(row.about) if is_part else row.about
    can_write = is_own or queries.can_write(user, row)
    return ShownCollection(
        *(row.id, row.name, about, row.level, ", ".join(status), counts.unfinished > 0, whose, is_own, can_write),
        chat_id=row.chat_id or "",
        project_id=row.project_id or "",
        faces=names[: shares_shown.MOST_NAMED],
    )


def _page_label(name: str, number: int | None) -> str:
    """Returns what a page is called in the language of the page that shows it; models and exports get `formats.page_label`."""
    words = {"slide": _("slide %(number)s", number=number), "sheet": _("sheet %(number)s", number=number)}
    word = formats.PAGE_WORDS.get(formats.ending(name), "")
    return (words.get(word) or _("page %(number)s", number=number)) if number else ""


def _number(value: int) -> str:
    return languages.current().formats.number(value)


def _passage(row: Passage, document: Document, *, is_wanted: bool) -> ShownPassage:
    text = row.head + row.text[row.overlap :]
    page = _page_label(document.name, row.page)
    is_title = not row.number and text.lstrip().partition("\n")[0].rstrip() == f"# {document.title}"
    url = page_url(document, row.page)
    return ShownPassage(row.number, row.heading, page, url, _html(text, f"p{row.number}-"), is_wanted, is_title)


def _html(text: str, id: str) -> Markup:
    """Returns a passage as HTML, without links to previews, whose pages only messages have."""
    return Markup(scoped(VIEW.sub("", offload(markdown.render, text)), id))


def _source(source: SeenSource) -> ShownSource:
    document, passage = source.document, source.passage
    if web_page := source.web_page:
        return ShownSource(source.number, "", source.title, web_page.url, html=escape(web_page.text), is_web_page=True)
    if not document or not passage:
        url = url_for("documents.show", id=document.id) if document else ""
        return ShownSource(source.number, _(source.words), document.title if document else "", url)
    html = _html(passage.head + passage.text, f"s{source.number}-")
    url = place_url(document, passage)
    page = _page_label(document.name, passage.page)
    heading = formats.below(document.title, passage.heading)
    files = page_url(document, passage.page), file_url(document)
    return ShownSource(source.number, "", document.title, url, heading, page, html, *files)


def hit(hit: PassageHit, query_words: list[str]) -> ShownHit:
    """Returns a hit to show, with the words of the question marked."""
    document, passage = hit.document, hit.passage
    url, pieces = place_url(document, passage), _pieces(passage.text, query_words)
    page = _page_label(document.name, passage.page)
    heading = formats.below(document.title, passage.heading)
    return ShownHit(hit.rank, url, document.title, heading, page, document.id, hit.collection_name, pieces)


def _pieces(text: str, query_words: list[str]) -> list[tuple[str, bool]]:
    """Returns the snippet around the first word of the question, split so that matching words can be marked."""
    pattern = re.compile("|".join(rf"(?<![^\W_]){re.escape(word[: max(3, len(word) - 2)])}[^\W_]*" for word in query_words), re.I)
    flat = " ".join(plain(text).replace("|", " ").split())
    first = pattern.search(flat)
    start = max(0, first.start() - SNIPPET_CHARS // 3) if first else 0
    start = flat.find(" ", start) + 1 if start else 0
    cut = flat[start : start + SNIPPET_CHARS]
    pieces, end = [("… ", False)] if start else [], 0
    for match in pattern.finditer(cut):
        pieces += [(cut[end : match.start()], False), (match.group(), True)]
        end = match.end()
    return [*pieces, (cut[end:], False)] + ([(" …", False)] if start + len(cut) < len(flat) else [])


@dataclass(frozen=True, slots=True)
class ShownMeaning:
    """`model` is the one whose vectors are searched, `next_model` the one to replace it; `error` is why embedding waits."""

    state: MeaningState = "off"
    model: str = ""
    next_model: str = ""
    done: int = 0
    of: int = 0
    words: str = ""
    error: str = ""
    tried_at: datetime | None = None


NO_VECTORS = ShownMeaning()


def meaning(row: Collection, user: User) -> ShownMeaning | None:
    """Returns the state for people who can add documents; None for others, because the counts include documents they may not see.

    The caller runs `embedding.notice()` first, once for all collections shown.
    """
    if not queries.can_write(user, row):
        return None
    sets = vector_sets.sets_of(row.id)
    if not sets or not vector_sets.wanted(row.embedding_model):
        return NO_VECTORS
    current = next((vector_set for vector_set in sets if vector_set.state == vector_sets.CURRENT), None)
    growing = next((vector_set for vector_set in sets if vector_set.state != vector_sets.CURRENT), current or sets[0])
    return _meaning(current, growing, *vector_sets.progress(growing))


def _meaning(current: VectorSet | None, growing: VectorSet, done: int, of: int) -> ShownMeaning:
    name = the_models().display_name(growing.model)
    model, next_model = (current.model if current else ""), (growing.model if growing is not current else "")
    is_whole = done == of and not next_model
    if is_whole:
        words = _("Found by words and by meaning (%(model)s).", model=name)
    elif next_model:
        words = ngettext(
            "Embedding with %(model)s: %(done)s of %(num)s document. Until all are done, the previous vectors are searched.",
            "Embedding with %(model)s: %(done)s of %(num)s documents. Until all are done, the previous vectors are searched.",
            of,
            model=name,
            done=_number(done),
        )
    else:
        words = ngettext(
            "Embedding with %(model)s: %(done)s of %(num)s document. The others are found by their words.",
            "Embedding with %(model)s: %(done)s of %(num)s documents. The others are found by their words.",
            of,
            model=name,
            done=_number(done),
        )
    state: MeaningState = "waiting" if growing.error and not is_whole else "ready" if is_whole else "embedding"
    error = growing.error if state == "waiting" else ""
    return ShownMeaning(state, model, next_model, done, of, words, error, growing.waits_until if error else None)


def search_hits(user: User, query: SearchQuery) -> list[SearchHit]:
    """Returns collections and documents by their names, then the passages with the words, for the search over everything."""
    if not query.words:
        return []
    collections = queries.SEEN_COLLECTIONS.named(user, query, limit=MOST_FOUND)
    documents = queries.documents_named(user, query, limit=MOST_FOUND)
    return [
        *(SearchHit(title=row.name, path=url_for("knowledge.show", id=row.id), icon="library") for row in collections),
        *(
            SearchHit(
                title=document.title,
                path=url_for("documents.show", id=document.id),
                icon="book-open",
                detail=document.collection_name,
            )
            for document in documents
        ),
        *_passage_hits(user, query),
    ]


def _passage_hits(user: User, query: SearchQuery) -> list[SearchHit]:
    """Returns the best passages with these words, each opened in its document; a beginning of a word finds none."""
    words = tokenizer.query_words(query.text)
    if not words or (len(query.words[-1]) < LEAST_IN_TEXT and query.words[-1].isascii()):
        return []
    # By words alone, as a search by meaning waits for a model; messages are a source of their own.
    options = SearchOptions(limit=MOST_PASSAGES, weight=0, seconds=PASSAGE_SECONDS, is_viewed=True)
    try:
        shown_hits = [hit(passage_hit, list(words.values())) for passage_hit in search(user, query.text, **options)]
    except TooLate:
        return []
    return [
        SearchHit(
            title=shown.title,
            path=shown.url,
            icon="book-open",
            detail=" · ".join(part for part in (shown.collection, shown.page) if part),
            passage=from_first_match([PassagePiece(text, is_marked) for text, is_marked in shown.pieces]),
        )
        for shown in shown_hits
        if any(is_marked for _text, is_marked in shown.pieces)
    ]
