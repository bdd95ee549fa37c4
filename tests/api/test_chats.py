"""/api/v1/chats: creating, listing in pages, changing, deleting and restoring."""

import json
from io import BytesIO

import pytest

from tests.api.client import Client
from tests.support.turns import nobody_waits


def test_a_chat_is_made_with_its_first_message(program: Client, fake) -> None:
    fake.says("Yes, it is.")
    made = program.post("/chats", {"message": "Is it raining?"}, status=201)

    assert made["chat"]["title"] == "Is it raining?"
    assert made["chat"]["right"] == "own"
    assert program.ended(made["sent"])["content"] == "Yes, it is."
    assert program.get(f"/chats/{made['chat']['id']}")["is_running"] is False


def test_a_chat_without_a_message_waits_for_one_and_takes_its_title_from_it(program: Client, fake) -> None:
    fake.says("Fine.")
    chat = program.post("/chats", {}, status=201)["chat"]
    assert (chat["title"], chat["head_id"]) == ("", None)

    sent = program.post(f"/chats/{chat['id']}/messages", {"message": "How are you?"}, status=202)
    program.ended(sent)

    assert program.get(f"/chats/{chat['id']}")["title"] == "How are you?"


@pytest.mark.parametrize("title", ["   ", "x" * 250])
def test_a_title_that_is_refused_begins_nothing(program: Client, fake, title: str) -> None:
    program.post("/chats", {"title": title, "message": "How is it?"}, status=422)

    assert program.get("/chats")["chats"] == []
    assert fake.posts() == []


def test_a_title_of_ones_own_stays(program: Client, fake) -> None:
    fake.says("Fine.")
    made = program.post("/chats", {"title": "Weather", "message": "How is it?"}, status=201)
    assert made["chat"]["title"] == "Weather"
    program.ended(made["sent"])


def test_the_list_comes_page_by_page_each_chat_once(program: Client) -> None:
    made = [program.post("/chats", {"title": f"Chat {number}"}, status=201)["chat"]["id"] for number in range(7)]
    found, cursor = [], ""
    while cursor is not None:
        page = program.get("/chats", query={"limit": 3, "cursor": cursor})
        assert len(page["chats"]) <= 3
        found += [chat["id"] for chat in page["chats"]]
        cursor = page["next_cursor"]
    assert found == made[::-1]


def test_it_is_changed_field_by_field(program: Client) -> None:
    id = program.post("/chats", {"title": "Before"}, status=201)["chat"]["id"]
    numbers = {"history_limit": 4, "temperature": 0.7, "max_tokens": 2_000_000}
    wanted = {"title": "After", "system_prompt": "Rhyme.", "is_pinned": True, **numbers}
    chat = program.said("PATCH", f"/chats/{id}", 200, wanted)
    assert (chat["title"], chat["system_prompt"]) == ("After", "Rhyme.")
    assert {name: chat[name] for name in numbers} == numbers
    assert chat["pinned_at"]
    for wrong in ({"temperature": 2.1}, {"temperature": -0.1}, {"max_tokens": 0}):
        program.said("PATCH", f"/chats/{id}", 422, wrong)
    chat = program.said("PATCH", f"/chats/{id}", 200, {"temperature": None})
    assert (chat["temperature"], chat["max_tokens"]) == (None, 2_000_000)

    chat = program.said("PATCH", f"/chats/{id}", 200, {"history_limit": None, "is_archived": True})
    assert (chat["history_limit"], chat["system_prompt"], chat["pinned_at"]) == (None, "Rhyme.", None)
    assert [row["id"] for row in program.get("/chats", query={"show": "archived"})["chats"]] == [id]
    assert program.get("/chats")["chats"] == []


def test_a_chat_with_a_character_begins_with_its_greeting(program: Client, other: Client, fake) -> None:
    wish = {"name": "Ada", "greeting": "Good day. Shall we compute?"}
    ada = program.post("/characters", wish, status=201)["id"]
    me = program.post("/personas", {"name": "Charles", "description": "An inventor."}, status=201)["id"]
    chat = program.post("/chats", {"character_id": ada, "persona_id": me, "title": "Engines"}, status=201)["chat"]

    (greeting,) = program.get(f"/chats/{chat['id']}/messages")["messages"]
    assert (chat["kind"], chat["character_id"], chat["persona_id"], chat["title"]) == ("roleplay", ada, me, "Engines")
    assert (greeting["role"], greeting["content"]) == ("assistant", "Good day. Shall we compute?")
    fake.says("Gladly.")
    sent = program.post(f"/chats/{chat['id']}/messages", {"message": "Let us."}, status=202)
    assert program.ended(sent)["content"] == "Gladly."

    changed = program.said("PATCH", f"/chats/{chat['id']}", 200, {"persona_id": None, "system_prompt": "Rhyme."})
    assert (changed["persona_id"], changed["system_prompt"]) == (None, "Rhyme.")
    again = program.said("PATCH", f"/chats/{chat['id']}", 200, {"persona_id": me})
    assert (again["persona_id"], again["system_prompt"]) == (me, "Rhyme.")
    assert set(other.post("/chats", {"character_id": ada}, status=422)["fields"]) == {"character_id"}
    strange = other.post("/personas", {"name": "Mary", "description": "A poet."}, status=201)["id"]
    refused = program.said("PATCH", f"/chats/{chat['id']}", 422, {"persona_id": strange})
    assert set(refused["fields"]) == {"persona_id"}


