"""The cost of searches and sources with permissions: 50,000 passages, by words, and by words and meaning."""

import random
import statistics
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import sqrt
from pathlib import Path

from flask import Flask
from sqlalchemy import insert, text as statement

from bench.archive import Texts
from bench.figures import percentile
from bench.pages import Say, queries, settle
from bench.servers import TICKS
from bench.verdict import Bar, Verdict, drift
from webapp.base.db import db, is_sqlite, write
from webapp.base.ids import new_id
from webapp.knowledge.answer_sources import find_sources
from webapp.knowledge.queries import SEEN_COLLECTIONS
from webapp.knowledge.search import index, tokenizer
from webapp.knowledge.search.ranking import search
from webapp.knowledge.search.semantic_search import QUESTIONS
from webapp.knowledge.tables import Collection, Document, EmbeddedDocument, Passage, PassageVector, VectorSet
from webapp.people.accounts import service as accounts
from webapp.people.accounts.tables import Grant, User

COLLECTIONS, DOCUMENTS, PASSAGES = 20, 125, 20
PASSAGE_WORDS = 120
DIMENSIONS, MODEL = 256, "bench/vectors"
SEARCHES = 200
MOST_MS, MOST_ADDED_MS = 60.0, 80.0
SERVERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"


class Library:
    """One person's collections: all but every fourth are shared with a reader, and every fifth document is above their level."""

    def __init__(self, texts: Texts, dice: random.Random) -> None:
        self._texts, self._dice = texts, dice
        self.owner_id = accounts.add_user("librarian@example.org", "member", "measured and found wanting").id
        self.reader_id = accounts.add_user("reader@example.org", "member", "measured and found wanting").id

    def fill(self) -> int:
        return sum(self._fill_one(number) for number in range(COLLECTIONS))

    def embed(self) -> None:
        """Stores a random vector for every passage."""
        for collection in db.session.query(Collection).all():
            rows = db.session.query(Passage.row, Passage.document_id).join(Document)
            found = rows.filter(Document.collection_id == collection.id).all()
            with write() as session:
                made = VectorSet(collection_id=collection.id, model=MODEL, state="current", dimensions=DIMENSIONS)
                session.add(made)
                session.flush()
                set_id = made.id
                vectors = [{"passage_row": row, "set_id": set_id, "vector": self.vector()} for row, _ in found]
                session.execute(insert(PassageVector), vectors)
                documents = [{"document_id": id, "set_id": set_id, "edition": 1} for id in {id for _, id in found}]
                session.execute(insert(EmbeddedDocument), documents)

    def vector(self) -> bytes:
        numbers = [self._dice.gauss(0, 1) for _ in range(DIMENSIONS)]
        length = sqrt(sum(number * number for number in numbers))
        return array("f", [number / length for number in numbers]).tobytes()

    def _fill_one(self, number: int) -> int:
        collection = Collection(id=new_id(), owner_id=self.owner_id, name=f"Collection {number}", level=0)
        documents = [self._document(collection.id, place) for place in range(DOCUMENTS)]
        passages = [passage for document in documents for passage in self._passages(document)]
        pieces = list(_pieces(passages))
        with write() as session:
            session.add(collection)
            session.flush()
            session.add_all(documents)
            if number % 4:
                session.add(Grant(object_kind="collection", object_id=collection.id, right="read", user_id=self.reader_id))
            session.flush()
            rows = session.scalars(insert(Passage).returning(Passage.row, sort_by_parameter_order=True), passages).all()
            index.put(session.connection(), rows, pieces)
        return len(rows)

    def _document(self, collection_id: str, place: int) -> Document:
        values = {"name": "placed.md", "hash": new_id(), "bytes": 1, "characters": 1, "state": "ready", "edition": 1}
        level = 0 if place % 5 else 2
        counts = {"passages": PASSAGES, "words": PASSAGES * PASSAGE_WORDS}
        return Document(id=new_id(), collection_id=collection_id, title=f"Document {place}", level=level, **values, **counts)

    def _passages(self, document: Document) -> list[dict[str, object]]:
        same = {"document_id": document.id, "edition": 1, "heading": "", "head": "", "overlap": 0, "words": PASSAGE_WORDS}
        texts = (self._texts.text(PASSAGE_WORDS) for _ in range(PASSAGES))
        return [{**same, "id": new_id(), "number": number, "text": text} for number, text in enumerate(texts)]


