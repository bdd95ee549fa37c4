"""Importing a card of a character that already exists: it is noticed, and the person decides what happens."""

import copy

import pytest

from tests.api.client import client_of
from tests.characters.card_samples import V2, V3, as_json, bring
from tests.characters.conftest import names, png
from tests.characters.test_api import put
from tests.support.marks import also_on_postgres
from webapp.base.db import db
from webapp.characters.tables import Character

NEW = copy.deepcopy(V2)
NEW["data"] |= {"description": "Mara sails.", "tags": ["sea"]}


def imported(member, card, name="mara.json"):
    return bring(member, (name, as_json(card)))


def links(page) -> list[str]:
    return [str(link.attributes["href"]) for link in page.all("#result ~ ul a")]


@pytest.fixture
def first(member) -> str:
    """The path of the member's character from the first import."""
    page = imported(member, V2)
    assert not page.all("#existing")
    return links(page)[0]


@also_on_postgres
def test_the_same_content_is_noticed(first, member):
    member.submit(f"{first}/edit", name="My Mara")

    page = imported(member, V2)

    assert page.one("fieldset p").text() == "You have My Mara with the same content."
    assert page.one("fieldset p a").attributes["href"] == first
    assert [label.text() for label in page.all("fieldset label")] == ["Keep both", "Delete the imported one"]
    page = page.press("Apply", **{page.all("fieldset input")[0].attributes["name"]: "remove"})
    assert page.says("the imported one was deleted")
    assert names(member.page("/characters")) == ["My Mara"]
    page.press("Undo Mara")
    assert names(member.page("/characters")) == ["Mara", "My Mara"]


@pytest.mark.slow
def test_the_same_name_and_creator_are_noticed_and_the_text_can_be_replaced(first, member, app):
    chat = str(member.post(f"{first}/chat").location)
    page = imported(member, NEW)
    (new,) = links(page)
    assert page.one("fieldset p").text() == "You have Mara with the same name and creator."

    page = page.press("Apply", **{f"choice-{new.rpartition('/')[2]}": f"replace {first.rpartition('/')[2]}"})

    assert page.says("Its chats continue with it.")
    assert "Mara sails." in member.page(first).text
    assert names(member.page("/characters")) == ["Mara"]
    with app.app_context():
        assert db.session.get_one(Character, first.rpartition("/")[2]).card == NEW
    assert member.page(chat.partition("#")[0]).all(f'.played a[href="{first}"]')
    # The text from before is not lost.
    page = page.press("Keep the old text as another character Mara")
    assert "mills rye" in page.text
    assert member.get(new).status_code == 200


@pytest.mark.slow
def test_other_names_and_creators_are_not_noticed(first, member):
    others = copy.deepcopy(V2)
    others["data"] |= {"creator": "Bo", "description": "Another Mara."}

    assert not imported(member, V3).all("#existing")
    assert not imported(member, others).all("#existing")


@pytest.mark.slow
def test_others_characters_are_neither_noticed_nor_replaced(first, member, stranger):
    member.submit(f"{first}/edit", is_shared="on")

    page = imported(stranger, NEW)

    assert not page.all("#existing")
    (new,) = links(page)
    page = stranger.send(
        "/characters/import/existing",
        {f"choice-{new.rpartition('/')[2]}": f"replace {first.rpartition('/')[2]}"},
        follow=False,
    )
    assert page.status_code == 403
    assert "Duplicate it" in page.text
    assert "mills rye" in member.page(first).text


@pytest.mark.slow
def test_keeping_both_changes_nothing_and_what_is_gone_is_skipped(first, member):
    page = imported(member, NEW)
    (new,) = links(page)
    assert page.press("Apply").says("kept")
    assert names(member.page("/characters")) == ["Mara", "Mara"]

    member.post(f"{new}/delete")
    assert not page.press("Apply").all("#decided")


def test_the_picture_comes_along(first, member, app):
    program = client_of(app, member.email)
    body = program.post("/characters", {"name": "Mara", "description": "Mara sails."}, status=201)
    put(program, f"/characters/{body['id']}/avatar", png())

    path = f"/characters/{first.rpartition('/')[2]}"
    changed = program.post(f"{path}/replace", {"character_id": body["id"]})

    assert (changed["description"], bool(changed["avatar_url"])) == ("Mara sails.", True)
    program.said("GET", f"/characters/{body['id']}", 404)
    program.said("POST", f"{path}/replace", 422, {"character_id": first.rpartition("/")[2]})
    program.said("POST", f"{path}/replace", 404, {"character_id": body["id"]})
