"""Messages deleted in a chat: counted, restored unchanged, listed in the trash, and erased permanently when it is emptied."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests.chat.conftest import address, ended, ended_with, give, id_of, texts
from tests.chat.test_chats import add_chats, add_thread, titles
from tests.chat.test_growth import cost
from tests.support.browser import HTMX
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.markup import words
from tests.support.people import PASSWORD
from webapp.base.db import db, utc_now, write
from webapp.chat import erasing
from webapp.chat.messages import chats, deleted_branches
from webapp.chat.record import paths
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.settings.service import set_setting

LINE = [f"Message {n:05d}." for n in range(6)]


def line(page) -> str:
    """Returns the notice at the end of the thread, without its Undo button."""
    return words(page.one("#cut").text()).removesuffix(" Undo")


def delete(browser, path: str, at: int):
    """Deletes a message of the page; returns its id and the resulting page."""
    page = browser.page(path)
    id = page.message_ids[at]
    return id, browser.post(f"/messages/{id}/delete")


def lost(page) -> list[tuple[str, str]]:
    """Returns the messages in the trash: their first words and their details, without the time of deletion."""
    rows = page.all('section[aria-labelledby="deleted-messages"] li')
    return [(words(row.css_first(".what").text()), words(row.css_first(".how").text()).partition(" · ")[0]) for row in rows]


def count(browser, table=Message) -> int:
    with browser.app.app_context():
        return db.session.scalar(select(func.count()).select_from(table))


def make_old(browser, id: str, days: int = 31) -> None:
    with browser.app.app_context(), write() as session:
        session.execute(update(Message).where(Message.id == id).values(deleted_at=utc_now() - timedelta(days=days)))


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("at", "told", "cut"),
    [
        (1, "Deleted, with the 4 messages after it.", "5 messages were deleted here."),
        (4, "Deleted, with the message after it.", "2 messages were deleted here."),
        (5, "Deleted.", "1 message was deleted here."),
    ],
)
def test_what_went_with_it_is_counted_and_the_place_stays_marked(owner, at, told, cut):
    path = add_thread(owner, 6)
    _, page = delete(owner, path, at)
    assert page.says(told)
    assert line(page) == ""
    assert (texts(owner.page(path)), line(owner.page(path))) == (LINE[:at], cut)

    page = owner.post(owner.page(path).action("Undo"))
    page = owner.page(path)
    assert (texts(page), line(page)) == (LINE, "")


def test_with_htmx_the_toast_says_the_same(owner):
    page = owner.page(add_thread(owner, 6))
    toast = owner.post(f"/messages/{page.message_ids[1]}/delete", headers=HTMX).text
    assert "Deleted, with the 4 messages after it." in toast
    assert f"/messages/{page.message_ids[1]}/restore" in toast


@pytest.mark.slow
def test_undo_shows_the_version_that_was_shown(owner, path, fake):
    fake.says("Another")
    owner.post(address(owner.page(path), "Try again"))
    page = owner.wait_for(path, ended)
    owner.post(address(page, "Edit", 0), message="In other words")
    owner.post(address(owner.wait_for(path, ended), "Previous version", 0))
    owner.post(address(owner.page(path), "Previous version"))
    before = owner.page(path)
    assert texts(before) == ["First", "One"]

    id, _ = delete(owner, path, 0)
    assert texts(owner.page(path))[0] == "In other words"
    owner.post(f"/messages/{id}/restore")
    assert owner.page(path).message_ids == before.message_ids


@pytest.mark.slow
def test_where_something_was_written_since_no_line_stands_and_both_are_kept(owner, path, fake):
    fake.says("Two")
    owner.post(f"{path}/messages", message="Second")
    owner.wait_for(path, ended_with(4))
    id, _ = delete(owner, path, 2)
    owner.post(f"{path}/messages", message="Something else")
    page = owner.wait_for(path, ended_with(4))
    assert line(page) == ""

    owner.post(f"/messages/{id}/restore")
    page = owner.page(path)
    assert texts(page) == ["First", "One", "Second", "Two"]
    assert page.says("1 / 2")
    owner.post(address(page, "Next version", 2))
    assert texts(owner.page(path))[2] == "Something else"


@pytest.mark.slow
def test_an_undo_that_comes_too_late_is_told_and_loses_nothing(owner, path, fake):
    id, _ = delete(owner, path, 1)
    fake.counts(4_000, pace=0.02)
    owner.post(address(owner.page(path), "Try again"))
    refused = owner.post(f"/messages/{id}/restore", headers=HTMX)
    assert refused.status_code == 409
    owner.post(owner.wait_for(path, lambda page: "w000002" in page.text).action("Stop"))
    owner.wait_for(path, ended)

    owner.post(f"/messages/{id}/restore")
    assert texts(owner.page(path)) == ["First", "One"]
    owner.post(address(owner.page(path), "Next version"))
    # Another tab has already restored it: the version that is shown by now stays.
    owner.post(f"/messages/{id}/restore")
    assert "w000002" in texts(owner.page(path))[1]

    delete(owner, path, 1)
    owner.post(f"/messages/{id}/delete")
    owner.post(f"/messages/{id}/erase")
    assert owner.post(f"/messages/{id}/restore").status_code == 404


def test_the_trash_lists_what_was_deleted_in_chats(owner, stranger):
    path = add_thread(owner, 6)
    assert owner.page("/chats/trash").says("The trash is empty.")
    delete(owner, path, 3)
    page = owner.page("/chats/trash")
    assert lost(page) == [("Message 00003.", "An answer, with the 2 messages after it, in “A long talk”")]
    assert not page.says("The trash is empty.")
    assert lost(stranger.page("/chats/trash")) == []

    page = page.press("Restore")
    assert (page.path, texts(page)) == (path, LINE)
    assert lost(owner.page("/chats/trash")) == []


@pytest.mark.slow
def test_what_was_deleted_below_something_deleted_waits_for_it(owner):
    path = add_thread(owner, 6)
    inner, _ = delete(owner, path, 4)
    outer, page = delete(owner, path, 2)
    assert page.says("Deleted, with the message after it.")
    assert [first for first, _ in lost(owner.page("/chats/trash"))] == ["Message 00002."]
    refused = owner.post(f"/messages/{inner}/restore")
    assert refused.status_code == 409
    assert refused.says("An earlier message was deleted too")

    owner.post(f"/messages/{outer}/restore")
    assert (texts(owner.page(path)), line(owner.page(path))) == (LINE[:4], "2 messages were deleted here.")
    owner.post(f"/messages/{inner}/restore")
    assert texts(owner.page(path)) == LINE


@on_both_databases
def test_what_is_deleted_for_good_takes_its_words_along(owner, answered, fake):
    with owner.app.app_context():
        set_setting("models.titles", "off")
    fake.says("One")
    path = answered(owner, "First")
    delete(owner, path, 1)
    page = owner.page("/chats/trash").press("Delete permanently")
    assert page.path == "/chats/trash"
    assert page.says("The trash is empty.")
    assert (count(owner), count(owner, Generation)) == (1, 1)
    with owner.app.app_context():
        generation = db.session.scalars(select(Generation)).one()
        assert (generation.message_id, generation.prompt, generation.user_id) == (None, {}, owner.person_id)
    assert (texts(owner.page(path)), line(owner.page(path))) == (["First"], "")


def test_only_what_was_deleted_is_deleted_for_good(owner):
    path = add_thread(owner, 3)
    ids = owner.page(path).message_ids
    assert owner.post(f"/messages/{ids[1]}/erase").status_code == 404
    delete(owner, path, 1)
    assert owner.post(f"/messages/{ids[2]}/erase").status_code == 404
    assert count(owner) == 3


@pytest.mark.slow
def test_emptying_the_trash_takes_the_messages_too(owner):
    path, other = add_thread(owner, 6), add_thread(owner, 2)
    delete(owner, path, 2)
    owner.post(f"{other}/delete")
    page = owner.page("/chats/trash").click("Empty trash")
    assert page.says("1 chat and 1 message with everything after it will be deleted permanently.")
    page = page.press("Delete permanently")
    assert page.says("The trash is empty.")
    assert count(owner) == 2


@pytest.mark.slow
@also_on_postgres
def test_deleted_messages_go_when_their_time_is_over(app, owner):
    path = add_thread(owner, 8)
    old, _ = delete(owner, path, 6)
    young, _ = delete(owner, path, 3)
    make_old(owner, old)
    with app.app_context():
        set_setting("trash.days", "0")
        assert erasing.sweep() is False
        set_setting("trash.days", "30", confirmed=1)
        assert erasing.sweep() is True
    assert count(owner) == 6
    make_old(owner, young)
    with app.app_context():
        assert erasing.sweep() is False
    assert count(owner) == 3
    assert texts(owner.page(path)) == LINE[:3]


@also_on_postgres
def test_the_head_never_points_into_what_is_erased(app, owner):
    """A message can arrive at the same moment as one above it is deleted."""
    path = add_thread(owner, 6)
    id, _ = delete(owner, path, 2)
    with app.app_context():
        with write() as session:
            last = session.scalars(select(Message.id).order_by(Message.id.desc())).first()
            session.get_one(Chat, id_of(path)).head_id = last
        deleted_branches.erase(Message.id == id)
        assert db.session.get_one(Message, id).deleted_at is None
    assert texts(owner.page(path)) == LINE


@pytest.mark.slow
@on_both_databases
def test_a_very_long_line_can_be_erased(app, owner):
    path, other = add_thread(owner, 2_500), add_thread(owner, 2_500)
    with app.app_context():
        first = paths.messages_to(db.session.get_one(Chat, id_of(path)).head_id)[1].id
    owner.post(f"/messages/{first}/delete")
    owner.post(f"/messages/{first}/erase")
    assert count(owner) == 2_501
    owner.post(f"{other}/delete")
    owner.post(f"{other}/erase")
    assert count(owner) == 1


@pytest.mark.slow
@also_on_postgres
def test_an_account_with_a_very_long_line_can_be_deleted(member):
    add_thread(member, 2_500)
    assert member.post("/account/delete", password=PASSWORD).heading == "Your account is deleted"
    assert count(member) == 0


@pytest.mark.slow
def test_a_visitor_with_a_very_long_line_can_be_forgotten(app, member):
    path = add_thread(member, 2_500)
    with app.app_context():
        with write() as session:
            session.execute(update(Chat).where(Chat.id == id_of(path)).values(owner_id=None, visitor_hash="a visitor"))
        chats.forget_visitor("a visitor")
    assert count(member) == 0


def test_who_may_only_write_sees_no_way_to_bring_back(owner, stranger):
    path = add_thread(owner, 4)
    give(path, stranger, "write")
    delete(owner, path, 2)
    page = stranger.page(path)
    assert (texts(page), line(page)) == (LINE[:2], "")


@pytest.mark.slow
def test_what_lies_in_the_trash_is_found_without_reading_all_messages(owner):
    path = add_thread(owner, 6)
    delete(owner, path, 3)
    asked = {
        "the list": lambda: deleted_branches.deleted_branches(me),
        "what is due": lambda: erasing.empty_trash(),
        "whether anything will be": lambda: erasing.has_expiring(),
    }
    with owner.app.app_context():
        me = db.session.get_one(Chat, id_of(path)).owner_id
        before = {name: (ask(), cost(ask))[1] for name, ask in asked.items()}
    add_thread(owner, 3_000)
    with owner.app.app_context():
        assert {name: cost(ask) < before[name] * 1.5 + 200 for name, ask in asked.items()} == dict.fromkeys(asked, True)
    assert titles(owner.page("/chats/trash")) == ["Message 00003."]


def test_a_page_asks_for_no_more_when_nothing_was_cut(owner):
    add_chats(owner, 1)
    path = add_thread(owner, 4)
    with owner.counting_statements() as statements:
        owner.page(path)
    assert not [statement for statement in statements if "root" in statement]
