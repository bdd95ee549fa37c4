"""Pages of chats with several characters: how one begins, who is shown, who is asked to speak, and how its cast changes."""

import pytest

from tests.characters.conftest import MARA, png, upload
from tests.chat.conftest import asked, ended_with
from tests.chat.files import download
from tests.conftest import signed_in
from tests.support.turns import nobody_waits
from tests.upstream.handle import TITLE
from webapp.base.db import write
from webapp.base.ids import new_id
from webapp.characters.tables import Character
from webapp.people.accounts import queries as account_queries

BO = {"name": "Bo", "description": "Bo sails.", "greeting": "Ahoy."}


@pytest.fixture
def ids(make) -> list[str]:
    """The ids of Mara and Bo, the member's characters."""
    return [make(**character).rpartition("/")[2] for character in (MARA, BO)]


@pytest.fixture
def group(ids, member) -> str:
    """The path of a chat with both, who take turns."""
    page = member.submit("/characters/group", character_ids=ids, turn_order="rotation")
    assert page.path.startswith("/chats/"), page.text
    return page.path


def speakers(page) -> list[str]:
    return [str(article.attributes["aria-label"]) for article in page.all("article.message")]


def test_it_begins_from_the_characters_and_each_greets_under_their_own_name(ids, member):
    page = member.page("/characters").click("New group chat")
    assert [str(field.attributes["value"]) for field in page.all("[name=character_ids]")] == [ids[1], ids[0]]

    page = member.submit("/characters/group", character_ids=ids, turn_order="manual")

    assert speakers(page) == ["Mara", "Bo"]
    assert [label.text() for label in page.all(".speaker__name")] == ["Mara", "Bo"]
    assert [label.text() for label in page.all(".played__name")] == ["Mara", "Bo"]
    assert page.says("Mara, Bo")
    assert len(page.all("#sidebar-chats .face")) == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Choose from 2 to 12 characters."),
        ({"turn_order": "loud"}, "Choose who speaks next."),
        ({"persona": "x"}, "no longer exists"),
    ],
)
def test_what_cannot_be_is_said_in_place_with_all_that_was_chosen(ids, member, fields, words):
    member.submit("/personas", name="Jo", description="Jo repairs clocks.")
    chosen = ids if fields else ids[:1]
    page = member.submit("/characters/group", **{"character_ids": chosen, **fields})

    assert (page.status_code, page.says(words)) == (422, True)
    assert len(page.all("[name=character_ids][checked]")) == len(chosen)
    assert [field.attributes["value"] for field in page.all("[name=character_ids]")][: len(chosen)] == chosen


def test_the_order_is_changed_by_buttons_before_anything_is_stored(ids, make, member):
    kim = make(name="Kim", description="Kim bakes.").rpartition("/")[2]

    def order(page):
        return [field.attributes["value"] for field in page.all("[name=character_ids][checked]")]

    def pressed(address, order, move):
        return member.post(address, **{"character_ids": order, "character_ids-move": move})

    page = pressed("/characters/group", [*ids, kim], f"up {kim}")
    assert (page.status_code, order(page)) == (200, [ids[0], kim, ids[1]])
    assert page.has("button", "Move up Mara")
    assert order(pressed("/characters/group", [*ids, kim], f"down {ids[0]}")) == [ids[1], ids[0], kim]
    # At its end, and for anyone else, the order stays.
    for move in (f"up {ids[0]}", f"down {kim}", "up nobody", "sideways", ""):
        assert order(pressed("/characters/group", [*ids, kim], move)) == [*ids, kim]
    page = member.submit("/characters/group", character_ids=[kim, *ids], turn_order="manual")
    assert [label.text() for label in page.all(".played__name")] == ["Kim", "Mara", "Bo"]
    assert order(pressed(f"{page.path}/cast", [kim, *ids], f"down {kim}")) == [ids[0], kim, ids[1]]
    assert order(member.page(f"{page.path}/cast")) == [kim, *ids]


def test_one_is_chosen_already_who_comes_from_a_character(ids, member):
    page = member.page(f"/characters/{ids[0]}").click("Group chat")

    assert [str(field.attributes["value"]) for field in page.all("[name=character_ids][checked]")] == ids[:1]


@pytest.mark.slow
def test_anyone_can_be_let_speak_with_a_message_or_without(group, ids, member, fake):
    fake.says("Aye.")
    assert [str(button.attributes["value"]) for button in member.page(group).all("[name=speaker]")] == ids

    member.page(group).press("Let Bo speak")
    page = member.wait_for(group, ended_with(3))
    assert speakers(page) == ["Mara", "Bo", "Bo"]
    page.press("Let Bo speak", message="And you?")
    page = member.wait_for(group, ended_with(5))
    assert speakers(page)[3:] == ["You", "Bo"]
    refused = member.post(f"{group}/messages", message="And you?", speaker="x")
    assert (refused.status_code, refused.says("This character isn't in the chat.")) == (422, True)
    member.submit(group, message="And?")
    assert speakers(member.wait_for(group, ended_with(7)))[-1] == "Mara"


@pytest.mark.slow
def test_the_cast_can_be_changed_and_what_was_said_stays(group, ids, make, member):
    kim = make(name="Kim", description="Kim bakes.").rpartition("/")[2]
    page = member.page(group).click("Change cast")
    assert [str(field.attributes["value"]) for field in page.all("[name=character_ids]")] == [*ids, kim]
    assert [field.attributes["value"] for field in page.all("[name=character_ids][checked]")] == ids

    page = member.submit(f"{group}/cast", character_ids=[kim, ids[1]], turn_order="talkative")

    assert page.path == group
    assert [label.text() for label in page.all(".played__name")] == ["Kim", "Bo"]
    assert speakers(page) == ["Mara", "Bo"]
    refused = member.submit(f"{group}/cast", character_ids=[kim], turn_order="talkative")
    assert (refused.status_code, refused.says("Choose from 2 to 12 characters.")) == (422, True)


