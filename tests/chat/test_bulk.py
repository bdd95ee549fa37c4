"""Bulk actions on chats: selected by checkboxes, pinned, archived, deleted, restored, and undone with one button."""

from datetime import datetime
from io import BytesIO
from zipfile import ZipFile

import pytest

from tests.chat.test_chats import add_chats, counts, id_of, person_id, sidebar_of, titles
from tests.support.browser import CROSS_SITE
from tests.support.marks import also_on_postgres
from tests.support.markup import name_of
from webapp.base.db import db, utc_now, write
from webapp.chat.record.tables import Chat
from webapp.engine.engine import ENGINE

DEEDS = ("pin", "unpin", "archive", "unarchive", "delete", "restore", "erase")


def press(page, name: str, *wanted: str):
    """Selects the chats with these titles and presses a button of the bar."""
    return page.press(name, chat=[page.named("input", f"Select {title}").attributes["value"] for title in wanted])


def undone(page):
    """Presses *Undo* with all values of its form."""
    named = {name: [node.attributes["value"] for node in page.all(f".notice [name={name}]")] for name in ("chat", "pinned")}
    return page.press("Undo", **{name: values for name, values in named.items() if values})


def notice(page) -> str:
    return page.one(".notice p").text(strip=True)


def moments(app, ids) -> list[tuple[datetime | None, ...]]:
    """Returns when each chat was pinned, archived and deleted."""
    with app.app_context():
        chats = [db.session.get_one(Chat, id) for id in ids]
        return [(chat.pinned_at, chat.archived_at, chat.deleted_at) for chat in chats]


def state(app, ids) -> list[tuple[bool, ...]]:
    """Returns which of the chats are pinned, archived and deleted."""
    return [tuple(map(bool, found)) for found in moments(app, ids)]


def change(app, id: str, **values) -> None:
    with app.app_context(), write() as session:
        for name, value in values.items():
            setattr(session.get_one(Chat, id), name, value)


@also_on_postgres
def test_chats_are_put_away_and_come_back_all_at_once(app, owner):
    add_chats(owner, 4)
    page = press(owner.page("/chats"), "Archive", "Chat 0", "Chat 2", "Chat 3")
    assert (page.path, notice(page)) == ("/chats", "3 chats archived.")
    assert titles(page) == sidebar_of(page) == ["Chat 1"]
    assert titles(owner.page("/chats?show=archived")) == ["Chat 0", "Chat 2", "Chat 3"]

    page = undone(page)
    assert (page.path, notice(page)) == ("/chats", "3 chats unarchived.")
    assert titles(page) == ["Chat 0", "Chat 1", "Chat 2", "Chat 3"]


@also_on_postgres
def test_chats_are_thrown_away_and_come_back_all_at_once(app, owner):
    ids = add_chats(owner, 3)
    change(app, ids[0], pinned_at=utc_now())
    page = press(owner.page("/chats"), "Delete", "Chat 0", "Chat 1", "Chat 2")
    assert notice(page) == "3 chats are in the trash."
    assert (titles(page), sidebar_of(page)) == ([], [])
    assert titles(owner.page("/chats/trash")) == ["Chat 0", "Chat 1", "Chat 2"]

    page = undone(page)
    assert notice(page) == "3 chats restored."
    assert state(app, ids) == [(True, False, False), (False, False, False), (False, False, False)]


def test_pinned_chats_keep_their_order_and_are_pinned_no_longer(owner):
    add_chats(owner, 4)
    page = press(owner.page("/chats"), "Pin", "Chat 2", "Chat 3")
    assert notice(page) == "2 chats pinned."
    assert titles(page) == ["Chat 2", "Chat 3", "Chat 0", "Chat 1"]

    page = press(page, "Unpin", "Chat 2", "Chat 3")
    assert titles(page) == ["Chat 0", "Chat 1", "Chat 2", "Chat 3"]
    page = undone(page)
    assert titles(page) == ["Chat 2", "Chat 3", "Chat 0", "Chat 1"]


