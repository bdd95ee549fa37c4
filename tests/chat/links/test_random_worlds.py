"""Random worlds of chats with links: no page, file, stream, list or copy shows a word that its link doesn't open."""

import re
from collections.abc import Generator

import pytest
from flask import Flask
from sqlalchemy import select

from tests.chat.links.worlds import COPY, FILE, PAGE, WORD, MadeLink, World, allow_all
from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from tests.support.rounds import ROUNDS
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import Base, db
from webapp.chat import erasing
from webapp.chat.files import storage
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.record.tables import Chat, Message
from webapp.people.accounts import service as accounts
from webapp.workspace.links import service
from webapp.workspace.links.pages import file_name

# Ten are as many as the mutations of the rules need to be noticed.
WORLDS = 1_000 if ROUNDS > 1 else 10
# Worlds of one database: each looks through what those before have left.
AT_ONCE = 50
CLOSINGS = ("trash", "disabled", "another owner", "off", "members", "an end")
ID = re.compile(r"(?<![0-9a-z])[0-9][0-9a-hjkmnp-tv-z]{25}(?![0-9a-z])")
# How many frames come at once: of an open snapshot only the opening, else also the messages, or the end.
OPENING = 1


def words(text: str) -> set[str]:
    return set(WORD.findall(text))


class Visits:
    """All that can be asked for with the links of a world, compared with what they may show."""

    def __init__(self, app: Flask, world: World) -> None:
        self.app, self.world, self.nobody = app, world, Browser(app)
        with app.app_context():
            self.browsers = {role: self._signed_in(person.id) for role, person in world.people.items()}

    def _signed_in(self, id: str) -> Browser:
        browser = Browser(self.app)
        browser.client.set_cookie("millrace", accounts.open_session(id, ""), httponly=True)
        return browser

    def check(self, *, in_full: bool = False) -> None:
        """Compares what is shown now; `in_full` with copies, with lists and with the names of files that no page has."""
        for link in self.world.links:
            is_open = self.world.is_open(link)
            self._page(link, is_open=is_open)
            self._stream(link, is_open=is_open)
            if in_full:
                self._copy(link, is_open=is_open)
                self._unseen_files(link)
        if in_full:
            self._lists()

    def _page(self, link: MadeLink, *, is_open: bool) -> None:
        path, world = f"/s/{link.token}", self.world
        # Signed-in people see the same page.
        visitor = world.random.choice([self.nobody, *self.browsers.values()]) if is_open else self.nobody
        response = visitor.client.get(path)
        around = world.title_of(link) | ({world.people["maker"].name} if "names" in link.shows else set())
        assert response.status_code in ((200,) if is_open else (404, 429))
        assert words(f"{response.headers}{response.text}") == ((world.shown(link, PAGE) | around) if is_open else set())
        assert not ID.findall(f"{response.headers}{response.text}")
        contents = set[str]()
        for name in set(re.findall(rf"{path}/files/([\w-]+)", response.text)):
            file = self.nobody.client.get(f"{path}/files/{name}")
            assert file.status_code == 200
            assert words(str(file.headers)) <= world.shown(link, PAGE)
            contents |= words(file.text)
        assert contents == (world.shown(link, FILE) if is_open else set())

    def _unseen_files(self, link: MadeLink) -> None:
        for id in self.world.unseen_files:
            path = f"/s/{link.token}/files/{file_name(link.token, id)}"
            assert self.nobody.client.get(path).status_code in (404, 429)

    def _stream(self, link: MadeLink, *, is_open: bool) -> None:
        frames = self.frames(link)
        text = "".join(next(frames) for _ in range(OPENING if is_open and not link.is_live else 2))
        frames.close()
        assert words(text) == (self.world.shown(link, PAGE) if is_open and link.is_live else set())
        assert ("event: closed" in text) == (not is_open)

    def frames(self, link: MadeLink) -> Generator[str]:
        """Yields what a page of the link receives that has another mark than the current one."""
        response = self.nobody.client.get(f"/s/{link.token}/events?at=another")
        assert not words(str(response.headers))
        try:
            for frame in response.response:
                yield frame.decode()
        finally:
            # A stream of a closed link has ended by itself.
            getattr(response.response, "close", lambda: None)()

    def _copy(self, link: MadeLink, *, is_open: bool) -> None:
        reader = self.browsers["reader"]
        asked = reader.client.get(f"/s/{link.token}/continue")
        question = asked.text.partition("<main")[2].partition("</main>")[0]
        assert words(question) == (self.world.title_of(link) if is_open else set())
        answer = reader.post(f"/s/{link.token}/continue")
        assert answer.status_code == (303 if is_open else 404)
        if is_open:
            with self.app.app_context():
                stored = stored_of(answer.location.partition("#")[0].rpartition("/")[2])
            for id, name in self.world.names.items():
                stored = stored.replace(id, name)
            assert words(stored) == self.world.shown(link, COPY) | self.world.title_of(link)

    def _lists(self) -> None:
        world, id = self.world, self.world.chat_id
        titles, tokens = {world.title} | {link.title for link in world.links}, [link.token for link in world.links]
        for role in ("reader", "writer"):
            for path in (f"/chats/{id}/links", f"/api/v1/chats/{id}/links", "/links"):
                text = self.browsers[role].client.get(path).text.partition("<main")[2]
                assert not words(text) & titles
                assert not [token for token in tokens if token in text]