def measure(app: Flask, say: Say) -> Verdict:
    """Runs the same searches by words, and then by words and meaning."""
    dice = random.Random(7)
    texts = Texts(dice)
    with app.app_context():
        library, began = Library(texts, dice), time.monotonic()
        count = library.fill()
        say(f"{count} passages were indexed in {time.monotonic() - began:.0f} s, on {db.engine.dialect.name}.\n")
        settle()
        texts_searched = queries(texts.words, dice)[:SEARCHES]
        reader = db.session.get_one(User, library.reader_id)
        by_words = _bar("by words", reader, texts_searched, say)
        added = _added(reader, [texts.sentence() for _ in range(SEARCHES // 2)], say)
        library.embed()
        settle()
        _know(texts_searched, library)
        reader = db.session.get_one(User, library.reader_id)
        began = time.perf_counter()
        search(reader, texts_searched[0])
        say(f"The first search by meaning read {DIMENSIONS} numbers of each in {time.perf_counter() - began:.1f} s.")
        both = _bar("by words and meaning", reader, texts_searched, say)
        return Verdict([by_words[0], added, both[0]], [doubt for _, doubt in (by_words, both) if doubt])


def _bar(name: str, reader: User, texts: Sequence[str], say: Say) -> tuple[Bar, str]:
    """Returns the bound, and why its times are unreliable, if so: on a busy machine a search waits rather than computes."""
    call, servers = partial(search, reader), _server_seconds()
    taken = [_seconds(call, text) for text in texts]
    waits, works = ([counts[place] for counts in taken] for place in (0, 1))
    p50, p95, most = (percentile(waits, share) * 1000 for share in (0.5, 0.95, 1))
    values = f"{p50:.1f} ms (p50), {p95:.1f} ms (p95), {most:.1f} ms at most"
    say(f"{len(texts)} searches {name}: {values}; {percentile(works, 0.95) * 1000:.1f} ms of CPU here (p95)")
    if not is_sqlite():
        taken_there = sum(seconds - servers.get(pid, 0.0) for pid, seconds in _server_seconds().items())
        say(f"The database took {taken_there / len(texts) * 1000:.1f} ms of CPU for each.")
    bar = Bar(f"a search {name} with permissions, p95", p95, MOST_MS, " ms", is_timed=True)
    return bar, drift(*(statistics.median(half) for half in (waits[: len(waits) // 2], waits[len(waits) // 2 :])))


def _added(reader: User, texts: Sequence[str], say: Say) -> Bar:
    """Measures the additional work of a chat with collections for whole sentences, before the request to a model."""
    ids = [collection.id for collection in SEEN_COLLECTIONS.all(reader)]
    waits = [_seconds(lambda values: list(find_sources(reader, [values], ids, seconds=60).sections()), text)[0] for text in texts]
    p50, p95 = (percentile(waits, share) * 1000 for share in (0.5, 0.95))
    say(f"Sources for {len(texts)} sentences, by words: {p50:.1f} ms (p50), {p95:.1f} ms (p95).")
    return Bar("a first token later with collections, p50", p50, MOST_ADDED_MS, " ms", is_timed=True)


def _seconds(call: Callable[[str], object], question: str) -> tuple[float, float]:
    began, worked = time.perf_counter(), time.process_time()
    call(question)
    return time.perf_counter() - began, time.process_time() - worked


def _server_seconds() -> dict[int, float]:
    """Returns the CPU seconds of each local PostgreSQL process that serves a connection to this database."""
    if is_sqlite():
        return {}
    stats = {pid: Path(f"/proc/{pid}/stat") for pid in db.session.scalars(statement(SERVERS)).all()}
    fields = {pid: path.read_text().rpartition(")")[2].split() for pid, path in stats.items() if path.exists()}
    return {pid: (int(values[11]) + int(values[12])) / TICKS for pid, values in fields.items()}


def _know(texts: Sequence[str], library: Library) -> None:
    """Caches vectors of the questions, as if a model had just returned them: the model's time doesn't count."""
    for text in texts:
        QUESTIONS.get().vectors.put((MODEL, text), library.vector())


def _pieces(passages: Sequence[dict[str, object]]) -> Iterator[dict[str, object]]:
    texts = [("", str(passage["text"])) for passage in passages]
    for (terms, _), (_, text) in zip(tokenizer.weights(texts), texts, strict=True):
        yield {"terms": terms, "index": ["", tokenizer.spaced(text)]}
