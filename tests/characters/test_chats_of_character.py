"""The chats that a character's page lists: one's own, newest first, alone and in groups."""

import pytest
from sqlalchemy import text

from tests.api.client import client_of
from tests.characters.conftest import MARA
from tests.support.marks import also_on_postgres
from webapp.base.db import db
from webapp.workspace.list import paging
from webapp.workspace.roleplay.views import PAGE

BO = {"name": "Bo", "description": "Bo sails.", "greeting": "Ahoy."}


@pytest.fixture
def ids(make) -> list[str]:
    """The ids of Mara and Bo, the member's characters."""
    return [make(**character).rpartition("/")[2] for character in (MARA, BO)]


def listed(page) -> list[str]:
    return [str(link.attributes["href"]).rpartition("/")[2] for link in page.all("#main .rows a")]


def begun(browser, id: str) -> str:
    return str(browser.post(f"/characters/{id}/chat").location).rpartition("/")[2].removesuffix("#end")


@pytest.mark.slow
@also_on_postgres
def test_ones_own_chats_are_listed_newest_first_with_groups(ids, member):
    mara, bo = ids
    assert not member.page(f"/characters/{mara}").all("#chats")
    alone, others = begun(member, mara), begun(member, bo)
    group = member.submit("/characters/group", character_ids=ids, turn_order="manual").path.rpartition("/")[2]

    assert listed(member.page(f"/characters/{mara}")) == [group, alone]
    assert listed(member.page(f"/characters/{bo}")) == [group, others]

    member.post(f"/chats/{alone}/delete")
    member.post(f"/chats/{group}/archive")
    assert listed(member.page(f"/characters/{mara}")) == []


def test_a_new_chat_begins_there(ids, member):
    begun(member, ids[0])

    page = member.page(f"/characters/{ids[0]}").press("New chat")

    assert page.path.startswith("/chats/")
    assert len(listed(member.page(f"/characters/{ids[0]}"))) == 2


@pytest.mark.slow
def test_more_chats_are_on_further_pages(ids, member):
    path = f"/characters/{ids[0]}"
    chats = [begun(member, ids[0]) for _ in range(PAGE + 2)]

    first = member.page(path)
    older = first.click("Older chats")

    assert listed(first) == chats[:1:-1]
    assert listed(older) == chats[1::-1]
    assert not older.all("a[rel=next]")
    assert listed(older.click("Newest chats")) == chats[:1:-1]


def test_others_chats_with_a_shared_character_are_not_listed(make, member, stranger):
    path = make(**MARA, is_shared="on")
    member.post(f"{path}/chat")

    assert not stranger.page(path).all("#chats")


def test_the_api_filters_by_character(ids, app, member):
    program, alone = client_of(app, member.email), begun(member, ids[0])
    begun(member, ids[1])

    assert [chat["id"] for chat in program.get("/chats", query={"character_id": ids[0]})["chats"]] == [alone]
    program.said("GET", "/chats?character_id=%25", 422)


def test_groups_are_found_by_their_index(app):
    with app.app_context():
        groups = f"SELECT id FROM chats WHERE owner_id = 'x' AND {paging.IS_GROUP}"
        plan = str(db.session.execute(text(f"EXPLAIN QUERY PLAN {groups}")).all())

    assert "ix_chats_groups" in plan
