"""Answers side by side in the API: all begin or none, each is read at its own address, and one is kept."""

import pytest

from tests.api.client import Client, text_of
from tests.support.browser import Browser
from webapp.base.db import db
from webapp.chat.record.tables import Chat
from webapp.engine.tables import Generation
from webapp.settings.service import set_setting

MODELS = ["other/m0", "other/m1", "other/m2"]


@pytest.fixture(autouse=True)
def listed(app, owner: Browser, fake) -> None:
    fake.always({"json": {"data": [{"id": model, "name": model} for model in ("some/model", *MODELS)]}}, at="/models")
    owner.page("/admin/models").press("Refresh")
    with app.app_context():
        set_setting("models.titles", "off")


@pytest.fixture
def chat(program: Client) -> str:
    chat: str = program.post("/chats", {}, status=201)["chat"]["id"]
    return chat


def test_each_model_answers_at_its_own_address_and_one_is_kept(program: Client, fake, chat: str) -> None:
    fake.behaves([{"says": text} for text in ("A", "B", "C")])
    body = {"message": "Hello", "models": MODELS}
    sent = program.post(f"/chats/{chat}/messages", body, status=202, Idempotency_Key="k")
    answers = [program.ended(generation) for generation in sent["generations"]]

    assert (sent["message"]["content"], sent["generation_id"]) == ("Hello", sent["generations"][0]["generation_id"])
    assert [answer["generation"]["model_asked"] for answer in answers] == MODELS
    assert sorted(answer["content"] for answer in answers) == ["A", "B", "C"]
    assert all(answer["versions"] == [other["message_id"] for other in sent["generations"]] for answer in answers)
    for generation, answer in zip(sent["generations"], answers, strict=True):
        assert text_of(program.events(f"/generations/{generation['generation_id']}/events")) == answer["content"]
    # What was sent twice began once.
    again = program.post(f"/chats/{chat}/messages", body, status=202, Idempotency_Key="k")
    assert [one["generation_id"] for one in again["generations"]] == [one["generation_id"] for one in sent["generations"]]

    kept = answers[2]["id"]
    assert program.post(f"/messages/{kept}/keep")["id"] == kept
    assert [message["id"] for message in program.get(f"/chats/{chat}/messages")["messages"]] == [sent["message"]["id"], kept]
    assert program.post(f"/messages/{kept}/keep")["id"] == kept
    program.post(f"/messages/{answers[0]['id']}/keep", status=409)
    # A plain message has one answer: the models were those of one message.
    plain = program.post(f"/chats/{chat}/messages", {"message": "And?"}, status=202)
    assert (plain["generations"], plain["message"], program.ended(plain)["versions"]) == ([], None, [])


def test_a_chat_keeps_its_models(program: Client, fake, chat: str) -> None:
    fake.says("A", cost=0.0001)
    body = {"message": "Hello", "models": MODELS, "title": "Tides"}
    begun = program.post("/chats", body, status=201, Idempotency_Key="k", Accept="text/event-stream")
    assert (begun["chat"]["models"], begun["chat"]["model"], begun["chat"]["title"]) == (MODELS, MODELS[0], "Tides")
    answers = [program.ended(generation) for generation in begun["sent"]["generations"]]
    assert [answer["generation"]["model_asked"] for answer in answers] == MODELS
    again = program.post("/chats", body, status=201, Idempotency_Key="k")
    assert [one["message_id"] for one in again["sent"]["generations"]] == [answer["id"] for answer in answers]
    assert program.post("/chats", {"message": "Hello"}, status=201)["sent"]["generations"] == []

    # One is chosen for an empty chat, and for one that is there; that a program's message names none is its own matter.
    made = program.post("/chats", {"models": MODELS[:2], "model": MODELS[1]}, status=201)["chat"]
    assert (made["models"], made["model"]) == (MODELS[:2], MODELS[1])
    assert program.said("PATCH", f"/chats/{chat}", 200, {"models": MODELS[1:]})["models"] == MODELS[1:]
    assert program.get(f"/chats/{chat}")["model"] == MODELS[1]
    assert program.ended(program.post(f"/chats/{chat}/messages", {"message": "And?"}, status=202))["versions"] == []
    assert program.said("PATCH", f"/chats/{chat}", 200, {"models": []})["models"] == []


def test_an_edit_and_a_queued_message_are_answered_side_by_side(program: Client, fake, chat: str) -> None:
    fake.says("A", cost=0.0001)
    path = f"/chats/{chat}"
    sent = program.post(f"{path}/messages", {"message": "Hello"}, status=202)
    program.ended(sent)
    edited = program.post(f"/messages/{sent['question_id']}/edit", {"message": "Hello again", "models": MODELS}, status=202)
    assert (edited["message"]["content"], len(edited["generations"])) == ("Hello again", 3)
    for generation in edited["generations"]:
        program.ended(generation)

    # What is queued is sent at once, as nothing is written; one that names a model is answered by that alone.
    program.said("PATCH", path, 200, {"models": MODELS})
    program.said("PUT", f"{path}/follow-up", 200, {"message": "To all"})
    last = program.get(f"{path}/messages")["messages"][-1]
    assert len(last["versions"]) == 3
    for id in last["versions"]:
        program.ended({"message_id": id, "generation_id": program.get(f"/messages/{id}")["generation"]["id"]})
    program.said("PUT", f"{path}/follow-up", 200, {"message": "To one", "model": MODELS[2]})
    last = program.get(f"{path}/messages")["messages"][-1]
    assert (last["versions"], last["generation"]["model_asked"]) == ([], MODELS[2])


def test_what_is_refused_leaves_nothing(app, program: Client, other: Client, chat: str) -> None:
    path = f"/chats/{chat}/messages"
    for models in (MODELS[:1], [MODELS[0]] * 2, [MODELS[0], "no/such"], [*MODELS, "some/model", "x"]):
        body = {"message": "Hello", "models": models}
        changed = {"title": "Changed", "models": models}
        for problem in (
            program.post(path, body, status=422),
            program.post("/chats", body, status=422),
            program.said("PATCH", f"/chats/{chat}", 422, changed),
        ):
            assert "models" in problem.get("fields", {}) or problem["field"] in {"model", "models"}, problem
    other.post(path, {"message": "Hello", "models": MODELS}, status=404)
    group = {"models": MODELS, "character_ids": ["0" * 26, "1" * 26]}
    for refused in (program.post("/chats", group, status=422), program.said("PATCH", f"/chats/{chat}", 422, group)):
        assert "take turns" in refused["fields"]["models"], refused

    with app.app_context():
        assert (db.session.query(Generation).count(), db.session.query(Chat).count()) == (0, 1)
    assert (program.get(path)["messages"], program.get(f"/chats/{chat}")["title"]) == ([], "")
