"""Lorebooks of a persona: used in all chats with it, as far as its person can read them."""

import pytest

from tests.api.client import client_of
from tests.characters.lore.test_pages import app
from tests.characters.lore.test_sharing import book, post, share, told
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from webapp.base.db import write
from webapp.characters.tables import Persona
from webapp.chat.prompt.context import PromptContext
from webapp.chat.prompt.lore import lore_sections
from webapp.chat.record.tables import Chat

__all__ = ["app", "book"]
MILL = "The mill burnt down."


def persona(browser: Browser, book: str) -> str:
    """Returns the path of a persona with this lorebook, attached with its form."""
    path = str(browser.submit("/personas", name="Jo", description="Jo mills rye.").link("Jo").attributes["href"])
    form = browser.page(path).form("Save")
    form.submit(lorebooks=book.rpartition("/")[2])
    return path


def id_of(path: str) -> str:
    return path.rpartition("/")[2]


@pytest.mark.slow
@also_on_postgres
def test_it_is_used_in_every_chat_with_that_persona(member, fake, book, make):
    fake.says("Aye.")
    jo = persona(member, book)
    assert "checked" in member.page(jo).one("input[name=lorebooks]").attributes

    chat = member.page(make()).press("Chat with Mara").path
    for id, is_used in (("", False), (id_of(jo), True), ("", False)):
        member.submit(f"{chat}/prompts", persona=id)
        assert (MILL in told(member, fake, chat)) is is_used

    copy = member.page(jo).press("Duplicate")
    assert "checked" in copy.one("input[name=lorebooks]").attributes
    assert post(member, copy.path, name="Jo", description="Jo mills rye.").status_code == 303
    assert "checked" not in member.page(copy.path).one("input[name=lorebooks]").attributes
    assert "checked" in member.page(jo).one("input[name=lorebooks]").attributes


@pytest.mark.slow
@also_on_postgres
def test_one_that_was_withdrawn_is_not_used_and_not_named(app, member, stranger, book):
    shared = share(member, book, f"user:{stranger.person_id}")
    jo, program = persona(stranger, book), client_of(app, stranger.email)
    assert program.get(f"/personas/{id_of(jo)}")["lorebook_ids"] == [id_of(book)]
    with app.app_context():
        with write() as session:
            chat = Chat(owner_id=stranger.person_id, title="Tea", model="fake/plain", persona_id=id_of(jo))
            session.add(chat)
        context = PromptContext(chat.id, chat.owner_id, "fake/plain", [("user", "The mill?")])
        assert [section.section.text for section in lore_sections(context)] == [MILL]
        # An impersonal step of a workflow is sent nothing of the person's persona.
        assert list(lore_sections(PromptContext(chat.id, chat.owner_id, "fake/plain", context.messages, is_personal=False))) == []

    member.send(shared.one(".entries form").attributes["action"], {}, follow=True)
    with app.app_context():
        assert list(lore_sections(context)) == []
    assert program.get(f"/personas/{id_of(jo)}")["lorebook_ids"] == []
    assert program.get("/personas")["personas"][0]["lorebook_ids"] == []
    assert not stranger.page(jo).all("input[name=lorebooks]")
    # Editing another field keeps the hidden attachment, in case the lorebook is shared again.
    program.said("PATCH", f"/personas/{id_of(jo)}", 200, {"name": "Joe"})
    share(member, book, "everyone:")
    assert program.get(f"/personas/{id_of(jo)}")["lorebook_ids"] == [id_of(book)]


def test_a_private_one_cannot_be_attached_by_others_nor_to_the_teams(app, owner, member, stranger, book):
    jo = persona(member, book)
    assert stranger.get(jo).status_code == 404
    foreign, id = client_of(app, stranger.email), id_of(book)
    foreign.said("POST", "/personas", 422, {"name": "Kim", "description": "Kim rows.", "lorebook_ids": [id]})

    with app.app_context(), write() as session:
        teams = Persona(owner_id=None, name="Anyone", description="Somebody.")
        session.add(teams)
        session.flush()
        team_id = teams.id
    admin = client_of(app, owner.email)
    own = admin.post("/lorebooks", {"name": "Mine"}, status=201)["id"]
    refused = admin.said("PATCH", f"/personas/{team_id}", 422, {"lorebook_ids": [own]})
    assert refused["fields"] == {"lorebook_ids": "The team's personas have no lorebooks. Duplicate one to get your own."}
    page = owner.page(f"/personas/{team_id}")
    assert not page.all("input[name=lorebooks]")
    assert page.form("Save").submit(description="Somebody else.").status_code == 200


@pytest.mark.parametrize("ids", [["nobody"], [f"{number:026}" for number in range(21)]])
def test_odd_wishes_are_refused(app, member, ids):
    client_of(app, member.email).said("POST", "/personas", 422, {"name": "Jo", "description": "Jo rows.", "lorebook_ids": ids})
