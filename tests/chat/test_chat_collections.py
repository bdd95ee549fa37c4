"""Collections attached to a chat: by its form, by the API, in its branches, and only those the person can read."""

import pytest

from tests.api.client import Client, client_of
from tests.chat.conftest import address, give, id_of


@pytest.fixture
def program(app, member) -> Client:
    return client_of(app, member.email)


@pytest.fixture
def collections(program) -> tuple[str, str]:
    return tuple(program.post("/collections", {"name": name}, status=201)["id"] for name in ("Handbook", "Finance"))


def checked(page) -> list[str]:
    return [str(node.attributes["value"]) for node in page.all("#prompts-collections input[checked]")]


@pytest.mark.slow
def test_the_form_attaches_and_the_composer_says_so(member, answered, program, collections):
    path = answered(member)
    assert not member.page(path).all(".reads-from")
    page = member.submit(f"{path}/prompts", collections=collections[1])

    assert page.one(".reads-from").text(strip=True).endswith("Finance")
    assert checked(member.page(f"{path}/prompts")) == [collections[1]]
    assert program.get(f"/chats/{id_of(path)}")["collection_ids"] == [collections[1]]


@pytest.mark.slow
def test_what_is_not_seen_is_neither_offered_nor_attached(app, member, stranger, begin, answered, collections):
    path, others = answered(stranger), client_of(app, stranger.email)
    theirs = others.post("/collections", {"name": "Mine"}, status=201)["id"]

    assert not stranger.page(f"{path}/prompts").says("Handbook")
    others.said("PATCH", f"/chats/{id_of(path)}", 200, {"collection_ids": [theirs]})
    for unknown in (collections[0], "0" * 26):
        others.said("PATCH", f"/chats/{id_of(path)}", 404, {"collection_ids": [theirs, unknown]})
        others.post("/chats", {"collection_ids": [unknown]}, status=404)
        others.post("/chats", {"collection_ids": [unknown], "message": "Hello"}, status=404)
    assert others.get(f"/chats/{id_of(path)}")["collection_ids"] == [theirs]
    give(path, member, "write")
    assert client_of(app, member.email).get(f"/chats/{id_of(path)}")["collection_ids"] == []
    assert not member.page(path).all(".reads-from")


def test_a_chat_begins_with_collections(member, program, collections):
    made = program.post("/chats", {"collection_ids": list(collections)}, status=201)["chat"]
    sent = program.post("/chats", {"collection_ids": [collections[0], collections[0]], "message": "Hello"}, status=201)["chat"]
    assert (made["collection_ids"], sent["collection_ids"]) == (list(collections), [collections[0]])


def test_a_chat_that_starts_from_a_collection_is_created_by_its_first_message(member, stranger, program, collections):
    first = member.page(f"/knowledge/{collections[0]}").click("Start a chat")
    assert first.one("#composer-mentions .chip__name").text(strip=True) == "Handbook"
    assert program.get("/chats")["chats"] == []
    chat = first.press("Send", message="Hello")
    assert chat.one(".reads-from").text(strip=True).endswith("Handbook")
    assert program.get("/chats")["chats"][0]["collection_ids"] == [collections[0]]

    assert not stranger.page(f"/?knowledge={collections[0]}").all("#composer-mentions .chip")
    assert stranger.post("/chats", message="Hello", knowledge=collections[0]).status_code == 404


@pytest.mark.slow
def test_a_branch_of_ones_own_reads_from_the_same(app, member, stranger, answered, program, collections):
    path = answered(member)
    program.said("PATCH", f"/chats/{id_of(path)}", 200, {"collection_ids": list(collections)})
    give(path, stranger, "view")
    url = address(member.page(path), "Branch into new chat")
    forked, taken = member.post(url).location, stranger.post(url).location

    assert program.get(f"/chats/{id_of(forked)}")["collection_ids"] == list(collections)
    assert client_of(app, stranger.email).get(f"/chats/{id_of(taken)}")["collection_ids"] == []


def test_a_deleted_collection_is_no_longer_read(member, answered, program, collections):
    path = answered(member)
    program.said("PATCH", f"/chats/{id_of(path)}", 200, {"collection_ids": list(collections)})
    program.said("DELETE", f"/collections/{collections[0]}", 204)

    assert program.get(f"/chats/{id_of(path)}")["collection_ids"] == [collections[1]]
    assert member.page(path).one(".reads-from").text(strip=True).endswith("Finance")
