"""Every place that shows part of a document, after its permission is revoked: no word of it is left anywhere."""

import io
import logging
import zipfile
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import update

from tests.api.client import Client, client_of
from tests.chat.conftest import address, give, id_of
from tests.chat.files import download
from tests.chat.library import Library, ask
from webapp.chat.record.tables import Chat
from webapp.knowledge.tables import Collection, Passage
from webapp.people.accounts.tables import Grant

QUESTION = "When is a bearing oiled?"
FIRST = "Oil the bearing every Friday, says canaryfirst. "
SECOND = "The bearing of the gate is oiled on Monday, says canarysecond."
TITLE, HEADING, COLLECTION = "Canarytitle", "Canaryheading", "Canarycollection"
CANARIES = ("canaryfirst", "canarysecond", TITLE, HEADING, COLLECTION)


@pytest.fixture
def library(app, stranger) -> Library:
    return Library(app, stranger)


@pytest.fixture
def collection(library, member) -> str:
    """A collection of another person, granted to the member, with two adjacent passages."""
    id = library.collection((TITLE, [FIRST, SECOND, "Paint it."]), to=member.person_id)

    def name(session) -> None:
        session.get_one(Collection, id).name = COLLECTION
        session.execute(update(Passage).values(heading=HEADING))

    library.change(name)
    return id


@pytest.fixture
def path(member, library, collection, answered, fake) -> str:
    """A chat of the member's whose answer quotes both passages as one source."""
    path = answered(member)
    library.attach(path, collection)
    ask(member, path, QUESTION, fake, says="On Friday [1].")
    return path.partition("#")[0]


def surfaces(person, program: Client, path: str) -> Iterator[tuple[str, str]]:
    """Yields the text of every place, by name, that a reader of the chat can open, including those that refuse."""
    page = person.page(path)
    message, id = str(page.message_ids[-1]), id_of(path)
    generation = (program.get(f"/messages/{message}")["generation"] or {"id": "none"})["id"]
    pages = {
        "chat": path,
        "chip": f"/messages/{message}/sources?number=1",
        "sources": f"/messages/{message}/sources",
        "sent": f"/generations/{generation}/sent",
        "insights": f"/insights/answers/{generation}",
        "raw": f"/messages/{message}.md",
        "markdown": f"{path}/export.md",
        "text": f"{path}/export.txt",
        "json": f"{path}/export.json",
        "form": f"{path}/prompts",
        "found": "/chats?q=bearing",
        "knowledge": "/knowledge?q=bearing",
        "try": "/knowledge/try?q=bearing+Friday",
        "home": "/",
    }
    for name, url in pages.items():
        answer = person.get(url)
        yield name, answer.text
        if answer.location:
            yield f"{name}, followed", person.get(str(answer.location)).text
    yield "fragment", person.get(f"/messages/{message}/sources", headers={"HX-Request": "true"}).text
    yield "typed", person.get("/search?q=bearing", headers={"HX-Request": "true"}).text
    yield "html", download(person, f"{path}/export.html").decode()
    yield "archive", "".join(unpacked(download(person, "/export.zip")))
    calls = {
        "chat": f"/chats/{id}",
        "chats": "/chats",
        "messages": f"/chats/{id}/messages",
        "message": f"/messages/{message}",
        "thread": f"/chat/threads/{id}/messages",
        "collections": "/collections",
        "search": "/search?q=bearing+Friday",
        "events": f"/generations/{generation}/events",
        "generation": f"/generations/{generation}",
    }
    for name, url in calls.items():
        yield f"api: {name}", program.call("GET", url, buffered=True).get_data(as_text=True)


def unpacked(archive: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return [opened.read(name).decode("utf-8", "replace") for name in opened.namelist()]


def shown(places: Iterator[tuple[str, str]], *, but: tuple[str, ...] = ()) -> set[str]:
    """Returns the places that show a word of the document."""
    return {name for name, text in places if any(canary in text for canary in CANARIES if canary not in but)}


def revoked(session) -> None:
    session.query(Grant).filter_by(object_kind="collection").delete()


def above(session) -> None:
    session.query(Collection).one().level = 3


def for_others(session) -> None:
    """The collection stays readable for them, and the document is granted to another person by name."""
    collection = session.query(Collection).one()
    document = session.query(Passage.document_id).first()[0]
    session.add(Grant(object_kind="document", object_id=document, user_id=collection.owner_id, right="read"))


@pytest.mark.slow
@pytest.mark.mostly_deep
@pytest.mark.parametrize(
    ("change", "but"), [(revoked, ()), (above, ()), (for_others, (COLLECTION,))], ids=["revoked", "level", "document"]
)
def test_no_surface_shows_a_word_once_the_right_is_gone(
    app, member, owner, library, path, caplog, change: Callable, but: tuple[str, ...]
):
    caplog.set_level(logging.DEBUG)
    program, admin = client_of(app, member.email), client_of(app, owner.email)
    # Every place does show it while the permission lasts.
    before = shown(surfaces(member, program, path))
    assert {"chip, followed", "sources", "fragment", "sent", "insights", "markdown", "text", "html", "json", "archive"} <= before
    assert {"chat", "form", "knowledge", "try", "api: message", "api: search", "api: collections"} <= before
    assert program.get(f"/chats/{id_of(path)}")["reads_from"] != []

    library.change(change)
    assert shown(surfaces(member, program, path), but=but) == set()
    assert (program.get(f"/chats/{id_of(path)}")["reads_from"] == []) == (not but)
    # Nor does anyone see it who can read the chat, nor an admin.
    give(path, owner, "view")
    assert shown(surfaces(owner, admin, path)) == set()
    assert not [message for message in caplog.messages if any(canary in message for canary in CANARIES)]
    # Both passages were one source: the second is not shown as a remainder of it.
    assert member.page(f"/messages/{member.page(path).message_ids[-1]}/sources").says("You can't see this source.")
    forked = str(member.post(address(member.page(path), "Branch into new chat")).location).partition("#")[0]
    assert shown(surfaces(member, program, forked), but=but) == set()


def test_what_a_chat_reads_from_is_told_to_each_as_far_as_they_see_it(app, member, stranger, library, path, collection):
    own = Library(app, member).collection(("Own", ["A wheel turns."]))
    library.change(lambda session: setattr(session.get_one(Chat, id_of(path)), "collection_ids", [collection, own]))
    give(path, stranger, "write")
    for person, seen in ((member, [collection, own]), (stranger, [collection])):
        program = client_of(app, person.email)
        told = program.get(f"/chats/{id_of(path)}")
        listed = {chat["id"]: chat for chat in program.get("/chats")["chats"]}
        assert told["reads_from"] == told["collection_ids"] == seen
        assert id_of(path) not in listed or listed[id_of(path)]["reads_from"] == seen
    library.change(revoked)
    assert client_of(app, member.email).get(f"/chats/{id_of(path)}")["reads_from"] == [own]
