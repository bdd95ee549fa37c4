"""What a character knows: its chats read from its collections, with the permissions of the person who asks."""

import pytest
from sqlalchemy import delete

from tests.api.client import client_of
from tests.characters.conftest import MARA
from tests.chat.library import FRIDAY, Library, ask, given
from webapp.base.db import db
from webapp.characters.tables import Character
from webapp.people.accounts.tables import Grant

QUESTION = "When is a bearing oiled?"


@pytest.mark.slow
def test_its_chats_read_from_what_it_knows(member, make, app, fake):
    pumps = Library(app, member).collection(("Pumps", [FRIDAY]))
    page = member.page(make(**MARA, collections=pumps))
    assert page.one("section[aria-labelledby=knows] a").attributes["href"] == f"/knowledge/{pumps}"
    assert "checked" in member.page(f"{page.path}/edit").one(f"input[name=collections][value='{pumps}']").attributes

    chat = page.press("Chat with Mara")
    assert chat.one(".reads-from").text(strip=True)
    answer = ask(member, chat.path, QUESTION, fake, says="On Friday [1].")
    assert FRIDAY in given(fake, QUESTION)
    assert answer.one(".message-text a.cite").text() == "1"


@pytest.mark.slow
def test_the_api_says_what_its_chats_read_from(member, stranger, make, app):
    library = Library(app, member)
    pumps, wheels = library.collection(("Pumps", [FRIDAY])), library.collection(("Wheels", ["A wheel turns."]))
    id = make(**MARA, collections=pumps, is_shared="on").rpartition("/")[2]
    theirs, others = client_of(app, member.email), client_of(app, stranger.email)
    made = theirs.post("/chats", {"character_id": id}, status=201)["chat"]
    plain = theirs.post("/chats", {}, status=201)["chat"]

    assert (made["collection_ids"], made["reads_from"], plain["reads_from"]) == ([], [pumps], [])
    theirs.said("PATCH", f"/chats/{made['id']}", 200, {"collection_ids": [wheels]})
    listed = {chat["id"]: (chat["collection_ids"], chat["reads_from"]) for chat in theirs.get("/chats")["chats"]}
    assert listed == {made["id"]: ([wheels], [wheels, pumps]), plain["id"]: ([], [])}
    assert others.post("/chats", {"character_id": id}, status=201)["chat"]["reads_from"] == []


@pytest.mark.slow
def test_nobody_gets_more_by_it_than_is_theirs(member, stranger, make, app, fake):
    pumps = Library(app, member).collection(("Pumps", [FRIDAY]))
    path = make(**MARA, collections=pumps, is_shared="on")
    theirs, others = client_of(app, member.email), client_of(app, stranger.email)
    id = path.rpartition("/")[2]
    assert theirs.get(f"/characters/{id}")["collection_ids"] == [pumps]

    assert others.get(f"/characters/{id}")["collection_ids"] == []
    page = stranger.page(path)
    assert not page.all("section[aria-labelledby=knows]")
    chat = page.press("Chat with Mara")
    assert not chat.all(".reads-from")
    ask(stranger, chat.path, QUESTION, fake)
    assert given(fake, QUESTION) == ""
    others.post("/characters", {"name": "Spy", "description": "Spies.", "collection_ids": [pumps]}, status=404)


def test_who_edits_it_keeps_what_they_cannot_see(member, owner, app):
    pumps, owners = Library(app, member).collection(), Library(app, owner).collection(to=member.person_id)
    theirs = client_of(app, member.email)
    made = theirs.post("/characters", {"name": "Mara", "description": "Mills.", "collection_ids": [owners, pumps]}, status=201)
    Library(app, owner).change(lambda session: session.execute(delete(Grant)))

    assert theirs.get(f"/characters/{made['id']}")["collection_ids"] == [pumps]
    theirs.said("PATCH", f"/characters/{made['id']}", 200, {"collection_ids": []})

    with app.app_context():
        assert db.session.get_one(Character, made["id"]).collection_ids == [owners]
