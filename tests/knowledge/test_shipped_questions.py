"""The shipped questions: how many are answered by keywords, that vectors lose none of them, and what only vectors find."""

from collections.abc import Sequence

import pytest
import yaml

from tests.knowledge.meaning import chosen, embeds, is_ready, said
from tests.knowledge.placing import place
from tests.support.marks import on_both_databases
from webapp.base.config import ROOT
from webapp.base.db import write
from webapp.knowledge.documents import shipping
from webapp.knowledge.documents.shipping import questions
from webapp.knowledge.search.ranking import search
from webapp.knowledge.search.tokenizer import query_words, weights
from webapp.knowledge.tables import Collection
from webapp.people.accounts import queries as account_queries

# A page's name, a sentence of it, and a question about it that shares no word with it.
PARAPHRASES: Sequence[tuple[str, str, str]] = [
    tuple(row) for row in yaml.safe_load((ROOT / "tests" / "knowledge" / "paraphrases.yaml").read_text("utf-8"))
]


@pytest.fixture
def app(make_app, fake):
    return make_app(**fake.environ)


def found(app, email: str, text: str) -> list[str]:
    """Returns the names of the pages found, best first."""
    with app.app_context():
        hits = search(account_queries.user_by_email(email), text, limit=30)
        return list(dict.fromkeys(hit.document.name for hit in hits))


def recall(app, email: str) -> float:
    """Returns the share of answerable questions that have the right page among the first five."""
    answered = [question for question in questions() if question.pages]
    right = [
        any(page.rpartition("/")[2] in found(app, email, question.text)[:5] for page in question.pages) for question in answered
    ]
    return sum(right) / len(right)


@pytest.mark.slow
def test_vectors_find_paraphrases_and_take_nothing_away(app, fake, owners_shelf, owner):
    with app.app_context():
        shipping.ship(account_queries.user_by_email(owner.email))
    by_words = recall(app, owner.email)
    assert by_words >= 0.92
    unanswerable = [question.text for question in questions() if not question.pages]
    assert not [text for text in unanswerable if found(app, owner.email, text)]
    assert not [name for _, name, question in PARAPHRASES if name in found(app, owner.email, question)[:5]]

    planted = {text: number for number, (said_there, _, asked) in enumerate(PARAPHRASES) for text in (said_there, asked)}
    embeds(fake, 512, planted=planted)
    chosen(owners_shelf)
    for collection in owners_shelf.program.get("/collections")["collections"]:
        said(owners_shelf, collection["id"], is_ready)
    assert recall(app, owner.email) >= by_words - 0.02
    assert not [text for text in unanswerable if found(app, owner.email, text)]
    assert not [question for _, name, question in PARAPHRASES if name not in found(app, owner.email, question)[:5]]


@pytest.mark.slow
@on_both_databases
def test_what_strangers_store_is_no_answer_of_anybodys(app, owner, stranger):
    with app.app_context():
        shipping.ship(account_queries.user_by_email(owner.email))
        own = recall(app, owner.email)
        with write() as session:
            private = Collection(owner_id=stranger.person_id, name="Letters")
            session.add(private)
            session.flush()
            place(session, private, "Letters", [f"Number {number} tells of herons and of rain." for number in range(400)])
    assert recall(app, owner.email) == own
    assert not [question.text for question in questions() if not question.pages and found(app, owner.email, question.text)]


def test_the_paraphrases_share_no_word_with_what_they_mean():
    assert len(PARAPHRASES) == 30
    for said_there, _, question in PARAPHRASES:
        ((terms, _),) = weights([("", said_there)])
        assert not set(terms) & set(query_words(question)), question