def test_what_was_pinned_before_it_was_archived_is_pinned_again(app, owner):
    ids = add_chats(owner, 3)
    press(owner.page("/chats"), "Pin", "Chat 0", "Chat 2")
    page = press(owner.page("/chats"), "Archive", "Chat 0", "Chat 1", "Chat 2")
    assert state(app, ids) == [(False, True, False)] * 3

    page = undone(page)
    assert notice(page) == "3 chats unarchived."
    assert titles(page) == ["Chat 0", "Chat 2", "Chat 1"]
    assert state(app, ids) == [(True, False, False), (False, False, False), (True, False, False)]


def test_from_the_archive_chats_are_taken_out_or_thrown_away(owner):
    add_chats(owner, 4, archived_at=utc_now())
    page = press(owner.page("/chats?show=archived"), "Unarchive", "Chat 0", "Chat 1")
    assert page.heading == "Archived"
    assert titles(page) == ["Chat 2", "Chat 3"]
    page = undone(page)
    assert (page.heading, notice(page)) == ("Archived", "2 chats archived.")

    page = press(page, "Delete", "Chat 3")
    assert notice(page) == "“Chat 3” is in the trash."
    assert titles(page) == ["Chat 0", "Chat 1", "Chat 2"]
    assert titles(undone(page)) == ["Chat 0", "Chat 1", "Chat 2", "Chat 3"]
    assert not page.has("button", "Archive")


@pytest.mark.slow
def test_one_comes_back_to_the_page_of_the_list_that_one_was_on(owner):
    add_chats(owner, 103, title="Chat {:03d}")
    page = owner.page("/chats").click("Older chats")
    assert titles(page) == ["Chat 100", "Chat 101", "Chat 102"]

    page = press(page, "Delete", "Chat 101")
    assert titles(page) == ["Chat 100", "Chat 102"]
    page = undone(page)
    assert titles(page) == ["Chat 100", "Chat 101", "Chat 102"]


def test_the_trash_gives_several_back_and_deletes_several_for_good(owner):
    add_chats(owner, 5, deleted_at=utc_now())
    page = press(owner.page("/chats/trash"), "Restore all selected", "Chat 0", "Chat 1")
    assert (page.path, notice(page)) == ("/chats/trash", "2 chats restored.")
    assert titles(owner.page("/chats")) == ["Chat 0", "Chat 1"]
    page = undone(page)
    assert (page.path, notice(page)) == ("/chats/trash", "2 chats are in the trash.")
    assert len(titles(page)) == 5

    page = press(page, "Delete permanently all selected", "Chat 3", "Chat 4")
    assert (page.path, sorted(titles(page))) == ("/chats/trash", ["Chat 0", "Chat 1", "Chat 2"])
    assert notice(page).startswith("Deleted permanently.")
    assert counts(owner) == (3, 0)


@pytest.mark.slow
def test_the_trash_is_emptied_after_it_was_asked(owner, stranger):
    add_chats(owner, 250, deleted_at=utc_now())
    add_chats(owner, 1, title="Kept")
    add_chats(stranger, 1, title="Not mine", deleted_at=utc_now())
    page = owner.page("/chats/trash").click("Empty trash")
    assert page.says("250 chats will be deleted permanently")
    assert page.link("Cancel").attributes["href"] == "/chats/trash"
    assert counts(owner) == (252, 0)

    page = page.press("Delete permanently")
    assert page.path == "/chats/trash"
    assert page.says("The trash is empty.")
    assert not page.has("a", "Empty trash")
    assert titles(owner.page("/chats")) == ["Kept"]
    assert titles(stranger.page("/chats/trash")) == ["Not mine"]
    assert owner.page("/chats/trash/empty").says("The trash is empty.")


