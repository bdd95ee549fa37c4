"""The page of personas: creating, editing, choosing one, deleting and restoring."""

import pytest
from sqlalchemy.exc import IntegrityError

from tests.api.client import client_of
from tests.characters.conftest import names
from tests.conftest import signed_in
from tests.support.marks import also_on_postgres
from webapp.base.db import db, write
from webapp.characters.tables import Persona
from webapp.chat.record.tables import Chat
from webapp.people.accounts import queries as account_queries


def add(browser, name="Jo", description="Jo repairs clocks.", **more):
    page = browser.submit("/personas", **{"name": name, "description": description, "is_default": "", **more})
    assert page.status_code == 200, page.text
    return page


def path_of(page, name="Jo"):
    return str(page.link(name).attributes["href"])


def defaults(page):
    return [node.css_first("h2 a").text() for node in page.all(".cast__one") if node.css_first(".tag--here")]


@also_on_postgres
def test_the_default_is_one_at_most(member):
    add(member, "Jo", is_default="on")
    page = add(member, "Kim")
    assert (names(page), defaults(page)) == (["Jo", "Kim"], ["Jo"])

    page = page.press("Make default Kim")
    assert defaults(page) == ["Kim"]
    assert defaults(page.press("Remove as default Kim")) == []


def test_the_first_one_is_ticked_to_be_the_default(member):
    page = member.submit("/personas", name="Jo", description="Jo repairs clocks.")
    assert defaults(page) == ["Jo"]

    page = page.form("Create persona").submit(name="Kim", description="Kim sails.")
    assert defaults(page) == ["Jo"]


def test_the_database_holds_to_it(member, app):
    add(member, "Jo", is_default="on")
    add(member, "Kim")
    with app.app_context(), pytest.raises(IntegrityError), write() as session:
        session.query(Persona).filter_by(name="Kim").one().is_default = True


def test_htmx_gets_the_list_alone(member):
    choice = add(member).form("Make default Jo").action

    fragment = member.htmx_post(choice)

    assert fragment.text.lstrip().startswith('<div id="personas">')
    assert defaults(fragment) == ["Jo"]


@pytest.mark.slow
def test_it_can_be_changed(member):
    path = path_of(add(member))

    page = member.submit(path, description="Jo sold the shop.")

    assert page.says("Saved.")
    assert page.says("Jo sold the shop.")


@pytest.mark.slow
def test_bad_input_is_said_in_place(member):
    path = path_of(add(member))
    for label, fields in (
        ("Name", {"name": " ", "description": "d"}),
        ("Who you are", {"name": "Jo", "description": " "}),
    ):
        for where in ("/personas", path):
            page = member.submit(where, **fields)
            assert page.status_code == 422
            assert page.error_at(label)


def test_deleting_can_be_undone_and_is_no_default_any_more(member):
    path = path_of(add(member, is_default="on"))

    page = member.page(path).press("Delete persona")
    assert page.says("Jo was deleted.")
    assert (names(page), member.get(path).status_code) == ([], 404)

    page = page.press("Undo")
    assert (names(page), defaults(page)) == (["Jo"], [])


@pytest.mark.slow
def test_the_teams_can_be_copied_and_is_an_admins_to_change(cast, member, app):
    admin = signed_in(app, "admin@example.org", "admin")
    path = path_of(member.page("/personas"), "Robin")
    assert not member.page(path).all("form.form")
    assert member.post(path, name="Mine", description="Now").status_code == 403
    assert member.post(f"{path}/default").status_code == 403

    copy = member.page(path).press("Duplicate")
    assert copy.says("This is your own copy")
    assert copy.path != path

    admin.submit(path, name="Robin B.")
    assert names(member.page("/personas")) == ["Robin", "Robin B."]


def test_they_are_nobody_elses(member, stranger, visitor):
    path = path_of(add(member))

    assert names(stranger.page("/personas")) == []
    for way in ("", "/avatar"):
        assert stranger.get(path + way).status_code == 404
        assert visitor.get(path + way).location.startswith("/login")
    for way in ("", "/delete", "/duplicate", "/default", "/restore"):
        assert stranger.post(path + way, name="x", description="y").status_code == 404
        assert visitor.post(path + way).location.startswith("/login")


def test_they_go_with_the_account(member, app):
    add(member)
    with app.app_context(), write() as session:
        session.delete(account_queries.user_by_email(member.email))
    with app.app_context():
        assert db.session.query(Persona).count() == 0


@also_on_postgres
def test_a_person_always_has_one_with_a_character(app, member, stranger, make):
    path = make()
    character_id = path.rpartition("/")[2]
    jo, kim = (
        path_of(add(member, name, is_default="on" if name == "Jo" else ""), name).rpartition("/")[2] for name in ("Jo", "Kim")
    )
    theirs = path_of(add(stranger, "Theirs"), "Theirs").rpartition("/")[2]

    def begun(**fields: str) -> str | None:
        """Returns the persona of a new chat with the character."""
        chat = member.post(f"{path}/chat", **fields).location.partition("#")[0].rpartition("/")[2]
        with app.app_context():
            return db.session.get_one(Chat, chat).persona_id

    assert begun() == jo
    assert member.post(f"{path}/persona", persona=kim).status_code == 303
    page = member.page(path)
    assert page.one("#begin-persona [selected]").attributes["value"] == kim
    assert page.says("begin with your persona Kim.")
    # It beats the default, and what is chosen for one chat beats it.
    assert (begun(), begun(persona=jo), begun(persona="")) == (kim, jo, None)
    assert member.post(f"{path}/persona", persona=theirs).status_code == 404
    program = client_of(app, member.email)
    assert program.get(f"/characters/{character_id}/persona") == {"persona_id": kim}
    program.said("PUT", f"/characters/{character_id}/persona", 422, {"persona_id": theirs})
    # While it is in the trash, the default one is used.
    member.post(f"/personas/{kim}/delete")
    assert begun() == jo
    member.post(f"/personas/{kim}/restore")
    assert begun() == kim
    assert program.said("PUT", f"/characters/{character_id}/persona", 200, {"persona_id": None}) == {"persona_id": None}
    assert begun() == jo
