"""Search finds what answers have called: tools, arguments and results, for those who can see them, on both databases."""

from typing import Any

import pytest
from sqlalchemy import delete, text, update

from tests.chat.conftest import give
from tests.chat.test_chats import add_chats
from tests.chat.test_search import HOSTILE, found, say
from tests.support.browser import Browser
from tests.support.marks import few_of, on_both_databases
from tests.support.turns import nobody_waits
from webapp.base.db import db, is_sqlite, utc_now, write
from webapp.chat import erasing
from webapp.chat.record.tables import Chat, Message
from webapp.tools.tables import Call
from webapp.workspace.list.search import CALL, newest_passages, search

UNSEEN = [{"number": 1, "document_id": "d", "passage_id": "p", "page": None}]
WEIRS: dict[str, Any] = {
    "tool": "search_documents",
    "title": "Searched the documents for “Müller”",
    "arguments": '{"query": "M\\u00fcller weirs", "limit": 3}',
    "text": "The sluice keeper wrote about ```eels```.",
}


def call(browser: Browser, message_id: str, **values: Any) -> str:
    """Stores a call of this answer and returns its id."""
    with browser.app.app_context(), write() as session:
        row = Call(message_id=message_id, round=1, number=0, upstream_id="c", state="done", policy="allow", **(WEIRS | values))
        row.number = session.query(Call).filter(Call.message_id == message_id).count()
        session.add(row)
        session.get_one(Message, message_id).call_count += 1
        session.flush()
        return row.id


def change(browser: Browser, statement: Any) -> None:
    with browser.app.app_context(), write() as session:
        session.execute(statement)


@pytest.fixture
def chat_id(owner) -> str:
    return add_chats(owner, 1, title="Of stones and rye")[0]


@pytest.fixture
def answer(owner, chat_id) -> str:
    """The id of an answer with one call."""
    _, id = say(owner, chat_id, "Who wrote?", "He did.")
    change(owner, update(Message).where(Message.id == id).values(role="assistant"))
    call(owner, id)
    return id


@on_both_databases
@pytest.mark.parametrize(
    "query", ["searched documents", "müller", "weir", "sluice keep", "eels", "search_documents", "keepers eel"]
)
def test_tools_arguments_and_results_are_found_and_lead_to_the_message(owner, answer, query):
    owner_id = owner.person_id
    with owner.app.app_context():
        (hit,) = search(owner_id, query).hits
        assert (hit.message_id, hit.call) == (answer, "Searched the documents for “Müller”")
        assert any(piece.is_marked for piece in hit.passage)
        (newest,) = newest_passages(owner_id, query, limit=6)
        assert newest.message_id == answer
    page = owner.page(f"/chats?q={query}")
    assert page.one(".hit a").attributes["href"].startswith(f"/messages/{answer}/place")
    assert page.one(".hit .when").text().split()[0] == "Call"


@on_both_databases
def test_the_index_follows_every_change(app, owner, chat_id, answer):
    change(owner, update(Call).values(text="Now of herons"))
    assert not found(owner, "eels")
    assert len(found(owner, "herons")) == 1
    change(owner, update(Call).values(state="failed"))
    assert len(found(owner, "herons")) == 1
    change(owner, delete(Call))
    assert not found(owner, "herons")
    call(owner, answer)
    change(owner, update(Chat).values(deleted_at=utc_now()))
    assert not found(owner, "eels")
    with app.app_context():
        erasing.erase(Chat.id == chat_id)
        if is_sqlite():
            left = text("SELECT count(*) FROM calls_search WHERE calls_search MATCH 'eels OR weirs OR searched'")
            assert db.session.scalar(left) == 0
        assert db.session.query(Call).count() == 0


@on_both_databases
def test_readers_of_the_chat_find_it_and_strangers_do_not(owner, member, stranger, chat_id, answer):
    assert not found(member, "sluice")
    give(f"/chats/{chat_id}", member, "view")
    assert len(found(member, "sluice")) == 1
    assert not found(stranger, "sluice")


@on_both_databases
def test_a_result_that_quotes_the_unseen_is_not_found_by_its_words(owner, answer):
    change(owner, update(Call).values(sources=UNSEEN))
    owner_id = owner.person_id
    for query in ("eels", "sluice keeper", "weirs eels"):
        assert not found(owner, query)
        with owner.app.app_context():
            assert not newest_passages(owner_id, query, limit=6)
    (passage,) = found(owner, "weirs")
    assert "eels" not in passage


@on_both_databases
def test_an_answer_is_one_hit_however_many_of_its_calls_match(owner, answer):
    for _ in range(5):
        call(owner, answer)
    change(owner, update(Message).where(Message.id == answer).values(content="Of eels."))
    assert len(found(owner, "eels")) == 1


@on_both_databases
def test_only_the_beginning_of_a_long_result_is_indexed(owner, answer):
    with nobody_waits():
        change(owner, update(Call).values(text="eels " + "and so on " * 100_000 + "herons"))
    assert len(found(owner, "eels")) == 1
    assert not found(owner, "herons")


@pytest.mark.mostly_slow
@pytest.mark.parametrize("typed", few_of(HOSTILE, 8))
def test_nothing_that_is_typed_breaks_it(owner, answer, typed):
    owner_id = owner.person_id
    with owner.app.app_context():
        search(owner_id, typed)
        newest_passages(owner_id, typed, limit=6)


def test_hostile_text_is_shown_as_text(owner, answer):
    change(owner, update(Call).values(text="<script>alert(1)</script> eels", title="<b>Searched</b>"))
    page = owner.page("/chats?q=eels")
    assert not page.all(".hit script, .hit b")
    assert page.says("alert(1)")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_the_index_is_used(owner, answer):
    with owner.app.app_context():
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
        explained = text(f"EXPLAIN SELECT 1 FROM calls k WHERE {CALL} @@ to_tsquery('english', 'water')")
        assert "ix_calls_search" in "\n".join(db.session.scalars(explained))