def test_a_chat_with_one_becomes_a_group(chat, make, member):
    bo = make(**BO).rpartition("/")[2]
    page = member.page(chat).click("Add a character")
    mara = str(page.one("[name=character_ids][checked]").attributes["value"])

    page = member.submit(f"{chat}/cast", character_ids=[mara, bo], turn_order="rotation")

    assert [label.text() for label in page.all(".played__name")] == ["Mara", "Bo"]
    assert speakers(page) == ["Mara"]


@pytest.mark.slow
def test_who_is_deleted_stays_by_name_and_is_offered_no_more(group, ids, member):
    member.page(f"/characters/{ids[0]}").press("Delete character")

    page = member.page(group)
    assert speakers(page) == ["Mara", "Bo"]
    assert [str(button.attributes["value"]) for button in page.all("[name=speaker]")] == ids[1:]
    assert member.page(f"{group}/cast").one(".choose .tag").text() == "deleted"


@pytest.mark.slow
def test_readers_see_the_faces_and_no_buttons_and_others_nothing(make, member, stranger, app):
    paths = [make(**character) for character in (MARA, BO)]
    for path, character in zip(paths, (MARA, BO), strict=True):
        upload(member, path, png(), **character)
    group = member.submit("/characters/group", character_ids=[path.rpartition("/")[2] for path in paths]).path
    faces = [str(image.attributes["src"]) for image in member.page(group).all(".speaker img")]
    assert len(set(faces)) == 2
    for face in faces:
        assert stranger.get(face).status_code == 404
    with app.app_context():
        whom = account_queries.user_by_email(stranger.email).id
    member.submit(f"{group}/people", whom=f"user:{whom}", right="view")

    page = stranger.page(group)

    assert speakers(page) == ["Mara", "Bo"]
    assert not page.all("[name=speaker], .played__cast")
    assert [stranger.client.get(face, base_url=stranger.origin).mimetype for face in faces] == ["image/png"] * 2
    third = make(name="Kim", description="Kim bakes.")
    upload(member, third, png(), name="Kim", description="Kim bakes.")
    assert stranger.get(f"{group}/avatar?of={third.rpartition('/')[2]}").status_code == 404
    assert stranger.get(f"{group}/cast").status_code == 404


@pytest.mark.slow
def test_its_files_name_everyone_and_its_copies_too(group, ids, member, stranger, fake, app):
    fake.says("Aye.")
    member.submit(group, message="Hello")
    member.wait_for(group, ended_with(4))

    text = member.get(f"{group}/export.md").text
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == ["Mara", "Bo", "You", "Mara · fake/plain"]
    assert download(member, f"{group}/export.html").count(b'<h2 dir="auto">Bo</h2>') == 1
    mine = member.post(member.page(group).action("Branch into new chat")).location.partition("#")[0]
    assert speakers(member.page(mine)) == ["Mara", "Bo", "You", "Mara"]
    assert len(member.page(mine).all("[name=speaker]")) == 2

    with app.app_context():
        whom = account_queries.user_by_email(stranger.email).id
    member.submit(f"{group}/people", whom=f"user:{whom}", right="view")
    theirs = stranger.post(stranger.page(group).action("Branch into new chat")).location.partition("#")[0]
    assert speakers(stranger.page(theirs)) == ["Mara", "Bo", "member", "Mara"]
    stranger.submit(theirs, message="On")
    page = stranger.wait_for(theirs, ended_with(6))
    assert (speakers(page)[-1], page.all("[name=speaker]")) == ("Answer", [])


@pytest.mark.slow
def test_it_is_named_after_its_scene_like_other_chats(group, member, fake):
    fake.says("Aye.")
    fake.behaves([{"says": "Two at the mill"}], at=TITLE)
    member.submit(group, message="Hello")
    member.wait_for(group, ended_with(4))

    member.wait_for(group, lambda page: page.one("#chat-title").text() == "Two at the mill")


@pytest.mark.slow
def test_a_guest_begins_one_with_the_teams(cast):
    guest = signed_in(cast, "guest@example.org", "guest")
    page = guest.page("/characters/group")
    ids = [str(field.attributes["value"]) for field in page.all("[name=character_ids]")]

    page = guest.submit("/characters/group", character_ids=ids[:2], turn_order="mention")

    assert len(speakers(page)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("text", ["{{char}} {{user}} ", "{{reverse:{{reverse:a}}}}", "漢字。"])
def test_a_group_of_the_longest_characters_holds_up_nobody(member, fake, text):
    description = (text * 100_000)[:100_000]
    with member.app.app_context(), write() as session:
        ids = [new_id() for _ in range(12)]
        session.add_all(Character(id=id, owner_id=member.person_id, name=f"M{id}", description=description) for id in ids)
    fake.says("Aye.")
    path = member.submit("/characters/group", character_ids=ids, turn_order="rotation").path

    with nobody_waits():
        member.post(f"{path}/messages", message="Hello")
        member.wait_for(path, ended_with(2))
        assert member.page(f"/characters/{ids[0]}").status_code == 200
        assert member.page("/characters?q=char+nobody").says("No characters match")

    assert len(asked(fake)[-1]["body"]["messages"][0]["content"]) > 50_000