def stored_of(chat_id: str) -> str:
    """Returns all that is stored of a chat, with the names and contents of its files."""
    ids = select(Message.id).where(Message.chat_id == chat_id).scalar_subquery()
    rows = [*db.session.execute(select(Base.metadata.tables["chats"]).where(Chat.id == chat_id))]
    for table in Base.metadata.sorted_tables:
        if "chat_id" in table.c:
            rows += db.session.execute(select(table).where(table.c.chat_id == chat_id))
        if "message_id" in table.c:
            rows += db.session.execute(select(table).where(table.c.message_id.in_(ids)))
    files = db.session.scalars(select(StoredFile).join(ChatFile).where(ChatFile.chat_id == chat_id)).all()
    contents = [f"{file.name} {storage.path_of(file.hash).read_text()}" for file in files]
    return f"{list(map(tuple, rows))}{contents}"


def revoke(visits: Visits, link: MadeLink, *, is_watched: bool) -> None:
    """Revokes a link, perhaps while a page of it is open; what this receives then is its end."""
    is_followed = is_watched and visits.world.is_open(link)
    frames = visits.frames(link) if is_followed else iter(())
    for _ in range((2 if link.is_live else OPENING) if is_followed else 0):
        next(frames)
    with visits.app.app_context():
        service.revoke(link.id, author=COMMAND_LINE)
    link.is_revoked = True
    last = "".join(frames)
    assert not words(last)
    assert ("event: closed" in last) == is_followed


def live_through(app: Flask, number: int) -> None:
    """Makes a world, and compares all that is shown whenever something has happened in it."""
    with app.app_context():
        world = World(number)
        for _ in range(2):
            world.link()
        world.go_on()
    visits = Visits(app, world)
    visits.check(in_full=True)
    with app.app_context():
        reopen = world.close(CLOSINGS[number % len(CLOSINGS)])
    visits.check()
    with app.app_context():
        reopen()
    revoke(visits, world.links[0], is_watched=number % 10 == 0)
    visits.check()
    with app.app_context():
        erasing.erase(Chat.id == world.chat_id)
    world.closings.add("erased")
    visits.check()


@pytest.mark.slow
@pytest.mark.rounds
@on_both_databases
@pytest.mark.parametrize("first", range(0, WORLDS, AT_ONCE))
def test_only_what_a_link_opens_is_shown(app: Flask, first: int) -> None:
    with app.app_context():
        allow_all()
    for number in range(first, min(first + AT_ONCE, WORLDS)):
        live_through(app, number)
