"""Permissions in a chat: for its owner, for those it is shared with to read or to write, and for everyone else."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.api.client import client_of
from tests.chat.conftest import ended_with, statuses, texts
from tests.chat.files import download
from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.markup import text_of
from tests.support.people import PASSWORD
from tests.support.waiting import until
from webapp.base.audit import AuditEntry
from webapp.base.db import db
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.people.accounts import queries
from webapp.people.accounts.tables import Grant, PersonAuthor, User
from webapp.people.members import groups
from webapp.settings.service import set_setting

# Permitted requests get 200, 303 or 204; for all others the chat does not exist, so they get 404.
MAY = {"own": {"read", "write", "own"}, "write": {"read", "write"}, "view": {"read"}, "link": {"read"}, "": set()}
ACTIONS = [
    ("read", "GET", "/chats/{chat}"),
    ("read", "GET", "/chats/{chat}/export.md"),
    ("read", "GET", "/chats/{chat}/export.txt"),
    ("read", "GET", "/chats/{chat}/export.html"),
    ("read", "GET", "/messages/{answer}.md"),
    ("write", "GET", "/messages/{question}/edit"),
    ("write", "POST", "/messages/{answer}/version"),
    ("write", "POST", "/generations/{generation}/stop"),
    ("own", "GET", "/chats/{chat}/export.json"),
    ("own", "GET", "/chats/{chat}/export.jsonl"),
    ("own", "GET", "/chats/{chat}/people"),
    ("own", "POST", "/chats/{chat}/people/team"),
    ("own", "POST", "/chats/{chat}/people/no-such-grant/remove"),
    ("own", "POST", "/chats/{chat}/rename"),
    ("own", "POST", "/messages/{last}/delete"),
    ("own", "POST", "/chats/{chat}/delete"),
]


@pytest.fixture
def give(owner, path, app) -> Callable[..., None]:
    """Shares the chat with a person by their browser, with a group by its id, or by the link."""

    def give(whom: Browser | str, right: str = "view") -> None:
        if whom == "link":
            assert owner.post(f"{path}/people/team").status_code == 303
            return
        choice = f"user:{whom.person_id}" if isinstance(whom, Browser) else f"group:{whom}"
        page = owner.submit(f"{path}/people", whom=choice, right=right)
        assert page.status_code == 200, page.text

    return give


def read(browser: Browser, where: str) -> int:
    """Requests a page, reads the whole response and returns its status."""
    with browser.client.get(where, base_url=browser.origin) as response:
        response.get_data()
        return response.status_code


def ids(app, path: str) -> dict[str, str]:
    chat = path.split("/")[-1]
    with app.app_context():
        messages = db.session.scalars(select(Message.id).where(Message.chat_id == chat).order_by(Message.id)).all()
        generation = db.session.scalar(select(Generation.id).order_by(Generation.id))
    return {"chat": chat, "question": messages[0], "answer": messages[1], "last": messages[-1], "generation": generation or ""}


@pytest.mark.mostly_slow
@also_on_postgres
@pytest.mark.parametrize("right", MAY)
def test_the_rules_as_a_matrix(owner, member, give, path, app, right):
    if right and right != "own":
        give("link" if right == "link" else member, "write" if right == "write" else "view")
    browser, places = owner if right == "own" else member, ids(app, path)

    for needs, method, template in ACTIONS:
        where = template.format(**places)
        # An exported page contains its style inline, which the server's own pages are not allowed to.
        got = read(browser, where) if method == "GET" else browser.post(where).status_code
        is_missing_grant = "no-such-grant" in where
        is_refused = needs not in MAY[right] or is_missing_grant
        assert (got == 404) == is_refused, f"{right} {method} {where}: {got}"


@pytest.mark.slow
def test_a_guest_does_not_come_in_by_the_teams_link(app, owner, give, path):
    guest = signed_in(app, "guest@example.org", "guest")
    give("link")
    assert guest.get(path).status_code == 404

    give(guest)
    assert guest.page(path).says("One")


@pytest.mark.slow
def test_the_teams_link_is_made_copied_and_withdrawn(owner, path):
    page = owner.page(path).click("Share")
    assert page.says("No one else can see this chat.")
    page = page.press("Create link")

    assert not page.says("No one else can see this chat.")
    address = page.textbox("Address").value
    assert address.endswith(path)
    assert page.button("Copy").attributes["value"] == address
    assert page.says("This link only works on this machine.")
    assert not page.press("Remove link").has("input", "Address")


def test_a_guest_does_not_learn_who_is_here(app, begin, fake):
    guest = signed_in(app, "guest@example.org", "guest")
    fake.says("Yes")
    path = begin(guest)

    assert guest.get(f"{path}/people").status_code == 403
    assert guest.post(f"{path}/people/team").status_code == 403


@pytest.mark.slow
def test_a_reader_sees_no_button_that_does_nothing(member, give, path):
    give(member)

    page = member.page(path)

    assert texts(page) == ["First", "One"]
    assert page.says("You can read this chat, but not write in it.")
    for name in ("Send", "Edit", "Try again", "Delete", "Delete chat", "Pin"):
        assert not page.has("button", name), name
    assert not page.has("a", "Share")


@pytest.mark.slow
def test_a_writer_writes_and_everybody_sees_it(owner, member, give, path, fake):
    give(member, "write")
    fake.says("Two")

    member.submit(path, message="From the member")

    assert len(statuses(member.wait_for(path, ended_with(4)))) == 4
    assert texts(owner.page(path))[-2:] == ["From the member", "Two"]


@pytest.mark.slow
def test_a_writers_own_limits_count(owner, member, give, path, fake, app):
    give(member, "write")
    fake.says("Two")
    member.submit(path, message="From the member")
    member.wait_for(path, ended_with(4))

    with app.app_context():
        by = db.session.scalars(select(Generation.user_id).where(Generation.kind == "chat").order_by(Generation.id)).all()
        set_setting("limits.streams_burst", "1")
        set_setting("limits.streams_per_minute", "1")
    assert by == [owner.person_id, member.person_id]

    assert member.post(f"{path}/messages", message="x", key="a").status_code in (303, 429)
    assert member.post(f"{path}/messages", message="y", key="b").status_code in (409, 429)


@pytest.mark.slow
def test_the_list_shows_what_others_shared(member, stranger, give, path):
    give(member)

    section = member.page("/chats").one('section[aria-labelledby="shared-with-me"]')
    assert "First" in section.text()
    assert not stranger.page("/chats").all('section[aria-labelledby="shared-with-me"]')


@pytest.mark.slow
@also_on_postgres
def test_it_stands_beside_every_page_with_who_shared_it_and_is_searched(app, owner, member, stranger, give, path):
    give(member)

    for place in ("/", "/plans"):
        assert "shared by owner" in text_of(member.page(place).one(f'#sidebar a[href="{path}"]')), place
        assert not stranger.page(place).all(f'#sidebar a[href="{path}"]')
    assert member.page("/chats").says("No chats of your own yet.")
    assert stranger.page("/chats").says("No chats yet.")
    assert member.page("/chats?q=first").says("shared by owner")
    assert len(member.page("/chats?q=first").all(".hit")) == 1
    assert not member.page("/chats?q=first").says("No results")
    assert not stranger.page("/chats?q=first").all(".hit")
    assert not owner.page("/chats?q=first").says("shared by")


@pytest.mark.slow
@also_on_postgres
def test_how_its_owner_has_pinned_it_is_nothing_to_others(owner, member, give, path):
    give(member)
    owner.post(f"{path}/pin")

    assert "Pinned" in text_of(owner.page("/").one("#sidebar-chats"))
    assert "Pinned" not in text_of(member.page("/").one("#sidebar-chats"))


def test_an_open_page_hears_that_a_chat_was_shared_and_taken_back(owner, member, give, path, listen):
    listener = listen(member, str(member.page("/").one("#sidebar-chats").attributes["hx-sse:connect"]))
    give(member)
    listener.until(lambda feed: path in feed.html)
    member_sidebar = member.page("/")
    assert member_sidebar.all(f'#sidebar a[href="{path}"]')


def test_the_link_for_the_team_puts_it_in_no_list_and_no_search(owner, member, give, path):
    give("link")

    assert member.get(path).status_code == 200
    assert not member.page("/").all(f'#sidebar a[href="{path}"]')
    assert not member.page("/chats?q=first").all(".hit")
    for filter in ("after:2020-01-01", "before:2099-01-01", "after:2020-01-01%20first"):
        assert path not in member.get(f"/chats?q={filter}").text


def test_a_guest_cannot_guess_the_address_of_who_shares(app, owner, give, path):
    guest = signed_in(app, "guest@example.org", "guest")
    give(guest)

    for filter, is_found in (("after:2020", True), ("from:owner@example.org", False)):
        assert bool(guest.page(f"/chats?q={filter}").all(f'main a[href="{path}"]')) is is_found


@pytest.mark.slow
def test_a_group_gets_it_and_loses_it(app, owner, member, give, path, listen):
    with app.app_context():
        boss = db.session.get_one(User, owner.person_id)
        group = groups.create("Millers", author=PersonAuthor(boss))
        group_id = group.id
        groups.put_in(group, member.person_id, author=PersonAuthor(boss))
    give(group_id)
    assert member.page(path).says("One")

    tab = listen(member, member.page(path).events_url)
    tab.until(lambda tab: tab.raw)

    owner.post(f"/admin/groups/{group_id}/people/{member.person_id}/remove")

    tab.until(lambda tab: tab.greenlet.dead)
    assert member.get(path).status_code == 404


@pytest.mark.slow
def test_sharing_again_changes_the_right(app, owner, member, give, path):
    give(member, "write")
    give(member, "view")

    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Grant)) == 1
    assert owner.page(f"{path}/people").says("can read")
    assert member.post(f"{path}/messages", message="x").status_code == 404


@pytest.mark.slow
def test_a_reader_sees_it_live_and_without_buttons(owner, member, give, path, fake, listen):
    give(member)
    tab = listen(member, member.page(path).events_url)
    fake.says("Two")

    owner.submit(path, message="Second")

    tab.until(lambda tab: "Two" in tab.html and tab.statuses()[-1:] == ["completed"])
    tab.until(lambda tab: tab.html.count("-aside") > 2)
    assert "Try again" not in tab.html
    assert "composer-controls" not in tab.html


@pytest.mark.slow
def test_a_right_that_is_taken_away_is_gone_at_once(owner, member, give, path, listen):
    give(member)
    tab = listen(member, member.page(path).events_url)
    tab.until(lambda tab: tab.raw)

    owner.page(f"{path}/people").press("Remove member")

    tab.until(lambda tab: tab.greenlet.dead)

    assert member.get(path).status_code == 404
    assert member.get(f"{path}/events").status_code == 404
    assert owner.page(f"{path}/people").says("No one else can see this chat.")


@pytest.mark.slow
def test_odd_wishes_are_refused(owner, member, path):
    for whom, right, sentence in [
        ("", "view", "Choose who to share it with."),
        ("user:nobody", "view", "That account no longer exists."),
        ("group:none", "view", "That group no longer exists."),
        (f"user:{owner.person_id}", "view", "This chat is already yours."),
        (f"user:{member.person_id}", "own", "Choose whether they can read or write."),
    ]:
        page = owner.post(f"{path}/people", whom=whom, right=right)
        assert page.status_code == 422, whom
        assert page.says(sentence)


@pytest.mark.slow
def test_a_chat_in_the_trash_is_gone_for_all(owner, member, give, path):
    give(member, "write")
    owner.post(f"{path}/delete")

    assert member.get(path).status_code == 404
    assert not member.page("/chats").all('section[aria-labelledby="shared-with-me"]')


def test_a_reader_takes_along_what_is_shown(member, give, path):
    give(member)

    assert b"One" in download(member, f"{path}/export.md")


@pytest.mark.slow
def test_deleting_an_account_takes_its_chats_even_while_one_is_answered(app, owner, member, begin, fake):
    fake.counts(4_000, pace=0.02)
    path = begin(member, "Mine")
    member.wait_for(path, lambda page: "responding" in statuses(page))
    generation = ids(app, path)["generation"]

    assert member.post("/account/delete", password=PASSWORD).heading == "Your account is deleted"
    assert member.get("/").location.startswith("/login")

    with app.app_context():
        assert queries.user_by_email(member.email) is None
        assert db.session.scalar(select(func.count()).select_from(Chat)) == 0
        assert db.session.scalar(select(func.count()).select_from(Message)) == 0
    until(lambda: not ENGINE.of(app).live, "nothing runs")
    with app.app_context():
        cost = db.session.get_one(Generation, generation)
        assert not cost.is_active
        assert (cost.user_id, cost.message_id, cost.prompt, cost.error, cost.attempts) == (None, None, {}, "", [])


@pytest.mark.slow
def test_its_owner_sees_with_whom_it_is_shared(owner, member, stranger, give, path):
    assert not owner.page(path).all(".given")
    give(member)
    assert owner.page(path).click("Shared with member").heading == "Share this chat"
    give(stranger, "write")
    give("link")

    badge = owner.page(path).one(".given")
    assert [node.text() for node in badge.css(".given__names, .given__count")] == ["member +2", "3"]
    assert "Shared with member, stranger, Team" in text_of(badge)
    assert not member.page(path).all(".given")


def test_nobody_is_chosen_before_somebody_chooses(owner, member, path):
    page = owner.page(f"{path}/people")
    choice = page.one("#share-whom")

    assert "required" in choice.attributes
    assert choice.css_first("option").attributes["value"] == ""
    assert owner.post(f"{path}/people", whom="", right="view").status_code == 422


def test_with_others_there_nobody_has_to_be_invited(owner, member, fake):
    fake.says("Well.")
    path = owner.submit("/", message="Hello").path
    assert not owner.page(f"{path}/people").has("a", "Invite someone")


def test_whoever_is_alone_is_led_to_inviting(owner, fake):
    fake.says("Well.")
    path = owner.submit("/", message="Hello").path
    assert owner.page(f"{path}/people").link("Invite someone").attributes["href"] == "/admin/people#invite"


def lines_about(app: Flask, kind: str) -> list[tuple[str, str, str]]:
    with app.app_context():
        entries = db.session.scalars(select(AuditEntry).where(AuditEntry.object_kind == kind).order_by(AuditEntry.id)).all()
        return [(entry.action, entry.actor, entry.detail) for entry in entries]


def test_the_audit_log_says_with_whom_a_chat_was_shared(app, owner, member, give, path):
    give(member, "write")
    api = client_of(app, owner.email)
    [grant] = api.get(f"{path}/grants")["grants"]
    owner.post(f"{path}/people/{grant['id']}/remove")
    give("link")
    owner.post(f"{path}/project", project=api.post("/projects", {"name": "Herons"}, status=201)["id"])
    for is_shared in ("1", "0"):
        owner.post(f"{path}/people/project", share=is_shared)
    api.said("PUT", f"{path}/grants", 200, {"to": "user", "to_id": member.person_id, "right": "read"})
    assert lines_about(app, "chat") == [
        (action, owner.email, detail)
        for action, detail in (
            ("shared a chat", f"with {member.email}"),
            ("stopped sharing a chat", f"with {member.email}"),
            ("shared a chat", "with everyone"),
            ("shared a chat", "with its project"),
            ("stopped sharing a chat", "with its project"),
            ("shared a chat", f"with {member.email}"),
        )
    ]


def test_the_audit_log_says_that_a_character_was_shared_once(app, owner):
    path = owner.submit("/characters/new", name="Mara", description="A guide.", is_shared="y").path
    owner.submit(f"{path}/edit", name="Mara", description="A guide to mills.", is_shared="y")
    owner.post(path, name="Mara", description="A guide to mills.")
    assert lines_about(app, "character") == [
        ("shared a character", owner.email, "with everyone"),
        ("stopped sharing a character", owner.email, "with everyone"),
    ]
