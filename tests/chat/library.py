"""Documents for chats to read from, searchable immediately, and helpers to see what models are sent of them."""

from tests.chat.conftest import asked, ended_with, id_of
from tests.knowledge.placing import place
from webapp.base.db import write
from webapp.chat.record.tables import Chat
from webapp.knowledge.tables import Collection
from webapp.people.accounts.tables import Grant
from webapp.settings.service import set_setting

FRIDAY = "Oil the bearing of the pump every Friday."


class Library:
    """Creates collections of a person, whose documents are searchable immediately."""

    def __init__(self, app, person) -> None:
        self.app, self.person = app, person
        with app.app_context():
            # So that no search times out on a slow machine.
            set_setting("knowledge.search_seconds", "60")

    def collection(self, *documents: tuple[str, list[str]], to: str = "", **more) -> str:
        with self.app.app_context(), write() as session:
            collection = Collection(owner_id=self.person.person_id, name="Papers", **more)
            session.add(collection)
            session.flush()
            for title, texts in documents:
                place(session, collection, title, texts)
            if to:
                session.add(Grant(object_kind="collection", object_id=collection.id, user_id=to, right="read"))
            return collection.id

    def attach(self, path: str, *ids: str) -> None:
        with self.app.app_context(), write() as session:
            session.get_one(Chat, id_of(path)).collection_ids = list(ids)

    def change(self, statement) -> None:
        with self.app.app_context(), write() as session:
            statement(session)


def turns(fake, question: str) -> list[tuple[str, str]]:
    """Returns the turns sent with this question; requests for titles can be logged in between."""
    sent = [[(turn["role"], turn["content"]) for turn in entry["body"]["messages"]] for entry in asked(fake)]
    return next(request for request in reversed(sent) if ("user", question) in request[-3:])


def given(fake, question: str) -> str:
    """Returns the sources sent with a question, or an empty string."""
    return "\n".join(content for role, content in turns(fake, question) if role == "user" and "```" in content)


def ask(person, path: str, message: str, fake, *, says: str = "Yes"):
    fake.says(says)
    count = len(person.page(path).message_ids)
    person.submit(path, message=message)
    return person.wait_for(path, ended_with(count + 2))
