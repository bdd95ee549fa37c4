"""A person who can't choose among the models has the team's usual one, and what others have chosen for them."""

from typing import Any

import pytest
from flask import Flask

from tests.api.client import client_of
from tests.chat.conftest import ended
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.models.connections.models import the_models
from webapp.settings.service import set_setting

OWNER, MEMBER = "owner@example.org", "member@example.org"
USUAL, OTHER = "some/model", "other/model"


@pytest.fixture(autouse=True)
def listed(app: Flask, owner: Browser, fake: Upstream) -> None:
    models = [{"id": id, "name": id.partition("/")[0]} for id in (USUAL, OTHER)]
    fake.always({"json": {"data": models}}, at="/models")
    owner.page("/admin/models").press("Refresh")
    with app.app_context():
        set_setting("models.titles", "off")


@pytest.fixture
def denied(owner: Browser, member: Browser) -> Browser:
    """A member before and after all members are denied the models."""
    deny(owner)
    return member


def deny(owner: Browser, *, is_allowed: bool = False) -> None:
    said = owner.client.put("/api/v1/permissions", json={"roles": {"member": {"models": is_allowed}}})
    assert said.status_code == 200, said.text


def to_write(person: Browser) -> dict[str, str]:
    return {"to": "user", "to_id": str(person.person_id), "right": "write"}


def send(person: Browser, path: str = "/api/v1/chats", **fields: Any) -> tuple[int, str]:
    """Sends a message; returns the status, and the path of its chat or the sentence that refuses it."""
    response = person.client.post(path, json={"message": "Hello"} | fields)
    body = response.json
    return response.status_code, str(body["error"] if response.status_code >= 400 else body.get("sent", body)["chat_id"])


def answered_by(person: Browser, fake: Upstream, chat_id: str) -> str:
    person.wait_for(f"/chats/{chat_id}", ended)
    return str(fake.posts()[-1]["body"]["model"])


def test_the_usual_model_is_the_only_one_there_is(app: Flask, denied: Browser, fake: Upstream) -> None:
    api = client_of(app, MEMBER)
    assert [model["id"] for model in api.get("/models")["models"]] == [USUAL]
    page = denied.page("/models")
    assert [USUAL in page.text, OTHER in page.text, page.says("Side by side")] == [True, False, False]
    with app.app_context():
        assert len(the_models().offered()) == 2
    status, id = send(denied)
    assert status < 300
    assert answered_by(denied, fake, id) == USUAL
    for path, fields in (
        ("/api/v1/chats", {"model": OTHER}),
        (f"/api/v1/chats/{id}/messages", {"model": OTHER}),
        (f"/api/v1/chats/{id}/messages", {"models": [USUAL, OTHER]}),
    ):
        status, sentence = send(denied, path, **fields)
        assert (status, "can't choose among models" in sentence) == (403, True), (path, fields, sentence)
    assert len(fake.posts()) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("patch", "/api/v1/chats/{chat}", {"model": OTHER}),
        ("post", "/api/v1/messages/{answer}/regenerate", {"model": OTHER}),
        ("post", "/api/v1/presets", {"name": "Mine", "model": OTHER}),
        ("post", "/api/v1/projects", {"name": "Mine", "model": OTHER}),
        ("post", "/v1/chat/completions", {"model": OTHER, "messages": [{"role": "user", "content": "Hello"}]}),
        ("post", "/chats/{chat}/models", {"models": [USUAL, OTHER]}),
        ("post", "/settings/chats", {"default_model": OTHER}),
    ],
)
def test_no_door_names_another_one(owner: Browser, member: Browser, method: str, path: str, body: dict[str, Any]) -> None:
    _, id = send(member)
    member.wait_for(f"/chats/{id}", ended)
    answer = member.client.get(f"/api/v1/chats/{id}/messages").json["messages"][-1]["id"]
    deny(owner)
    kind = "json" if path.startswith(("/api", "/v1")) else "data"
    response = member.client.open(path.format(chat=id, answer=answer), method=method.upper(), **{kind: body})
    assert response.status_code in (403, 422), response.text


def test_what_was_chosen_before_is_left_with_a_sentence(owner: Browser, member: Browser, fake: Upstream) -> None:
    _, id = send(member, model=OTHER)
    member.wait_for(f"/chats/{id}", ended)
    deny(owner)
    status, sentence = send(member, f"/api/v1/chats/{id}/messages")
    assert (status, sentence) == (422, "Model · Other is no longer available. Choose another model.")
    assert member.page(f"/chats/{id}").says("no longer available")
    status, _ = send(member, f"/api/v1/chats/{id}/messages", model=USUAL)
    assert status < 300
    assert answered_by(member, fake, id) == USUAL


def test_what_others_chose_answers_all_the_same(app: Flask, owner: Browser, denied: Browser, fake: Upstream) -> None:
    api = client_of(app, OWNER)
    preset = api.post("/presets", {"name": "Editor", "model": OTHER}, status=201)["id"]
    api.said("PUT", f"/presets/{preset}/grants", 200, {"to": "everyone"})
    project = api.post("/projects", {"name": "Mill", "model": OTHER}, status=201)["id"]
    api.said("PUT", f"/projects/{project}/grants", 200, to_write(denied))
    for fields in ({"preset_id": preset}, {"project_id": project}):
        status, id = send(denied, **fields)
        assert status < 300, id
        assert answered_by(denied, fake, id) == OTHER
        assert send(denied, f"/api/v1/chats/{id}/messages")[0] < 300
        assert answered_by(denied, fake, id) == OTHER


def test_a_preset_of_ones_own_opens_no_other_model(app: Flask, owner: Browser, member: Browser) -> None:
    preset = client_of(app, MEMBER).post("/presets", {"name": "Mine", "model": OTHER}, status=201)["id"]
    deny(owner)
    status, sentence = send(member, preset_id=preset)
    assert (status, "can't choose among models" in sentence) == (403, True)


def test_in_a_chat_of_another_their_choice_answers(app: Flask, owner: Browser, denied: Browser, fake: Upstream) -> None:
    _, id = send(owner, model=OTHER)
    owner.wait_for(f"/chats/{id}", ended)
    client_of(app, OWNER).said("PUT", f"/chats/{id}/grants", 200, to_write(denied))
    assert send(denied, f"/api/v1/chats/{id}/messages")[0] < 300
    assert answered_by(owner, fake, id) == OTHER
