"""The caller's own data: account, tokens, models, usage and the server's capabilities."""

import pytest
from flask import Flask

from tests.api.client import Client
from tests.support.browser import Browser
from tests.support.people import PASSWORD
from webapp.base.db import utc_now
from webapp.people.accounts.roles import SCOPES
from webapp.settings.service import set_setting


def test_a_token_is_told_once_and_works(program: Client, app: Flask, member: Browser) -> None:
    made = Client(app, browser=member).post(
        "/tokens", {"name": "A script", "scopes": ["read"], "days": 7, "password": PASSWORD}, status=201
    )
    script = Client(app, made["token"])
    assert script.get("/me")["scopes"] == ["read"]
    listed = program.get("/tokens")["tokens"]
    assert made["token"] not in str(listed)
    assert (listed[0]["name"], listed[0]["scopes"], listed[0]["last_four"]) == ("A script", ["read"], made["token"][-4:])
    program.said("DELETE", f"/tokens/{listed[0]['id']}", 204)
    script.said("GET", "/me", 401)
    program.said("DELETE", f"/tokens/{listed[0]['id']}", 404)


def test_a_token_takes_every_permission_there_is(app: Flask, owner: Browser) -> None:
    session = Client(app, browser=owner)
    scopes = session.get("/me")["scopes"]
    made = session.post("/tokens", {"name": "A script", "scopes": scopes, "password": PASSWORD}, status=201)
    assert Client(app, made["token"]).get("/me")["scopes"] == scopes == sorted(SCOPES)


def test_a_session_alone_makes_no_token(app: Flask, member: Browser) -> None:
    session = Client(app, browser=member)
    refused = session.post("/tokens", {"name": "A thief", "scopes": ["read"], "password": "a wrong guess"}, status=422)
    assert refused["error"] == "That isn't your current password."
    session.post("/tokens", {"name": "A thief", "scopes": ["read"]}, status=422)
    assert session.get("/tokens")["tokens"] == []


def test_a_token_makes_no_tokens_so_that_revoking_it_is_the_end_of_it(program: Client, admin: Client) -> None:
    for client in (program, admin):
        refused = client.post("/tokens", {"name": "A child", "scopes": ["read"], "password": PASSWORD}, status=403)
        assert "API tokens" in refused["error"]
        assert len(client.get("/tokens")["tokens"]) == 1


def test_a_person_makes_none_that_may_more_than_they(app: Flask, member: Browser) -> None:
    Client(app, browser=member).post("/tokens", {"name": "Admin", "scopes": ["admin"], "password": PASSWORD}, status=403)


def test_somebody_elses_token_is_not_there(program: Client, other: Client) -> None:
    program.said("DELETE", f"/tokens/{other.get('/tokens')['tokens'][0]['id']}", 404)


def test_models_come_with_what_is_known_of_them(program: Client, app: Flask) -> None:
    models = program.get("/models")["models"]
    assert [model["id"] for model in models if model["is_default"]] == ["some/model"]
    assert models[0]["prompt_price"] is None
    with app.app_context():
        set_setting("models.allowed", "other/model")
    assert all(model["id"] != "some/model" for model in program.get("/models")["models"])


@pytest.mark.slow
def test_usage_is_summed_and_what_is_unknown_stays_unknown(program: Client, other: Client, admin: Client, fake) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.25}
    fake.says("Known.", usage=usage)
    program.ended(program.post("/chats", {"message": "One"}, status=201)["sent"])
    fake.says("Unknown.", usage=None)
    program.ended(program.post("/chats", {"message": "Two"}, status=201)["sent"])

    (row,) = program.get("/usage")["usage"]
    assert row["answers"] == 2
    assert row["day"] == f"{utc_now():%Y-%m-%d}"
    assert 0 <= row["without_tokens"] <= 1
    assert other.get("/usage")["usage"] == []
    assert admin.get("/usage/everybody")["usage"][0]["answers"] == 2
    program.said("GET", "/usage/everybody", 403)
    assert program.get("/usage", query={"since": "2020-01-01", "until": "2020-02-01"})["usage"] == []
    for wrong in (
        {"since": "2020-02-31"},
        {"since": "2020-01-01"},
        {"since": "2021-01-01", "until": "2020-01-01"},
        {"until": "x"},
    ):
        program.said("GET", "/usage", 422, query=wrong)


def test_the_server_says_what_it_can_do(program: Client, app: Flask) -> None:
    found = program.get("/capabilities")
    assert found["streaming"] is True
    assert found["scopes"] == ["chat", "knowledge", "mcp", "plans", "read", "tools", "workflows"]
    assert found["limits"]["message_characters"] == 200_000
    assert "native" in [dialect["name"] for dialect in found["dialects"]]
    with app.app_context():
        set_setting("stream.enabled", "false")
    assert program.get("/capabilities")["streaming"] is False


def test_custom_instructions_are_set_and_reach_the_model(program: Client, fake) -> None:
    rhyme, before = {"custom_instructions": "Answer in rhyme."}, program.get("/me")
    assert before["custom_instructions"] == ""
    assert program.said("PATCH", "/me", 200, rhyme) == before | rhyme
    program.ended(program.post("/chats", {"message": "One?"}, status=201)["sent"])
    assert "Answer in rhyme." in str(fake.posts()[0]["body"]["messages"])

    refused = program.said("PATCH", "/me", 422, {"custom_instructions": "x" * 4_001, "remembers": True})
    assert list(refused["fields"]) == ["custom_instructions"]
    assert program.said("PATCH", "/me", 200, {"custom_instructions": None}) == before | rhyme
    assert program.said("PATCH", "/me", 200, {"custom_instructions": ""})["custom_instructions"] == ""
