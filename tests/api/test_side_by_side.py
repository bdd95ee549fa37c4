"""Answers side by side in the API: all begin or none, each is read at its own address, and one is kept."""

import pytest

from tests.api.client import Client, text_of
from tests.support.browser import Browser
from webapp.base.db import db
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


def test_what_is_refused_leaves_nothing(app, program: Client, other: Client, chat: str) -> None:
    path = f"/chats/{chat}/messages"
    for models in (MODELS[:1], [MODELS[0]] * 2, [MODELS[0], "no/such"], [*MODELS, "some/model", "x"]):
        problem = program.post(path, {"message": "Hello", "models": models}, status=422)
        assert "models" in problem.get("fields", {}) or problem["field"] in {"model", "models"}, problem
    other.post(path, {"message": "Hello", "models": MODELS}, status=404)

    with app.app_context():
        assert db.session.query(Generation).count() == 0
    assert program.get(path)["messages"] == []
