"""A search is narrowed by words such as `tag:` and `before:`, in its box and in a form, wherever chats are searched."""

from datetime import UTC, datetime

import pytest

from tests.api.client import client_of
from tests.chat.test_chats import add_chats, titles
from tests.chat.test_search import HOSTILE, say
from tests.chat.test_tags import share, tag
from tests.support.marks import on_both_databases
from webapp.base.db import db, write
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.record.tables import Chat, Message, Project
from webapp.people.accounts.tables import User
from webapp.workspace.list.search import newest_passages, search, titles_of


@pytest.fixture
def ids(owner, member) -> dict[str, str]:
    """Three chats with the same words: one tagged and in a project, one old with a file, and one that a member shares."""
    new, old = add_chats(owner, 1, title="New rye"), add_chats(owner, 1, title="Old rye", model="other/claude")
    (shared,) = add_chats(member, 1, title="Shared rye")
    ids = {"new": new[0], "old": old[0], "shared": shared}
    for id in ids.values():
        say(owner, id, "Rye bread")
    tag(owner, ids["new"], "Work", "two words")
    share(member, shared, owner.email)
    tag(owner, shared, "work")
    long_ago = datetime(2024, 5, 31, 12, tzinfo=UTC)
    with owner.app.app_context(), write() as session:
        session.get_one(User, member.person_id).name = "Ada Ågren"
        project = Project(owner_id=owner.person_id, name="The Mill")
        file = StoredFile(owner_id=owner.person_id, name="a", kind="text", media_type="text/plain", hash="h" * 64, bytes=1)
        session.add_all([project, file])
        session.flush()
        session.get_one(Chat, ids["new"]).project_id = project.id
        session.get_one(Chat, ids["old"]).changed_at = long_ago
        session.add(ChatFile(chat_id=ids["old"], file_id=file.id))
        for message in session.query(Message):
            message.author_id = member.person_id if message.chat_id == shared else owner.person_id
            message.created_at = long_ago if message.chat_id == ids["old"] else message.created_at
    return ids


def found(browser, query: str) -> list[set[str]]:
    """Returns the titles of what the search page, the palette and the list have for a query."""
    person_id = browser.person_id
    with browser.app.app_context():
        everything = {hit.title for hit in search(person_id, f"bread {query}").hits}
        typing = {hit.title for hit in newest_passages(person_id, f"bread {query}", limit=9)}
        named = {hit.title for hit in titles_of(person_id, f"rye {query}", limit=9)}
        narrowed = {hit.title for hit in titles_of(person_id, query, limit=9)}
    return [everything, typing, named, narrowed, set(titles(browser.page(f"/chats?q={query}")))]


@on_both_databases
def test_each_of_them_narrows_every_search(owner, member, ids):
    for query, *expected in (
        ("tag:WORK", "New rye", "Shared rye"),
        ('tag:"two words" tag:work', "New rye"),
        ('project:"the mill"', "New rye"),
        ("project:mill", "New rye"),
        ("model:CLAUDE", "Old rye"),
        ("from:ada", "Shared rye"),
        ("from:ågren", "Shared rye"),
        ("from:me", "New rye", "Old rye"),
        ("from:nobody-else",),
        ("before:2024-06", "Old rye"),
        ("before:2024-05-31",),
        ("after:2024-05-31 before:2024-06-01", "Old rye"),
        ("from:2024-06", "New rye", "Shared rye"),
        ("has:file", "Old rye"),
        ("tag:work before:today",),
    ):
        assert found(owner, query) == [set(expected)] * 5, query
    # What is the owner's own is nothing to the member, to whom nothing is shared.
    assert found(member, "has:file") == found(member, "tag:work") == [set()] * 5
    assert found(member, "from:me") == [{"Shared rye"}] * 5


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("before:soon rye", "“soon” is no date. Write a day, a month or a year, as in before:2026-01-31."),
        ("after:2026-02-30", "“2026-02-30” is no date."),
        ("tag:nothing", "You have no tag “nothing”."),
        ("project:nothing rye", "You have no project “nothing”."),
        ("tag: rye", "Write something right after “tag:”, as in tag:recipes."),
        ("has:legs", "Write has:file for chats with files."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(owner, query, sentence):
    page = owner.page(f"/chats?q={query}")
    assert sentence in page.one("[role=alert]").text()
    assert owner.htmx_get(f"/search?q={query}").says(sentence)
    assert not page.all(".empty")


def test_a_form_says_the_same_and_each_can_be_taken_off(owner, ids):
    page = owner.page("/chats?q=")
    answer = owner.get("/chats?words=rye&with_tag=Work&with_tag=two words&with_before=&with_has=file")
    assert (answer.status_code, answer.location) == (303, "/chats?q=tag:Work+tag:%22two+words%22+has:file+rye")
    assert page.one("[name=with_project]").attributes["list"] == "narrowing-projects"
    page = owner.page(answer.location)
    assert page.one("#search").attributes["value"] == 'tag:Work tag:"two words" has:file rye'
    assert [box.attributes["value"] for box in page.all("[name=with_tag]")] == ["Work", "two words"]
    assert page.one("[name=words]").attributes["value"] == "rye"
    chips = page.all(".row-tags--filter a")
    assert [" ".join(chip.text().split()) for chip in chips] == [
        "Remove filter Tag: Work ×",
        "Remove filter Tag: two words ×",
        "Remove filter With: file ×",
    ]
    assert titles(owner.page(chips[2].attributes["href"])) == ["New rye"]
    # Words that only chats have leave nothing of other kinds.
    assert [node.text() for node in owner.htmx_get("/search?q=tag:work rye").all("h2")] == ["Chats", "Messages"]


def test_hostile_words_do_no_harm(app, owner):
    for text in HOSTILE:
        for key in ("tag", "project", "model", "from", "before", "has"):
            with app.app_context():
                search(owner.person_id, f'rye {key}:"{text}"')
                titles_of(owner.person_id, f"{key}:{text}", limit=3)


def test_a_list_that_is_narrowed_has_pages_and_bulk_actions(owner):
    chats = add_chats(owner, 103)
    for start in (0, 100):
        owner.post("/chats/several/tags", chat=chats[start : start + 100], new="many")
    page = owner.page("/chats?q=tag:many")
    assert len(titles(page)) == 100
    older = owner.page(page.one("[rel=next]").attributes["href"])
    assert titles(older) == ["Chat 100", "Chat 101", "Chat 102"]
    page = owner.page(owner.post("/chats/several?q=tag:many", deed="archive", chat=chats[:3]).location)
    assert (page.says("3 chats archived."), page.one("#search").attributes["value"]) == (True, "tag:many")


@on_both_databases
def test_programs_search_chats_in_the_same_words(app, owner, member, ids):
    program = client_of(app, owner.email)
    assert [hit["title"] for hit in program.get("/chats/search?q=tag:work")["hits"]] == ["Shared rye", "New rye"]
    hits = program.get("/chats/search?q=before:2025 bread")["hits"]
    assert [(hit["title"], hit["passage"], hit["role"]) for hit in hits] == [("Old rye", "Rye bread", "user")]
    assert "no date" in str(program.said("GET", "/chats/search?q=before:soon", 422))
    assert client_of(app, member.email).get("/chats/search?q=has:file")["hits"] == []
    with app.app_context():
        assert db.session.get(Chat, ids["old"]) is not None