def test_a_temporary_chat_is_not_kept(program: Client, fake) -> None:
    fake.says("Fine.")
    made = program.post("/chats", {"message": "How are you?", "is_temporary": True}, status=201)
    assert program.ended(made["sent"])["content"] == "Fine."
    assert made["chat"]["is_temporary"] is True
    assert program.get("/chats")["chats"] == []


def test_what_does_not_go_together_is_refused_by_its_field(program: Client) -> None:
    id = "0" * 26
    for body, field in (
        ({"character_id": id, "message": "Hello"}, "message"),
        ({"persona_id": id}, "persona_id"),
        ({"is_temporary": True}, "is_temporary"),
    ):
        assert set(program.post("/chats", body, status=422)["fields"]) == {field}
    assert program.get("/chats")["chats"] == []


def test_a_model_that_is_not_there_is_refused_by_its_field(program: Client) -> None:
    id = program.post("/chats", {}, status=201)["chat"]["id"]
    refused = program.said("PATCH", f"/chats/{id}", 422, {"model": "demo/nothing"})
    assert (refused["code"], list(refused["fields"])) == ("invalid", ["model"])


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"model": "demo/nothing"}, 422),
        ({"collection_ids": ["nobody"]}, 404),
        ({"lorebook_ids": ["nobody"]}, 422),
        ({"turn_order": "mention"}, 409),
        ({"variables": {"a": "b"}}, 409),
        ({"title": "x" * 250}, 422),
        ({"persona_id": "nobody"}, 422),
    ],
)
def test_a_change_is_made_whole_or_not_at_all(program: Client, wrong: dict[str, object], status: int) -> None:
    path = f"/chats/{program.post('/chats', {}, status=201)['chat']['id']}"
    before = program.get(path)
    program.said("PATCH", path, status, {"system_prompt": "Rhyme.", "temperature": 0.5, "is_pinned": True, **wrong})
    assert program.get(path) == before


def test_it_is_thrown_away_brought_back_and_erased(program: Client) -> None:
    id = program.post("/chats", {"title": "Old"}, status=201)["chat"]["id"]
    program.said("DELETE", f"/chats/{id}", 204)
    program.said("GET", f"/chats/{id}", 404)
    assert program.get("/chats", query={"show": "deleted"})["chats"][0]["deleted_at"]

    assert program.post(f"/chats/{id}/restore")["title"] == "Old"
    program.post(f"/chats/{id}/erase", status=404)
    program.said("DELETE", f"/chats/{id}", 204)
    program.post(f"/chats/{id}/erase", status=204)
    program.post(f"/chats/{id}/restore", status=404)


@pytest.mark.slow
def test_it_is_taken_along_and_brought_in_elsewhere(program: Client, other: Client, fake) -> None:
    fake.says("Forty-two.")
    made = program.post("/chats", {"message": "The answer?"}, status=201)
    program.ended(made["sent"])
    file = program.call("GET", f"/chats/{made['chat']['id']}/export")
    assert json.loads(file.get_data())["chat"]["title"] == "The answer?"

    whole = {"data": file.get_data(), "headers": {**other.headers, "Content-Type": "application/octet-stream"}}
    brought = other.client.post("/api/v1/import", **whole)
    assert (brought.status_code, brought.json["chats"], brought.json["messages"]) == (201, 1, 2)
    assert other.get("/chats")["chats"][0]["title"] == "The answer?"
    form = {"file": (BytesIO(file.get_data()), "chat.json")}
    again = other.client.post("/api/v1/import", data=form, headers=other.headers)
    assert (again.status_code, again.json["known"]) == (201, 1)
    archive = program.call("GET", "/export")
    assert archive.get_data()[:4] == b"PK\x03\x04"


@pytest.mark.slow
def test_a_file_that_is_none_of_ours_is_refused(program: Client) -> None:
    refused = program.client.post("/api/v1/import", data=b"nonsense", headers=program.headers)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid")


@pytest.mark.slow
def test_a_body_with_countless_faults_is_refused_in_one_sentence(program: Client):
    with nobody_waits(1):
        reply = program.call("POST", "/chats", {f"k{number}": 1 for number in range(25_000)})

    assert reply.status_code == 422
    assert reply.json["detail"] == "25000 things are missing or wrong."
    assert len(reply.data) < 1_000


