"""The problem details of a refused request name the fields as they were sent."""

import pytest
from flask import Flask

from tests.api.client import Client
from webapp.api.openapi import document

TURN = {"role": "user", "content": "Hello"}


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/runs/any/answer", {"value": None}, "value"),
        ("POST", "/runs/any/answer", {"value": {"a": {}}}, "value"),
        ("POST", "/runs/any/answer", {}, "value"),
        ("PUT", "/runs/any/facts/any", {"value": {}}, "value"),
        ("PUT", "/settings/trash.days", {"value": {"a": 5}}, "value"),
        ("GET", "/runs?state=nonsense", None, "state"),
        ("PUT", "/prompts/quick/strategy", {"strategy": "A_B_TEST", "weights": {"B": 50}}, "weights.B"),
        ("PUT", "/prompts/quick/strategy", {"strategy": "A_B_TEST", "weights": {"1": "much"}}, "weights.1"),
        ("POST", "/experiments", {"key": "quick", "arms": [{"weight": 1}, {"version": 2, "weight": 1}]}, "arms.0.version"),
    ],
)
def test_a_field_is_named_as_it_was_sent_and_once(admin: Client, method: str, path: str, body: object, field: str) -> None:
    refused = admin.said(method, path, 422, body)
    assert list(refused["fields"]) == [field]
    assert field in refused["detail"]


GRANT = {"to": "user", "to_id": "nobody"}
LOREBOOKS = {"lorebook_ids": ["none"]}
SHARES = {"key": "quick", "arms": [{"version": 1, "weight": 0}, {"version": 2, "weight": 100}]}


def made(client: Client, path: str, body: object) -> str:
    """The path of something new."""
    answer = client.post(path, body, status=201)
    return f"{path}/{answer.get('chat', answer)['id']}"


@pytest.mark.slow
def test_what_a_service_refuses_is_named_as_it_was_sent(admin: Client) -> None:
    chat, lorebook = made(admin, "/chats", {}), made(admin, "/lorebooks", {"name": "The valley"})
    collection = made(admin, "/collections", {"name": "Handbook"})
    run = made(admin, "/workflows/weekly-checkin/runs", {}).rpartition("/")[2]
    for method, path, body, status, field in (
        ("PUT", f"{collection}/grants", GRANT, 422, "to_id"),
        ("PUT", f"{lorebook}/grants", GRANT, 422, "to_id"),
        ("PATCH", chat, LOREBOOKS, 422, "lorebook_ids"),
        ("POST", "/personas", {"name": "Jo", "description": "A potter.", **LOREBOOKS}, 422, "lorebook_ids"),
        ("POST", "/experiments", SHARES, 422, "arms"),
        ("POST", f"/runs/{run}/skip", None, 409, ""),
    ):
        refused = admin.said(method, path, status, body)
        assert refused.get("field", "") == field, path
        assert list(refused.get("fields") or {}) == [field] * bool(field), path


def test_what_an_input_refuses_is_named_as_it_was_sent(admin: Client) -> None:
    refused = admin.said("POST", "/prompts/quick/versions", 422, {"sections": [{"name": "a", "text": ""}]})
    assert refused["fields"] == {"sections": "Write at least one section."}


def test_what_a_value_of_several_kinds_can_be_is_one_sentence(admin: Client) -> None:
    said = admin.said("GET", "/runs", 422, query={"state": "nonsense"})["fields"]["state"]
    assert "'waiting'" in said
    assert "'open'" in said
    assert said.count(".") == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"messages": [TURN, {**TURN, "content": 5}]}, "messages.1.content"), ({"messages": [TURN], "stop": 5}, "stop")],
)
def test_openai_clients_are_told_the_field_they_sent(admin: Client, wrong: object, field: str) -> None:
    assert admin.said("POST", "/v1/chat/completions", 400, wrong)["error"]["param"] == field


def test_whatever_lies_where_programs_come_in_is_refused_as_a_problem(nobody: Client) -> None:
    for path in ("/api/nothing", "/api/v1/nothing", "/chat/nothing", "/threads/nothing", "/ai/nothing", "/service/nothing"):
        assert nobody.said("GET", path, 404)["code"] == "not_found", path


def test_null_is_the_same_as_left_out_where_it_means_nothing_else(admin: Client) -> None:
    nothing = dict.fromkeys(("title", "model", "message", "file_ids", "is_temporary"))
    begun = admin.post("/chats", nothing, status=201)
    assert (begun["chat"]["title"], begun["chat"]["is_temporary"], begun["sent"]) == ("", False, None)
    path = f"/chats/{begun['chat']['id']}"
    assert admin.said("PATCH", path, 200, {"title": "A name", "temperature": 0.5})["temperature"] == 0.5
    changed = admin.said("PATCH", path, 200, {"title": None, "temperature": None})
    assert (changed["title"], changed["temperature"]) == ("A name", None)
    # A field that is required, or that doesn't exist, is refused as before.
    assert list(admin.said("PUT", f"{path}/grants", 422, {"to": None, "right": None})["fields"]) == ["to"]
    assert list(admin.said("POST", "/chats", 422, {"nonsense": None})["fields"]) == ["nonsense"]
    admin.said("POST", "/chats", 422, [None])
    headers = {**admin.headers, "Content-Type": "application/json"}
    assert admin.client.post("/api/v1/chats", data='{"title": null', headers=headers).status_code == 400


def test_the_document_says_where_null_is_taken(app: Flask) -> None:
    schemas = document(app)["components"]["schemas"]
    assert {"type": "null"} in schemas["NewChat"]["properties"]["title"]["anyOf"]
    assert schemas["NewChat"]["properties"]["title"]["default"] == ""
    assert "anyOf" not in schemas["NewGrant"]["properties"]["to"]
