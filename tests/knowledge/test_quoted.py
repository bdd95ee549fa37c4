"""Which answers have quoted a document: only those whose text cites it, in chats that the reader can open."""

import pytest
from sqlalchemy import select

from tests.chat.conftest import answered, begin, give, id_of
from tests.chat.library import FRIDAY, Library, ask
from tests.support.marks import also_on_postgres
from tests.support.statements import statements
from tests.upstream.fixtures import app
from webapp.base.db import write
from webapp.base.ids import new_id
from webapp.chat.record.tables import Message
from webapp.knowledge.tables import Document

__all__ = ["answered", "app", "begin"]
QUESTION = "When is a bearing oiled?"


@pytest.fixture
def library(app, member) -> Library:
    return Library(app, member)


def links(person, collection_id: str) -> list[str]:
    page = person.page(f"/knowledge/{collection_id}/answers")
    return [str(link.attributes["href"]) for link in page.all("main li a")]


@pytest.mark.slow
@also_on_postgres
def test_a_document_names_the_answers_that_quote_it(app, member, stranger, library, answered, fake):
    path = answered(member)
    collection = library.collection(("Pumps", [FRIDAY]), ("Wheels", ["A wheel turns."]), to=stranger.person_id)
    library.attach(path, collection)
    assert member.page(f"/knowledge/{collection}/answers").says("No answer has quoted any of them yet.")
    ask(member, path, QUESTION, fake, says="I don't know.")
    assert links(member, collection) == [], "what was given and isn't cited is no quote"
    page = ask(member, path, QUESTION, fake, says="Every Friday [1].")
    assert links(member, collection) == [f"{path}#message-{page.message_ids[-1]}"]
    assert member.page(f"/knowledge/{collection}/answers").says("1 answer")
    assert member.page(f"/knowledge/{collection}").all(f'a[href="/knowledge/{collection}/answers"]')
    # Others see the collection, but the answer only once its chat is shared with them; never what was deleted.
    assert links(stranger, collection) == []
    give(path, stranger, "view")
    assert len(links(stranger, collection)) == 1
    member.post(f"{path}/delete")
    assert links(member, collection) == links(stranger, collection) == []


def test_a_page_reads_the_answers_in_one_statement_however_many_there_are(app, member, library, answered):
    path = answered(member)
    collection = library.collection(("Pumps", [FRIDAY]), ("Wheels", ["A wheel turns."]))

    def said_on_page() -> list[str]:
        with statements(app) as executed:
            member.page(f"/knowledge/{collection}/answers")
        return [statement for statement, _ in executed if "messages.sources" in statement]

    assert len(said_on_page()) == 1
    with app.app_context(), write() as session:
        document_id = session.scalars(select(Document.id).where(Document.collection_id == collection)).first()
        source = {"number": 1, "document_id": document_id, "passage_id": "", "page": None}
        for _ in range(20):
            about = {"role": "assistant", "content": "So it is [1].", "sources": [source]}
            session.add(Message(id=new_id(), chat_id=id_of(path), **about))
    assert len(said_on_page()) == 1
    assert len(links(member, collection)) == 20
