"""A server under attack: the bystander who must not be disturbed, the attackers, and existing chats."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from tests.support.people import known_hash
from tests.support.person import Person
from tests.support.server import Server, prepared
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.chat.record.tables import Chat, Message
from webapp.people.accounts.tables import User
from webapp.rendering import markdown

EMAILS = [f"member{number}@example.org" for number in range(4)]


@dataclass(frozen=True)
class Scene:
    """A server with its users: `members` attack; the `owner` is the bystander."""

    server: Server
    upstream: Upstream
    owner: Person
    members: list[Person]

    def await_the_end(self, seconds: float = 90) -> None:
        until(lambda: self.server.running() == 1, "nothing is written but the bystander's answer", seconds=seconds)

    def store(self, session: Session, name: str, texts: list[str]) -> None:
        """Inserts a chat of the first member into the database: the server would take long for so many messages."""
        chat = Chat(id=name, owner_id=self.ids(session)[0], model="some/model", title=name)
        session.add(chat)
        session.flush()
        session.execute(insert(Message), messages(name, texts))
        chat.head_id = message_id(name, len(texts) - 1)

    def ids(self, session: Session) -> list[str]:
        return [user.id for user in session.query(User).filter(User.email.in_(EMAILS)).order_by(User.email)]

    @contextmanager
    def database(self) -> Iterator[Session]:
        """Yields a session for one transaction of the test."""
        engine = create_engine(self.server.database_url)
        try:
            with Session(engine) as session, session.begin():
                yield session
        finally:
            engine.dispose()


@contextmanager
def opened(folder: Path, upstream: Upstream, **environ: str) -> Iterator[Scene]:
    with prepared(folder, **upstream.environ, **environ) as server:
        server.lift_limits()
        server.start()
        scene = Scene(server, upstream, Person(server.url).become_owner(server.owner_link), [])
        with scene.database() as session:
            session.add_all(User(email=email, name="Member", role="member", password_hash=known_hash()) for email in EMAILS)
        scene.members.extend(Person(server.url).sign_in(email) for email in EMAILS)
        yield scene
        assert "Traceback" not in server.log


def messages(chat_id: str, texts: list[str]) -> list[dict[str, object]]:
    """Builds a chain of messages; their HTML is already rendered, so that the server has only the attack to process."""
    same = {"chat_id": chat_id, "role": "user", "html": "<p>Words</p>", "html_version": markdown.VERSION}
    ids = [message_id(chat_id, number) for number in range(len(texts))]
    rows = zip(ids, [None, *ids], texts, strict=False)
    return [{"id": id, "parent_id": parent_id, "content": text, **same} for id, parent_id, text in rows]


def message_id(chat_id: str, number: int) -> str:
    return f"{chat_id}-{number:05}"