@pytest.mark.slow
def test_answers_in_all_of_them_are_stopped(owner, begin, fake):
    fake.counts(4_000, pace=0.02)
    paths = [begin(owner), begin(owner, "Another")]
    for path in paths:
        owner.wait_for(path, lambda page: "w000002" in page.text)

    page = owner.page("/chats")
    assert len(page.all(".rows .live")) == 2
    owner.post("/chats/several", deed="delete", chat=[id_of(path) for path in paths])
    owner.wait_for("/chats/trash", lambda page: not ENGINE.of(owner.app).live)
    owner.post("/chats/several", deed="restore", chat=[id_of(path) for path in paths])
    for path in paths:
        assert owner.page(path).all("article.message")[-1].attributes["data-status"] == "stopped"


@pytest.mark.slow
def test_nothing_is_deleted_for_good_while_an_answer_is_written_in_it(app, owner, begin, fake):
    fake.counts(4_000, pace=0.02)
    path = begin(owner)
    (other,) = add_chats(owner, 1, deleted_at=utc_now())
    change(app, id_of(path), deleted_at=utc_now())

    assert owner.post("/chats/several", deed="erase", chat=[other, id_of(path)]).status_code == 409
    refusal = owner.post("/chats/trash/empty")
    assert (refusal.status_code, refusal.says("still stopping")) == (409, True)
    assert len(state(app, [other, id_of(path)])) == 2

    change(app, id_of(path), deleted_at=None)
    owner.post(f"{path}/delete")
    owner.wait_for("/chats/trash", lambda page: not ENGINE.of(app).live)
    assert owner.post("/chats/trash/empty").status_code == 303
    assert counts(owner) == (0, 0)


@pytest.mark.mostly_slow
@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed != "erase"])
def test_what_is_done_twice_is_done_once_and_said_again(app, owner, deed):
    moment = {"unpin": "pinned_at", "unarchive": "archived_at", "restore": "deleted_at"}.get(deed)
    ids = add_chats(owner, 2, **{moment: utc_now()} if moment else {})
    first = owner.post("/chats/several", deed=deed, chat=[*ids, ids[0]])
    before = moments(app, ids)

    second = owner.post("/chats/several", deed=deed, chat=ids)
    assert (first.status_code, moments(app, ids)) == (303, before)
    for answer in (first, second):
        assert notice(owner.page(answer.location)).startswith("2 chats ")


def test_a_notice_says_only_what_is_still_so(owner):
    ids = add_chats(owner, 3)
    there = owner.post("/chats/several", deed="archive", chat=ids).location
    owner.post(f"/chats/{ids[0]}/unarchive")
    assert notice(owner.page(there)) == "2 chats archived."
    for id in ids[1:]:
        owner.post(f"/chats/{id}/unarchive")
    assert not owner.page(there).all(".notice")


@also_on_postgres
def test_chats_of_others_are_as_if_they_were_not_there(app, owner, member, stranger, visitor):
    (mine,), (foreign,), (shared,) = (add_chats(who, 1, title="Words of {}") for who in (owner, stranger, member))
    assert member.post(f"/chats/{shared}/people", whom=f"user:{person_id(owner)}", right="write").status_code == 303
    temporary = add_chats(owner, 1, is_temporary=True)[0]
    others = [foreign, shared, temporary, "nowhere", ""]
    for deed in DEEDS:
        before = state(app, [foreign, shared, temporary])
        assert owner.post("/chats/several", deed=deed, chat=others).status_code == 404
        assert visitor.post("/chats/several", deed=deed, chat=others).location.startswith("/login")
        assert state(app, [foreign, shared, temporary]) == before

    page = owner.send("/chats/several", {"deed": "delete", "chat": [mine, *others]}, follow=True)
    assert notice(page) == "“Words of 0” is in the trash."
    assert foreign not in page.text
    assert state(app, [mine, foreign, shared, temporary]) == [(False, False, True), *[(False, False, False)] * 3]
    for query in (f"did=delete&chats={mine}", f"did=unarchive&chats={foreign}.{shared}", "did=delete&chats=..x.", "did=x"):
        assert not stranger.page(f"/chats?{query}".replace(foreign, mine)).all(".notice")


