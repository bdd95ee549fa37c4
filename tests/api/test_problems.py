"""What the problem of a refused request names: the fields as they were sent."""

import pytest

from tests.api.client import Client

TURN = {"role": "user", "content": "Hello"}


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