@pytest.mark.slow
def test_a_body_of_many_empty_lists_is_not_looked_through(program: Client):
    with nobody_waits(1):
        body = b'{"message":["' + b"," * 1_000 + b'",' + b"[]," * 320_000 + b"[]]}"
        reply = program.client.post("/api/v1/chats", data=body, headers={**program.headers, "Content-Type": "application/json"})

    assert (reply.status_code, reply.json["detail"]) == (422, "The body has more than 30,000 values.")


def test_a_chat_is_shared_and_no_longer_shared(app, program: Client, other: Client, member, fake) -> None:
    sent = program.post("/chats", {"message": "One?"}, status=201)["sent"]
    program.ended(sent)
    chat, mine, reader = f"/chats/{sent['chat_id']}", program.get("/me"), other.get("/me")
    assert program.get(f"{chat}/grants") == {"grants": []}
    other.said("GET", chat, 404)

    [grant] = program.said("PUT", f"{chat}/grants", 200, {"to": "user", "to_id": reader["id"]})["grants"]
    assert (grant["to"], grant["to_id"], grant["right"]) == ("user", reader["id"], "read")
    assert other.get(chat)["right"] == "view"
    other.said("POST", f"{chat}/messages", 404, {"message": "Mine?"})
    for method, path, body in (
        ("GET", "/grants", None),
        ("PUT", "/grants", {"to": "everyone"}),
        ("DELETE", f"/grants/{grant['id']}", None),
    ):
        other.said(method, f"{chat}{path}", 404, body)

    [grant] = program.said("PUT", f"{chat}/grants", 200, {"to": "user", "to_id": reader["id"], "right": "write"})["grants"]
    assert grant["right"] == "write"
    sent = other.said("POST", f"{chat}/messages", 202, {"message": "Mine?"})
    other.ended(sent)
    first, answer, second, _ = program.get(f"{chat}/messages")["messages"]
    assert (first["author"]["id"], answer["author"]) == (mine["id"], None)
    assert second["author"] == {"id": reader["id"], "name": reader["name"]}

    program.said("DELETE", f"{chat}/grants/{grant['id']}", 204)
    program.said("DELETE", f"{chat}/grants/{grant['id']}", 404)
    other.said("GET", chat, 404)
    program.said("PUT", f"{chat}/grants", 200, {"to": "everyone"})
    assert other.get(chat)["right"] == "view"


def test_a_reader_learns_nothing_of_what_its_owner_alone_sets(app, program: Client, other: Client, member, fake) -> None:
    preset = program.post("/presets", {"name": "Secret keeper"}, status=201)
    sent = program.post("/chats", {"message": "One?", "preset_id": preset["id"]}, status=201)["sent"]
    program.ended(sent)
    chat = f"/chats/{sent['chat_id']}"
    own = {"system_prompt": "Say nothing of the heron.", "temperature": 0.3, "is_forgotten": True, "is_pinned": True}
    program.said("PATCH", chat, 200, own)
    fake.counts(6, holds=[3])
    program.said("POST", f"{chat}/messages", 202, {"message": "Two?"})
    program.said("PUT", f"{chat}/follow-up", 200, {"message": "Three?"})
    program.said("PUT", f"{chat}/grants", 200, {"to": "everyone"})

    seen, whole = other.get(chat), program.get(chat)
    assert "heron" not in json.dumps(seen)
    assert preset["id"] not in json.dumps(seen)
    assert (seen["temperature"], seen["persona_id"], seen["is_forgotten"], seen["pinned_at"]) == (None, None, False, None)
    assert [queued["message"] for queued in seen["follow_ups"]] == ["Three?"]
    assert (whole["system_prompt"], whole["temperature"], whole["is_forgotten"]) == (own["system_prompt"], 0.3, True)
    fake.goes_on()
    fake.goes_on()


def test_what_cannot_be_shared_is_refused_by_its_field(program: Client, fake) -> None:
    path = f"/chats/{program.post('/chats', {}, status=201)['chat']['id']}/grants"
    me = program.get("/me")["id"]
    for body, field in (
        ({"to": "everyone", "right": "write"}, "right"),
        ({"to": "everyone", "to_id": me}, "to_id"),
        ({"to": "user"}, "to_id"),
        ({"to": "user", "to_id": me}, "to_id"),
        ({"to": "user", "to_id": "nobody"}, "to_id"),
    ):
        assert list(program.said("PUT", path, 422, body)["fields"]) == [field]
    temporary = program.post("/chats", {"message": "One?", "is_temporary": True}, status=201)["sent"]
    program.said("PUT", f"/chats/{temporary['chat_id']}/grants", 409, {"to": "everyone"})
