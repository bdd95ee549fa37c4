"""Lorebooks shared for reading: who sees, uses and copies them, who can't change them, and what happens when sharing ends."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests.characters.conftest import heard
from tests.characters.lore.test_pages import WORLD, app, as_file, bring, titles
from tests.chat.conftest import asked, ended
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.page import Page
from webapp.base.audit import AuditEntry
from webapp.base.db import db, utc_now, write
from webapp.characters.lore import queries, service
from webapp.characters.lore.tables import Lorebook
from webapp.chat.prompt.context import PromptContext
from webapp.chat.prompt.lore import lore_sections
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import Grant, Group, Membership, User
from webapp.people.things.seen import MOST_LISTED

__all__ = ["app"]
ENTRY = {"keys": ["mill"], "content": "The mill burnt down."}


@pytest.fixture
def book(member) -> str:
    """The path of a lorebook that belongs to a member."""
    return bring(member, as_file({**WORLD, "entries": {"0": {**ENTRY, "key": ["mill"], "comment": "The mill"}}})).path


def share(browser: Browser, path: str, whom: str) -> Page:
    return browser.submit(f"{path}/people", whom=whom)


def post(browser: Browser, path: str, **fields: str) -> Page:
    return browser.send(path, {**fields}, follow=False)


def told(browser: Browser, fake, chat: str) -> str:
    """Returns the first turn that the model is sent when a key matches."""
    count = len(asked(fake))
    browser.submit(chat, message="The mill?")
    fake.until(lambda _: len(asked(fake)) > count)
    browser.wait_for(chat, ended)
    return heard(fake)[0][1]


@also_on_postgres
def test_one_is_shared_used_in_a_chat_and_withdrawn(member, stranger, fake, book):
    fake.says("Aye.")
    assert stranger.get(book).status_code == 404
    shared = share(member, book, f"user:{stranger.person_id}")
    assert shared.says("can read and use it")
    assert member.page(book).says("Shared with")
    assert member.page("/lorebooks").says("shared")

    listed = stranger.page("/lorebooks")
    assert [node.text(strip=True) for node in listed.all("#given ~ ul .what")] == ["The valley"]
    assert listed.says("No lorebooks of your own yet.")
    page = stranger.page(book)
    assert titles(page) == ["The mill"]
    assert page.says("Shared with you")
    assert [node.attributes["action"] for node in page.all("main form[method=post]")] == [f"{book}/duplicate"]
    assert not page.has("a", "Edit")
    assert not page.has("a", "Share")

    chat = stranger.submit("/", message="Hello").path
    stranger.wait_for(chat, ended)
    stranger.post(f"{chat}/prompts", changed="lorebooks", lorebooks=book.rpartition("/")[2])
    assert told(stranger, fake, chat) == "The mill burnt down."
    sent = stranger.page(chat).all("a[href*='/sent']")[-1].attributes["href"]

    member.send(shared.one(".entries form").attributes["action"], {}, follow=True)
    assert member.page(book).says("Only you")
    assert stranger.get(book).status_code == 404
    assert not stranger.page("/lorebooks").all("#given")
    assert not stranger.page(f"{chat}/prompts").all("input[name=lorebooks]")
    assert told(stranger, fake, chat) != "The mill burnt down."
    # A sent prompt is displayed unchanged.
    assert stranger.page(sent).says("The mill burnt down.")


@pytest.mark.slow
@also_on_postgres
def test_a_group_and_the_team_see_it_and_guests_do_not(app, owner, member, stranger, book):
    with app.app_context(), write() as session:
        group = Group(name="Players")
        session.add(group)
        session.flush()
        session.add(Membership(group_id=group.id, user_id=stranger.person_id))
        group_id = group.id
    share(member, book, f"group:{group_id}")
    assert stranger.get(book).status_code == 200
    assert owner.get(book).status_code == 404
    share(member, book, "everyone:")
    assert owner.get(book).status_code == 200

    owner.submit(f"/admin/people/{stranger.person_id}", role="guest")
    with app.app_context(), write() as session:
        session.delete(session.get(Group, group_id))
    assert stranger.get(book).status_code == 404


def test_readers_change_nothing(app, member, stranger, book):
    share(member, book, "everyone:")
    refused = "Only the owner of this lorebook can do that. Duplicate it to get your own."
    for path in ("", "/entries", "/entries/0", "/entries/0/delete", "/delete", "/people", "/people/x/remove"):
        answer = post(stranger, f"{book}{path}", name="Mine", keys="x", content="y", whom="everyone:")
        assert answer.status_code == 403, path
        assert answer.says(refused) or answer.says("Only the owner"), path
    for path in ("/entries/new", "/entries/0", "/people"):
        assert stranger.get(f"{book}{path}").status_code == 403, path
    assert post(stranger, f"{book}/restore").status_code == 404
    assert titles(member.page(book)) == ["The mill"]
    assert member.page(book).heading == "The valley"


def test_a_reader_makes_a_copy_of_their_own(member, stranger, book):
    post(member, book, name="The valley", is_always="on")
    share(member, book, "everyone:")
    assert not stranger.page("/lorebooks").says("always")
    exported = json.loads(stranger.get(f"{book}/export").text)

    copy = stranger.page(book).press("Duplicate")
    assert copy.says("This is your own copy. Change it as you like.")
    assert (copy.heading, titles(copy)) == ("The valley (copy)", ["The mill"])
    assert json.loads(stranger.get(f"{copy.path}/export").text)["entries"] == exported["entries"]
    assert "checked" not in copy.one("input[name=is_always]").attributes
    assert copy.form("Save").submit(name="Mine").says("Saved.")
    assert member.get(copy.path).status_code == 404


def test_always_is_a_matter_of_its_owners_own_chats(app, member, stranger, book):
    post(member, book, name="The valley", is_always="on")
    share(member, book, "everyone:")
    with app.app_context():
        mine, theirs = (db.session.get_one(User, browser.person_id) for browser in (member, stranger))
        assert [lorebook.name for lorebook in queries.used_by(mine, [], is_played=True)] == ["The valley"]
        assert queries.used_by(theirs, [], is_played=True) == []
        assert [lorebook.name for lorebook in queries.used_by(theirs, [book.rpartition("/")[2]], is_played=True)] == [
            "The valley"
        ]


@pytest.mark.slow
@also_on_postgres
def test_one_in_the_trash_is_its_owners_alone_and_grants_go_for_good_with_it(app, member, stranger, book):
    share(member, book, "everyone:")
    member.page(book).press("Delete lorebook")
    assert stranger.get(book).status_code == 404
    assert post(stranger, f"{book}/restore").status_code == 404
    assert not stranger.page("/lorebooks").all("#given")
    member.page("/lorebooks").press("Restore The valley")
    assert stranger.get(book).status_code == 200

    with app.app_context():
        with write() as session:
            session.execute(update(Lorebook).values(deleted_at=utc_now() - timedelta(days=400)))
        service.LOREBOOKS.empty_trash()
        assert db.session.scalars(select(Lorebook)).all() == []
        assert db.session.scalars(select(Grant)).all() == []


def test_grants_go_with_the_account_of_its_owner(app, owner, member, book):
    share(member, book, "everyone:")
    owner.page(f"/admin/people/{member.person_id}").form("Delete account").submit(email=member.email)
    with app.app_context():
        assert db.session.scalars(select(Lorebook)).all() == []
        assert db.session.scalars(select(Grant).where(Grant.object_kind == "lorebook")).all() == []


def test_the_log_says_with_whom_it_was_shared_and_not_what_it_is_called(app, member, stranger, book):
    shared = share(member, book, f"user:{stranger.person_id}")
    member.send(shared.one(".entries form").attributes["action"], {}, follow=True)
    with app.app_context():
        query = select(AuditEntry).where(AuditEntry.object_kind == "lorebook").order_by(AuditEntry.id)
        found = db.session.scalars(query).all()
    assert [(entry.action, entry.actor, entry.object_id, entry.detail) for entry in found] == [
        ("shared a lorebook", member.email, book.rpartition("/")[2], f"with {stranger.email}"),
        ("stopped sharing a lorebook", member.email, book.rpartition("/")[2], f"with {stranger.email}"),
    ]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("whom", "words"),
    [
        ("", "Choose who to share it with."),
        ("user:", "Choose who to share it with."),
        ("everyone:x", "Choose who to share it with."),
        ("user:nobody", "That account no longer exists."),
        ("group:none", "That group no longer exists."),
    ],
)
def test_odd_wishes_are_refused(member, book, whom, words):
    # Nothing is preselected, least of all everyone.
    assert member.page(f"{book}/people").all("#share-whom option")[0].attributes["value"] == ""
    refused = post(member, f"{book}/people", whom=whom)
    assert refused.status_code == 422
    assert refused.says(words)
    assert post(member, f"{book}/people", whom=f"user:{member.person_id}").says("This lorebook already belongs to them.")


@pytest.mark.slow
@also_on_postgres
def test_of_very_many_as_many_are_read_as_are_listed(app, member, stranger):
    with app.app_context():
        with write() as session:
            about = {"owner_id": member.person_id, "book": {"entries": [ENTRY]}, "entry_count": 1}
            rows = [Lorebook(name=f"World {number:04}", **about) for number in range(MOST_LISTED + 50)]
            session.add_all([*rows, Lorebook(name="Mine", owner_id=stranger.person_id)])
            session.flush()
            last = rows[-1].id
            session.add_all(Grant(object_kind="lorebook", object_id=row.id, right="read") for row in rows)
        reader = db.session.get_one(User, stranger.person_id)
        assert len(queries.SEEN_LOREBOOKS.all(reader)) == MOST_LISTED
        # A person's own come first, and an attached one is never cut off by the limit.
        assert [lorebook.name for lorebook in queries.SEEN_LOREBOOKS.all(reader, first=[last])][:3] == [
            "Mine",
            rows[-1].name,
            "World 0000",
        ]
        assert [lorebook.name for lorebook in queries.used_by(reader, [last], is_played=True)] == [rows[-1].name]
        assert db.session.scalar(select(func.count()).select_from(Lorebook)) == MOST_LISTED + 51
    with stranger.counting_statements() as statements:
        assert len(stranger.page("/lorebooks").all("#given ~ ul li")) == MOST_LISTED - 1
    assert (
        len(
            [
                statement
                for statement in statements
                if "FROM lorebooks" in statement or "FROM grants" in statement.split("WHERE")[0]
            ]
        )
        <= 4
    )


@pytest.mark.mostly_slow
@pytest.mark.parametrize("whose", ["member", "stranger"])
def test_a_prompt_takes_three_statements_whosever_the_lorebook_is(app, member, stranger, book, whose):
    share(member, book, "everyone:")
    asking = {"member": member, "stranger": stranger}[whose]
    with app.app_context():
        with write() as session:
            chat = Chat(owner_id=asking.person_id, title="Tea", model="fake/plain", lorebook_ids=[book.rpartition("/")[2]])
            session.add(chat)
        context = PromptContext(chat.id, chat.owner_id, "fake/plain", [("user", "The mill?")])
        # Its content is read once, and cached.
        assert [section.section.text for section in lore_sections(context)] == ["The mill burnt down."]
    with app.app_context(), asking.counting_statements() as statements:
        assert len(list(lore_sections(context))) == 1
    # The statements read the chat, its owner and the lorebooks.
    assert len([statement for statement in statements if not statement.startswith(("BEGIN", "ROLLBACK"))]) == 3
