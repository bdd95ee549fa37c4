"""Tags: each person's own words for chats, typed, ticked, renamed, removed, found by, copied and filed."""

import json

import pytest

from tests.api.client import client_of
from tests.chat.files import bring, download
from tests.chat.test_chats import add_chats, titles
from tests.support.marks import also_on_postgres, on_both_databases
from webapp.base.db import db, write
from webapp.chat import erasing
from webapp.chat.record import sharing, tags
from webapp.chat.record.tables import Chat, Tag, TaggedChat
from webapp.people.accounts.queries import user_by_email
from webapp.people.accounts.tables import PersonAuthor, User


def tag(browser, id: str, *names: str) -> None:
    assert browser.post(f"/chats/{id}/tags", new=", ".join(names)).status_code == 303


def tags_of(browser, *ids: str) -> list[list[str]]:
    with browser.app.app_context():
        by_chat = tags.by_chat(browser.person_id, ids)
    return [by_chat.get(id, []) for id in ids]


def share(owner, id: str, email: str) -> None:
    with owner.app.app_context():
        sharing.share(
            db.session.get_one(Chat, id),
            f"user:{user_by_email(email).id}",
            "view",
            author=PersonAuthor(user_by_email(owner.email)),
        )


def ticked(page) -> list[str]:
    return [box.attributes["value"] for box in page.all("[name=tag]") if "checked" in box.attributes]


@on_both_databases
def test_a_chat_is_tagged_and_found_by_its_tags(owner):
    first, second, third = add_chats(owner, 3)
    tag(owner, first, "Recipes", "recipes ", "Zürich", "日本", "x" * 40)
    tag(owner, second, "RECIPES")

    assert tags_of(owner, first, second, third) == [["Recipes", "x" * 40, "Zürich", "日本"], ["Recipes"], []]
    row = owner.page("/chats").all(".rows > li")[0]
    links = [link.text(strip=True).removeprefix("Tag:") for link in row.css(".row-tags a")]
    assert links == ["Recipes", "x" * 40, "Zürich", "+1more tags"]
    # The same letter in two forms of Unicode, and in upper case.
    assert titles(owner.page("/chats?q=tag:ZU\u0308RICH")) == ["Chat 0"]
    assert titles(owner.page("/chats?q=tag:recipes")) == ["Chat 0", "Chat 1"]
    assert owner.page("/chats?q=tag:none").says("You have no tag “none”.")

    page = owner.page(f"/chats/{first}/tags")
    assert ticked(page) == ["Recipes", "x" * 40, "Zürich", "日本"]
    assert {option.attributes["value"] for option in page.all("datalist option")} == {"Recipes", "Zürich", "x" * 40, "日本"}
    # Another page has added one meanwhile, which stays.
    tag(owner, first, "Later")
    page.press("Save", tag=["Recipes"], had=["Recipes", "x" * 40, "Zürich", "日本"], new="")
    assert tags_of(owner, first) == [["Later", "Recipes"]]


@also_on_postgres
def test_several_chats_are_tagged_at_once(owner, member):
    ids = add_chats(owner, 3)
    tag(owner, ids[0], "a", "b")
    tag(owner, ids[1], "b")
    (foreign,) = add_chats(member, 1)

    page = owner.page("/chats/several/tags?" + "&".join(f"chat={id}" for id in (*ids[:2], foreign)))
    assert (ticked(page), page.says("a (on 1 of 2)"), page.says("For 2 chats.")) == (["b"], True, True)
    listed = page.press("Save", had=["b"], tag=["a"], new="c", chat=[*ids[:2], foreign])
    assert listed.says("Tags saved.")
    assert tags_of(owner, *ids, foreign) == [["a", "c"], ["a", "c"], [], []]

    owner.post("/chats/several/tags", chat=ids[:2], off=["a"])
    assert tags_of(owner, *ids) == [["c"], ["c"], []]
    assert owner.get(f"/chats/several/tags?chat={foreign}").status_code == 404
    # Nothing happens if one of them would get too many.
    tag(owner, ids[0], *(f"t{n}" for n in range(19)))
    answer = owner.post("/chats/several/tags", chat=ids, new="one more")
    assert (answer.status_code, answer.says("“Chat 0” would have more than 20 tags. Nothing was changed.")) == (422, True)
    assert tags_of(owner, ids[2]) == [[]]


@on_both_databases
def test_a_tag_is_renamed_merged_and_removed_everywhere(app, owner, stranger):
    ids = add_chats(owner, 3)
    tag(owner, ids[0], "Work", "Office")
    tag(owner, ids[1], "Office")
    with app.app_context():
        by_name = {tag.name: tag.id for tag in db.session.query(Tag)}
    page = owner.page("/tags")
    assert [row.text(strip=True) for row in page.all(".entries .how")] == ["2 chats", "1 chat"]

    assert owner.submit(f"/tags/{by_name['Work']}", name="Job").says("Renamed to “Job”.")
    assert owner.submit(f"/tags/{by_name['Office']}", name="JOB").says("Both tags are “JOB” now.")
    assert tags_of(owner, *ids) == [["JOB"], ["JOB"], []]
    with app.app_context():
        id = db.session.query(Tag).one().id
    assert stranger.get(f"/tags/{id}").status_code == 404
    assert owner.post(f"/tags/{id}", name=" ,").says(tags.SENTENCE)
    assert owner.page(owner.post(f"/tags/{id}/delete").location).says("“JOB” removed.")
    assert tags_of(owner, *ids) == [[], [], []]


