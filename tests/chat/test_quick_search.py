"""GET /search?q= while typing: titles and the newest passages of chats."""

import pytest

from tests.chat.test_chats import add_chats
from tests.chat.test_search import HOSTILE, say
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.turns import longest_turn
from webapp.base.db import db
from webapp.chat.messages import chats
from webapp.chat.record.tables import Chat
from webapp.workspace.list.search import newest_passages, titles_of


@pytest.fixture
def chat_id(owner) -> str:
    return add_chats(owner, 1, title="Of stones and rye")[0]


def glanced(browser, query: str) -> tuple[list[str], list[str]]:
    owner_id = browser.person_id
    with browser.app.app_context():
        hits = newest_passages(owner_id, query, limit=8)
        names = [hit.title for hit in titles_of(owner_id, query, limit=8)]
        return names, ["".join(piece.text for piece in hit.passage) for hit in hits]


@on_both_databases
def test_titles_and_the_newest_messages_are_found_by_beginnings(owner, chat_id):
    say(owner, chat_id, *(f"Grinding wheat {n}" for n in range(12)))

    titles, passages = glanced(owner, "whe")
    assert (titles, passages[0], len(passages)) == ([], "Grinding wheat 11", 8)
    assert glanced(owner, "ry sto")[0] == ["Of stones and rye"]
    assert glanced(owner, "stones nothing") == ([], [])


@also_on_postgres
def test_a_last_word_of_two_letters_is_looked_for_in_titles_alone(owner, chat_id):
    say(owner, chat_id, "Wheat and rye", "水車小屋")

    assert glanced(owner, "r") == (["Of stones and rye"], [])
    assert glanced(owner, "wheat ry")[1] == ["Wheat and rye"]
    assert glanced(owner, "水") == ([], ["水車小屋"])


@also_on_postgres
def test_only_what_a_person_may_see_is_found(owner, stranger, chat_id):
    say(owner, chat_id, "A secret about water")

    assert glanced(stranger, "secret") == glanced(stranger, "stones") == ([], [])
    with owner.app.app_context():
        chats.trash(db.session.get_one(Chat, chat_id))
    assert glanced(owner, "secret") == glanced(owner, "stones") == ([], [])


@pytest.mark.slow
@on_both_databases
def test_nothing_that_is_typed_breaks_it(owner, chat_id):
    say(owner, chat_id, "A plain message")
    owner_id = owner.person_id
    with owner.app.app_context():
        for query in HOSTILE:
            newest_passages(owner_id, query, limit=8)
            titles_of(owner_id, f"message {query}", limit=5)
    assert owner.htmx_get("/search?q=%22plain").one(".result mark").text() == "plain"


def test_the_fragment_leads_to_the_passage_and_to_everything(owner, chat_id):
    say(owner, chat_id, "Water <b>and</b> stones")

    fragment = owner.htmx_get("/search?q=stone")
    assert [node.text() for node in fragment.all(".result__words")][:2] == ["Of stones and rye", "Of stones and rye"]
    assert [node.text() for node in fragment.all("h2")] == ["Chats", "Messages"]
    assert fragment.one("[aria-label=Messages] a").attributes["href"].endswith("/place?found=stones")
    assert fragment.one(".result--all").attributes["href"] == "/chats?q=stone"
    assert fragment.one(".results").attributes["data-count"] == "2 results"
    assert "<b>and" not in fragment.text
    assert not fragment.all(".result__passage b")


def test_the_way_to_a_passage_keeps_its_words(owner, chat_id):
    (id,) = say(owner, chat_id, "Water")

    assert owner.get(f"/messages/{id}/place?found=water").location == f"/chats/{chat_id}?found=water#message-{id}"


@pytest.mark.slow
def test_what_others_have_said_a_thousand_times_keeps_nobody_waiting(owner, stranger, chat_id):
    say(owner, chat_id, *["water and rye"] * 5_000)

    with longest_turn() as longest:
        assert glanced(stranger, "water") == ([], [])
    assert longest.seconds < 0.5
