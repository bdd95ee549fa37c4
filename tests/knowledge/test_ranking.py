"""Both databases rank passages as a plain BM25 implementation does."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import log
from random import Random

import pytest
from flask import Flask
from sqlalchemy import delete

from tests.conftest import signed_in
from tests.knowledge.placing import place
from tests.support.marks import on_both_databases
from tests.support.rounds import ROUNDS
from webapp.base.db import write
from webapp.knowledge.search import index, tokenizer
from webapp.knowledge.search.ranking import search
from webapp.knowledge.tables import Collection, Document, Passage
from webapp.people.accounts import queries as account_queries, service as accounts
from webapp.people.accounts.tables import User

# 2 000 documents and 200 questions in a deep run.
DOCUMENTS, QUESTIONS = min(2_000, 100 * ROUNDS), min(200, 10 * ROUNDS)
SYLLABLES = ("ba", "ke", "lo", "mu", "ni", "por", "tis", "van")


def word(number: int) -> str:
    """Returns a distinct made-up word for each number."""
    spelled = ""
    while number or not spelled:
        number, syllable = divmod(number, len(SYLLABLES))
        spelled += SYLLABLES[syllable]
    return f"{spelled}x"


def corpus(random: Random) -> list[tuple[str, str]]:
    """Returns titles and texts in which low-numbered words are much more common (Zipf); some terms are planted."""
    numbers = range(1, 2_000)
    zipf = [1 / number for number in numbers]
    made = []
    for number in range(DOCUMENTS):
        said = [word(choice) for choice in random.choices(numbers, zipf, k=random.randrange(20, 160))]
        said += [f"planted{number % 17}"] * (number % 3)
        made.append((" ".join(map(word, random.choices(numbers, zipf, k=2))), " ".join(said)))
    return made


class Plain:
    """BM25 by the textbook, over the words that the databases index."""

    def __init__(self, texts: list[tuple[str, str]]) -> None:
        self.counted = list(tokenizer.weights(texts))
        self.average = sum(length for _, length in self.counted) / len(self.counted)
        self.holding = Counter(term for terms, _ in self.counted for term in terms)

    def scores(self, question: str, *, found: "Plain | None" = None) -> list[float]:
        """Returns each text's score.

        `found` is the part of the corpus that the person can read: a word in most of that does not count either.
        """
        asked, both = list(tokenizer.query_words(question)), (self, found or self)
        terms = [term for term in asked if len(asked) == 1 or all(plain.is_rare(term) for plain in both)]
        return [sum(self.score(term, *document) for term in terms) for document in self.counted]

    def is_rare(self, term: str) -> bool:
        return self.holding[term] <= len(self.counted) / 2

    def score(self, term: str, weights: dict[str, int], length: int) -> float:
        count, weight = self.holding[term], weights.get(term, 0)
        idf = max(1e-6, log((len(self.counted) - count + 0.5) / (count + 0.5)))
        return idf * weight * 2.2 / (weight + 1.2 * (0.25 + 0.75 * length / self.average))


@contextmanager
def a_collection(app: Flask) -> Iterator[tuple[User, Collection]]:
    """An application context, with a person and a collection of theirs."""
    signed_in(app, "reader@example.org", "member")
    with app.app_context():
        reader = account_queries.user_by_email("reader@example.org")
        assert reader
        with write(keeps_loaded=True) as session:
            collection = Collection(owner_id=reader.id, name="Corpus")
            session.add(collection)
        yield reader, collection


@pytest.mark.slow
@on_both_databases
def test_the_first_ten_are_those_of_a_plain_bm25(app: Flask) -> None:
    random = Random(7)
    texts = corpus(random)
    plain = Plain(texts)
    with a_collection(app) as (reader, collection):
        with write(keeps_loaded=True) as session:
            ids = [place(session, collection, *_of(text)).id for text in texts]
        for number in range(QUESTIONS):
            question = " ".join([word(random.randrange(3, 1_500)) for _ in range(3)] + [f"planted{number % 17}"])
            scores = dict(zip(ids, plain.scores(question), strict=True))
            found = [hit.document.id for hit in search(reader, question, limit=10)]
            best = sorted(scores.values(), reverse=True)[: len(found)]
            assert [scores[id] for id in found] == pytest.approx(best, rel=1e-6), question
            assert len(found) == min(10, sum(score > 0 for score in scores.values()))


@pytest.mark.slow
@on_both_databases
def test_words_in_very_many_passages_are_ranked_so_too(app: Flask) -> None:
    random = Random(11)
    seen, hidden = common(random, "First"), common(random, "Hidden")
    with a_collection(app) as (reader, collection):
        owner = accounts.add_user("other@example.org", "member", "not for the reader")
        with write(keeps_loaded=True) as session:
            other = Collection(owner_id=owner.id, name="Other")
            session.add(other)
            session.flush()
            place(session, other, *hidden)
            first = place(session, collection, *seen)
        assert_as_plain(reader, seen, hidden)
        # New passages replace the deleted ones, and on SQLite reuse their rowids.
        with write(keeps_loaded=True) as session:
            session.execute(delete(Passage).where(Passage.document_id == first.id))
            session.execute(delete(Document).where(Document.id == first.id))
        again = common(random, "Again")
        with write(keeps_loaded=True) as session:
            place(session, collection, *again)
        assert_as_plain(reader, again, hidden)


def common(random: Random, title: str) -> tuple[str, list[str]]:
    """Returns a title and passages with a small vocabulary.

    Some passages are empty, and some have a length that FTS5 does not encode in one byte.
    """
    lengths, numbers = (0, 3, 40, 300), range(1, 40)
    zipf = [1 / (number + 5) for number in numbers]
    texts = [" ".join(map(word, random.choices(numbers, zipf, k=random.choice(lengths)))) for _ in range(index.AMONG)]
    return f"{title} {word(2)} {word(9)}", texts


def assert_as_plain(reader: User, seen: tuple[str, list[str]], hidden: tuple[str, list[str]]) -> None:
    plain, own = (Plain([(title, text) for title, texts in some for text in texts]) for some in ((seen, hidden), (seen,)))
    for question in (word(1), word(2), word(30), *(" ".join(map(word, (number, 20, 36, 38))) for number in range(1, 9))):
        best = sorted(plain.scores(question, found=own)[: len(seen[1])], reverse=True)[:50]
        found = search(reader, question, limit=50)
        assert [hit.score for hit in found] == pytest.approx([score for score in best if score], rel=1e-6), question
        assert {hit.document.title for hit in found} == {seen[0]}


@pytest.mark.slow
@on_both_databases
def test_common_words_are_counted_anew_when_something_is_added(app: Flask) -> None:
    many, until = index.AMONG + 1, time.monotonic() + 600
    with a_collection(app) as (reader, collection):
        with write(keeps_loaded=True) as session:
            place(session, collection, "Many", ["harbour"] * many)
        asked = tokenizer.query_words("harbour zebra")
        assert [index.counts(asked, until=until)[1] for _ in range(2)] == [{"harbour": many, "zebra": 0}] * 2
        with write(keeps_loaded=True) as session:
            place(session, collection, "More", ["harbour zebra"])
        assert index.counts(asked, until=until)[1] == {"harbour": many + 1, "zebra": 1}
        assert search(reader, "zebra harbour")[0].document.title == "More"


def _of(text: tuple[str, str]) -> tuple[str, list[str]]:
    return text[0], [text[1]]


@pytest.mark.slow
@on_both_databases
def test_words_are_found_as_people_write_them(app: Flask) -> None:
    texts = {
        "Müllers Café": "Die Mühlräder drehen sich.",
        "東京": "日本語の文章には空白がありません。",
        "Mill": "The mills were grinding all night; nothing else was heard.",
    }
    asked = {
        "muhlrader": "Müllers Café", "CAFE": "Müllers Café", "日本語": "東京", "空白": "東京", "東京": "東京",
        "grind a mill": "Mill", 'mill" OR "': "Mill", "the": "Mill", "mills*": "Mill",
    }  # fmt: skip
    with a_collection(app) as (reader, collection):
        with write(keeps_loaded=True) as session:
            for title, text in texts.items():
                place(session, collection, title, [text])
        for question, title in asked.items():
            assert [hit.document.title for hit in search(reader, question)] == [title], question
        for nothing in ("", "…", "本日", "zebra", '"', "NEAR(", "a" * 5_000):
            assert search(reader, nothing) == [], nothing