def test_a_reader_has_tags_of_their_own_that_nobody_else_sees(app, owner, member):
    (id,) = add_chats(owner, 1)
    tag(owner, id, "weak candidate")
    share(owner, id, member.email)
    tag(member, id, "Read this")

    assert tags_of(owner, id) == [["weak candidate"]]
    assert titles(member.page('/chats?q=tag:"read this"')) == ["Chat 0"]
    for page in (f"/chats/{id}/tags", "/tags", f"/chats/{id}", "/chats", '/chats?q=tag:"weak candidate"'):
        assert not member.page(page).says("weak candidate") or "q=" in page
    program = client_of(app, member.email)
    assert program.get(f"/chats/{id}")["tags"] == ["Read this"]
    assert program.said("PUT", f"/chats/{id}/tags", 200, {"tags": []})["tags"] == []
    assert program.get("/tags")["tags"][0]["count"] == 0
    program.said("PATCH", f"/chats/{id}", 404, {"tags": ["mine"]})
    assert tags_of(owner, id) == [["weak candidate"]]


@pytest.mark.parametrize("name", ["", " , ", "x" * 41, 'a"b', "a\u202eb", "a\0b", "\u200b"])
def test_what_is_no_tag_is_refused(app, owner, name):
    (id,) = add_chats(owner, 1)
    program = client_of(app, owner.email)
    program.said("PATCH", f"/chats/{id}", 422, {"tags": ["good", name], "title": "Changed"})
    assert owner.page(f"/chats/{id}/tags").says("For “Chat 0”.")
    if name.strip(" ,") and "\0" not in name:
        answer = owner.post(f"/chats/{id}/tags", new=f"good, {name}")
        assert (answer.status_code, answer.says(tags.SENTENCE)) == (422, True)
        assert answer.one("#new").attributes["value"].startswith("good, ")
    assert tags_of(owner, id) == [[]]


def test_a_person_has_so_many_tags_at_most(app, owner):
    (id,) = add_chats(owner, 1)
    with app.app_context(), write() as session:
        session.add_all(Tag(user_id=owner.person_id, name=f"t{n}", folded=f"t{n}") for n in range(tags.MOST_OF_PERSON))
    program = client_of(app, owner.email)
    refused = program.said("POST", "/chats", 422, {"tags": ["new"]})
    assert "up to 500 tags" in str(refused)
    assert program.said("POST", "/chats", 201, {"tags": ["T7"]})["chat"]["tags"] == ["t7"]
    assert [chat["tags"] for chat in program.get("/chats?tag=t7")["chats"]] == [["t7"]]
    assert program.get("/chats?tag=%00t7")["chats"] == []
    # A file brings those that the person has already.
    file = json.loads(download(owner, f"/chats/{id}/export.json"))
    file["chat"] |= {"id": "elsewhere", "tags": ["fresh", "T8", 7, "t8", "a, b"]}
    file["messages"] = [{"id": "m", "role": "user", "content": "Hello"}]
    bring(owner, json.dumps(file).encode())
    assert [chat["tags"] for chat in program.get("/chats?tag=t8")["chats"]] == [["t8"]]


@pytest.mark.parametrize(
    "about",
    [
        {"chat": {"tags": ["old", {"name": "named"}]}},
        {"meta": {"tags": ["old", "named", "x" * 50, "", None, {}]}},
    ],
)
def test_tags_come_from_open_webui(owner, about):
    history = {"currentId": "u", "messages": {"u": {"id": "u", "role": "user", "content": "Hi", "childrenIds": []}}}
    bring(
        owner,
        json.dumps(
            [{"id": "w", "title": "Web", "meta": {}} | about | {"chat": {"history": history} | about.get("chat", {})}]
        ).encode(),
    )
    with owner.app.app_context():
        (names,) = tags.by_chat(owner.person_id, [db.session.query(Chat).one().id]).values()
    assert {"old", "named"} <= set(names)


@also_on_postgres
def test_tags_go_with_copies_files_and_whatever_they_are_of(app, owner, member):
    file = {"format": "millrace-chat", "version": 1, "chat": {"id": "a", "title": "Filed", "tags": ["From, a file"]}}
    bring(owner, json.dumps(file | {"messages": [{"id": "m", "role": "assistant", "content": "Hello"}]}).encode())
    with app.app_context():
        filed = db.session.query(Chat).filter_by(title="Filed").one()
        filed_id, message_id = filed.id, filed.head_id
    tag(owner, filed_id, "More")
    assert json.loads(download(owner, f"/chats/{filed_id}/export.json"))["chat"]["tags"] == ["From a file", "More"]
    forked = owner.post(f"/messages/{message_id}/fork").location.removeprefix("/chats/").partition("#")[0]
    assert tags_of(owner, forked) == [["From a file", "More"]]
    share(owner, filed_id, member.email)
    theirs = member.post(f"/messages/{message_id}/fork").location.removeprefix("/chats/").partition("#")[0]
    assert tags_of(member, theirs) == [[]]

    tag(member, filed_id, "theirs")
    with app.app_context():
        erasing.erase(Chat.id == filed_id)
        assert db.session.query(TaggedChat).filter_by(chat_id=filed_id).count() == 0
        with write() as session:
            session.delete(session.get_one(User, member.person_id))
        assert {tag.name for tag in db.session.query(Tag)} == {"From a file", "More"}


def test_a_list_with_tags_takes_one_statement_more(owner):
    ids = add_chats(owner, 30)
    owner.page("/chats")
    with owner.counting_statements() as before:
        owner.page("/chats")
    for id in ids:
        tag(owner, id, "a", "b", "c", "d")
    with owner.counting_statements() as after:
        owner.page("/chats")
    assert len(after) == len(before)
