"""A form that is open in two tabs: saving one does not overwrite what was saved in the other."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from tests.chat.conftest import id_of
from tests.support.form import Form
from tests.support.page import Page
from webapp.base.db import db
from webapp.characters import service
from webapp.characters.lore import service as lore_service
from webapp.characters.lore.tables import Lorebook
from webapp.characters.service import CharacterInput
from webapp.characters.tables import Character
from webapp.chat.record.fields import values_of
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.workspace.roleplay import service as roleplay_service


def form(page: Page, field: str) -> Form:
    (node,) = [candidate for candidate in page.all("form") if candidate.css_first(f'[name="{field}"]')]
    return Form(page, node)


ADDRESSES = {
    "character": lambda member, make, chat: f"{make()}/edit",
    "persona": lambda member, make, chat: member.page("/personas").link("Jo").attributes["href"],
    "lorebook": lambda member, make, chat: member.submit("/lorebooks", name="Valley").path,
    "collection": lambda member, make, chat: member.submit("/knowledge", name="Pumps", about="").path,
    "chat": lambda member, make, chat: f"{chat}/prompts",
}


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("character", {"greeting": "Come in.\r\nSit down."}, {"tags": "mill"}),
        ("persona", {"name": "Joan"}, {"description": "Jo mends clocks."}),
        ("chat", {"note": "It rains.\r\nStill."}, {"temperature": "0.4"}),
    ],
)
def test_each_keeps_what_only_the_other_has_changed(kind, first, second, make, chat, member):
    address = ADDRESSES[kind](member, make, chat)
    one, two = (form(member.page(address), next(iter(first))) for _ in range(2))

    one.submit(**first)
    two.submit(**second)

    fields = form(member.page(address), next(iter(first))).fields
    assert {name: fields[name].replace("\r", "") for name in (*first, *second)} == {
        name: value.replace("\r", "") for name, value in (first | second).items()
    }


def test_who_is_refused_loses_nothing_of_either(make, member):
    address = f"{make()}/edit"
    one, two = (form(member.page(address), "greeting") for _ in range(2))
    one.submit(greeting="Come in.")

    refused = two.submit(name="", tags="mill")
    assert refused.status_code == 422
    form(refused, "greeting").submit(name="Mara Rye")

    fields = form(member.page(address), "greeting").fields
    assert (fields["name"], fields["greeting"], fields["tags"]) == ("Mara Rye", "Come in.", "mill")


@pytest.mark.mostly_slow
@pytest.mark.parametrize("seen", ["", "=", "greeting", "greeting=x name avatar=0 seen=0 no=1", "\0" * 100])
def test_what_no_form_of_ours_says_was_shown_counts_for_nothing(make, member, seen):
    address = f"{make(greeting='Come in.')}/edit"
    member.submit(address, greeting="Go.", seen=seen)

    assert form(member.page(address), "greeting").fields["greeting"] == "Go."


def test_a_save_in_the_same_moment_undoes_nothing_either(app, make, member, chat):
    address = make()
    with app.app_context():
        me, row = db.session.get_one(User, member.person_id), db.session.get_one(Character, id_of(address))
        entered = CharacterInput.entered(CharacterInput.present(row) | {"system_prompt": "Be brief."})
        gevent.spawn(member.submit, f"{address}/edit", greeting="Come in.").get(timeout=30)
        service.change(row, entered, author=PersonAuthor(me))
    with app.app_context():
        played = db.session.get_one(Chat, id_of(chat))
        values = values_of(played) | {"note": "It rains."}
        gevent.spawn(member.submit, f"{chat}/prompts", temperature="0.4").get(timeout=30)
        roleplay_service.set_fields(played, values)

    with app.app_context():
        row, played = db.session.get_one(Character, id_of(address)), db.session.get_one(Chat, id_of(chat))
        assert (row.system_prompt, row.greeting) == ("Be brief.", "Come in.")
        assert (played.note, played.temperature) == ("It rains.", 0.4)


# SQLite has one writer at a time.
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_of_a_lorebook_both_entries_are_kept(app, member):
    id = id_of(member.submit("/lorebooks", name="Valley").path)

    def add(name: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        def written(book: dict[str, Any]) -> dict[str, Any]:
            meanwhile()
            return book | {"entries": [*book.get("entries", []), {"keys": [name], "content": name}]}

        with app.app_context():
            lore_service.change(db.session.get_one(Lorebook, id), written, by=db.session.get_one(User, member.person_id))

    other = gevent.spawn(add, "other")
    # It waits then, or is through.
    add("one", lambda: other.join(timeout=0.3))
    other.get(timeout=30)
    with app.app_context():
        assert sorted(entry["content"] for entry in db.session.get_one(Lorebook, id).book["entries"]) == ["one", "other"]
