"""The list of characters as cards: notes, favorites, filters, order and the last chat with each."""

import pytest

from tests.characters.conftest import names
from tests.conftest import signed_in
from tests.support.marks import also_on_postgres
from webapp.base.db import db, utc_now, write
from webapp.characters.tables import Character, FavoriteCharacter
from webapp.chat.record.tables import Chat


@also_on_postgres
def test_a_favorite_comes_first_for_its_person_alone(make, member, app):
    path = make(name="Zoe", is_shared="on")
    make(name="Ada")
    assert names(member.page("/characters")) == ["Ada", "Zoe"]

    page = member.page("/characters").press("Favorite: Zoe")

    assert names(page) == ["Zoe", "Ada"]
    assert page.path == "/characters"
    assert page.button("Favorite: Zoe").attributes["aria-pressed"] == "true"
    assert member.page(path).button("Favorite: Zoe").attributes["aria-pressed"] == "true"
    assert signed_in(app, "other@example.org", "member").page("/characters").button("Favorite: Zoe").attributes["value"] == "y"
    assert names(page.press("Favorite: Zoe")) == ["Ada", "Zoe"]


def test_a_star_keeps_the_filter_of_the_list_and_the_page_of_the_character(make, member):
    make(name="Zoe", tags="mill, calm")
    path = make(name="Ada", tags="mill")

    page = member.page("/characters?tag=mill&q=ada&sort=new").press("Favorite: Ada")
    assert names(page) == ["Ada"]
    assert page.one(".tags [aria-current]").text() == "mill"
    assert member.page(path).press("Favorite: Ada").path == path


def test_htmx_gets_the_star_alone(make, member, app):
    id = make(name="Ada").split("/")[-1]

    for _ in range(2):
        fragment = member.htmx_post(f"/characters/{id}/star", is_favorite="y")
        assert fragment.text.lstrip().startswith('<form class="portrait__star"')
        assert fragment.button("Favorite: Ada").attributes["aria-pressed"] == "true"
    with app.app_context():
        assert db.session.query(FavoriteCharacter).count() == 1


def test_a_strangers_character_can_be_no_favorite(make, app):
    id = make(name="Ada").split("/")[-1]

    assert signed_in(app, "other@example.org", "member").post(f"/characters/{id}/star", is_favorite="y").status_code == 404


def test_favorites_go_with_their_character(make, member, app):
    id = make(name="Ada").split("/")[-1]
    member.post(f"/characters/{id}/star", is_favorite="y")

    with app.app_context():
        with write() as session:
            session.delete(session.get_one(Character, id))
        assert not db.session.query(FavoriteCharacter).count()


def test_tags_and_favorites_narrow_the_list_together(make, member):
    make(name="Ada", tags="mill, calm")
    make(name="Bo", tags="mill")
    make(name="Cy", tags="calm")
    member.page("/characters").press("Favorite: Bo")

    page = member.page("/characters").click("mill")
    assert names(page) == ["Bo", "Ada"]
    assert names(page.click("calm")) == ["Ada"]
    assert names(page.click("calm").click("mill")) == ["Ada", "Cy"]
    assert names(page.click("★ Favorites")) == ["Bo"]
    assert page.click("★ Favorites").click("calm").says("among your favorites with the tags mill, calm")
    assert names(page.click("Show all")) == ["Bo", "Ada", "Cy"]


def test_the_order_is_chosen(make, member, app):
    first, second = make(name="Ada"), make(name="Zoe")
    chat = member.page(first).press("Chat with Ada").path

    assert names(member.page("/characters?sort=new")) == ["Zoe", "Ada"]
    assert names(member.page("/characters?sort=chat")) == ["Ada", "Zoe"]
    assert names(member.page("/characters?sort=nonsense")) == ["Ada", "Zoe"]
    member.page(second).press("Chat with Zoe")
    page = member.page("/characters?sort=chat")
    assert names(page) == ["Zoe", "Ada"]
    assert page.one("select[name=sort] [selected]").attributes["value"] == "chat"
    assert [node.attributes["href"] for node in page.all(".portrait__last")][1] == f"{chat}#end"
    with app.app_context(), write() as session:
        session.get_one(Chat, chat.split("/")[-1]).deleted_at = utc_now()
    assert len(member.page("/characters").all(".portrait__last")) == 1


def test_a_card_shows_its_note_without_markup(make, member):
    path = make(name="Ada", note="")
    assert member.page("/characters").one(".portrait__note").text() == "Mara mills rye."

    page = member.submit(f"{path}/edit", note="<style>p{color:red}</style>Talks of *engines* with {{user}}.")

    assert page.says("Notes by its creator")
    assert member.page("/characters").one(".portrait__note").text().startswith("Talks of engines with ")
    assert member.submit(f"{path}/edit", note="x" * 20_001).status_code == 422
    assert member.page("/characters").one(".portrait__note").text().startswith("Talks of engines with ")


@pytest.mark.parametrize(
    "card", [{"creator_notes": "At the top."}, {"spec": "chara_card_v2", "data": {"creator_notes": "Inside."}}]
)
def test_a_note_is_written_where_the_card_has_it(make, member, app, card):
    path = make(name="Ada")
    with app.app_context(), write() as session:
        character = session.get_one(Character, path.split("/")[-1])
        character.card, character.changed_at = card, utc_now()
    assert member.page("/characters").one(".portrait__note").text() in ("At the top.", "Inside.")

    member.submit(f"{path}/edit", note="New.")

    with app.app_context():
        stored = db.session.get_one(Character, path.split("/")[-1]).card
        assert (stored.get("data") or stored)["creator_notes"] == "New."
