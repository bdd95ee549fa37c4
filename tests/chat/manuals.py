"""A manual that is too long for a message, sent in chats, and helpers to see what became of it."""

from collections.abc import Sequence

from flask import Flask
from sqlalchemy import func, select

from tests.chat.conftest import asked, ended_with, id_of
from tests.chat.library import turns
from tests.chat.test_files import uploaded
from tests.knowledge.office import docx, paragraph
from tests.support.browser import Browser
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.files import long_files
from webapp.knowledge import queries
from webapp.knowledge.search.ranking import search
from webapp.knowledge.tables import Collection, Document, DocumentPart, Passage
from webapp.people.accounts.tables import User
from webapp.settings.service import set_setting

# The only fact in the manual that a test asks about.
FACT = "The warranty of the Orrery pump lasts nineteen months."
QUESTION = "How long is the warranty?"
NAME = "pump manual.docx"
TABLES = (Collection, Document, Passage, DocumentPart)


def be_patient(app: Flask) -> None:
    """Raises the timeouts, for slow machines, and lowers the length from which a file counts as long."""
    with app.app_context():
        set_setting("knowledge.search_seconds", "60")
        set_setting("files.reading_seconds", "100")
        set_setting("files.whole_tokens", "500")


def manual(more: str = "") -> bytes:
    before, after = paragraph("Grease is kept in the cellar. " * 100), paragraph(f"Bolts are counted{more}. " * 40)
    return docx(before + paragraph(FACT) + after)


def sent(person: Browser, question: str = QUESTION, path: str = "/chats", *, content: bytes = b"", name: str = NAME) -> str:
    """Sends the question with the manual, waits until the answer has ended, and returns the path of the chat."""
    count = 0 if path == "/chats" else len(person.page(path.removesuffix("/messages")).message_ids)
    chat = begun(person, question, path, content=content, name=name)
    person.wait_for(chat, ended_with(count + 2))
    return chat


def begun(person: Browser, question: str = QUESTION, path: str = "/chats", *, content: bytes = b"", name: str = NAME) -> str:
    block = uploaded(person, content or manual(), name).get_json()["block"]
    return str(person.post(path, message=question, part=block).location).partition("#")[0]


def is_read(person: Browser, chat: str) -> None:
    """Waits until the page shows that the file has been read."""
    person.wait_for(chat, lambda page: "passage" in words_of_file(page))


def words_of_file(page) -> str:  # type: ignore[no-untyped-def]
    return str(page.one(".long-file .file__size").text())


def found_by(person: Browser, chat: str = "") -> list[str]:
    """Returns the titles that a person finds: in the files of a chat, or in all collections listed on *Knowledge*."""
    with person.app.app_context():
        user = db.session.get_one(User, person.person_id)
        own = list(db.session.scalars(select(Collection.id).where(Collection.chat_id == id_of(chat)))) if chat else []
        within = {"collections": own or ["none"]} if chat else {}
        return sorted({hit.document.title for hit in search(user, "warranty orrery", seconds=60, **within)})


def counts(app: Flask) -> Sequence[int]:
    with app.app_context():
        return [db.session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


def told(fake: Upstream, question: str) -> str:
    """Returns the full text that a model was sent with a question."""
    return "\n".join(content for _, content in turns(fake, question))


def until_read(app: Flask) -> None:
    """Waits until every document is ready or has failed."""

    def is_done() -> bool:
        with app.app_context():
            unread = select(Document.id).where(Document.state.in_(("arriving", *queries.UNFINISHED)))
            return db.session.scalar(unread.limit(1)) is None

    with app.app_context():
        long_files.wake()
    until(is_done, "all documents are read")


def count_asked(fake: Upstream) -> int:
    return len(asked(fake))