def test_what_is_not_theirs_is_not_pinned_in_passing(app, owner, stranger):
    (mine,), (foreign,) = add_chats(owner, 1), add_chats(stranger, 1)
    owner.post("/chats/several", deed="unarchive", chat=[mine], pinned=[foreign, mine])
    assert state(app, [mine, foreign]) == [(True, False, False), (False, False, False)]
    owner.post(f"/chats/{mine}/delete")
    assert owner.post("/chats/several", deed="erase", chat=[mine], pinned=[mine]).status_code == 303
    assert counts(owner) == (1, 0)


def test_only_what_is_in_the_trash_is_deleted_for_good_and_nothing_in_it_is_pinned(app, owner):
    here, lost = add_chats(owner, 1) + add_chats(owner, 1, deleted_at=utc_now())
    for deed in ("pin", "archive", "erase"):
        owner.post("/chats/several", deed=deed, chat=[lost if deed != "erase" else here])
    assert state(app, [here, lost]) == [(False, False, False), (False, False, True)]


@pytest.mark.slow
def test_too_many_none_and_nothing_to_do_are_refused_in_words(app, owner):
    ids = add_chats(owner, 101)
    page = owner.post("/chats/several", deed="delete", chat=ids)
    assert (page.status_code, page.says("You selected 101 chats, but the limit is 100 at once.")) == (422, True)
    for fields, words in (({"deed": "delete"}, "Select at least one chat"), ({"chat": ids[0]}, "Choose what to do")):
        page = owner.post("/chats/several", **fields)
        assert (page.status_code, page.says(words)) == (422, True)
    assert state(app, ids) == [(False, False, False)] * 101
    assert owner.post("/chats/several", headers=CROSS_SITE, deed="delete", chat=ids[:2]).status_code == 403

    page = owner.send("/chats/several", {"deed": "delete", "chat": ids[:100]}, follow=True)
    assert notice(page) == "100 chats are in the trash."
    assert notice(undone(page)) == "100 chats restored."


@pytest.mark.slow
def test_what_is_found_and_what_others_share_has_no_box(owner, member, answered, fake):
    fake.says("One")
    shared = answered(member, "Theirs")
    assert member.post(f"{shared}/people", whom=f"user:{person_id(owner)}", right="write").status_code == 303
    add_chats(owner, 1, title="Ours")
    page = owner.page("/chats")
    assert titles(page) == ["Ours", "Theirs"]
    assert [name_of(page.tree, node) for node in page.all("input[type=checkbox]")] == ["Select Ours"]
    found = owner.page("/chats?q=ours")
    assert "Ours" in titles(found)
    for page in (found, owner.page("/")):
        assert not page.all("input[name=chat]")


def test_all_of_a_page_are_selected_and_cleared_by_links(app, owner):
    add_chats(owner, 2)
    page = owner.page("/chats")
    assert not page.all(".pick [checked]")
    assert page.one(".several [type=reset]").text() == "Clear"
    page = page.click("Select all")
    assert len(page.all(".pick [checked]")) == 2
    assert not page.click("Clear").all(".pick [checked]")


def test_the_selected_chats_are_exported_and_no_others(app, owner, member):
    one, _, deleted = add_chats(owner, 3)
    (foreign,) = add_chats(member, 1)
    change(app, deleted, deleted_at=utc_now())
    with ZipFile(BytesIO(exported(owner, one, deleted, foreign).get_data())) as archive:
        assert archive.namelist() == [f"chats/{one}.json"]
    assert exported(owner, deleted, foreign).status_code == 404


def exported(browser, *ids: str):
    sent = {"chat": list(ids)}
    return browser.client.post("/chats/several/export.zip", data=sent, base_url=browser.origin)
