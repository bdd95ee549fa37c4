"""Tokens of gateways: their own limits, and a person's limits for each person that they name."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from tests.support.people import PASSWORD
from tests.support.waiting import until
from webapp.base.current import CONFIG
from webapp.engine.engine import ENGINE
from webapp.people.accounts import queries, tokens
from webapp.people.accounts.tokens import GatewayLimits
from webapp.settings.service import set_setting

ASKED = {"messages": [{"role": "user", "content": "Hello"}]}
MakeGateway = Callable[..., Client]


@pytest.fixture
def make_gateway(app: Flask, member: Browser) -> MakeGateway:
    def make(**limits: int) -> Client:
        with app.app_context():
            user = queries.user_of(member.email)
            return Client(app, tokens.make_token(user, "a gateway", ["read", "chat"], gateway=GatewayLimits(**limits)))

    return make


@pytest.fixture
def strict(app: Flask) -> None:
    """A person can start one answer per minute, and have one in progress."""
    with app.app_context():
        for name in ("limits.streams_per_minute", "limits.streams_burst", "limits.concurrent_streams"):
            set_setting(name, "1")


def asked(client: Client, end_user: str = "", **headers: str) -> int:
    named = {"X_End_User": end_user} if end_user else {}
    return client.call("POST", "/v1/chat/completions", ASKED, buffered=True, **named, **headers).status_code


def test_its_limits_are_its_own(strict: None, make_gateway: MakeGateway, program: Client, fake) -> None:
    fake.says("Fine.")
    gateway = make_gateway(per_minute=5)

    assert [asked(gateway) for _ in range(6)] == [200] * 5 + [429]
    assert [asked(program) for _ in range(2)] == [200, 429]


def test_each_person_that_it_names_has_those_of_a_person(strict: None, make_gateway: MakeGateway, fake) -> None:
    fake.says("Fine.")
    gateway = make_gateway(per_minute=5)

    assert [asked(gateway, "ada") for _ in range(3)] == [200, 429, 429]
    # What was refused to one person does not count for the gateway.
    assert [asked(gateway, name) for name in ("ben", "cleo", "dan", "eve", "fay")] == [200] * 4 + [429]


def test_what_it_has_in_progress_leaves_its_owners_own_answers_alone(
    app: Flask, strict: None, make_gateway: MakeGateway, program: Client, fake
) -> None:
    fake.counts(4000, pace=0.02)
    gateway, streamed = make_gateway(per_minute=0, at_once=2), {**ASKED, "stream": True}
    with app.app_context():
        set_setting("limits.streams_per_minute", "0")
    opened = [gateway.call("POST", "/v1/chat/completions", streamed, X_End_User=name) for name in ("ada", "ben")]
    assert [response.status_code for response in opened] == [200, 200]

    assert gateway.call("POST", "/v1/chat/completions", streamed, X_End_User="cleo").status_code == 429
    own = program.call("POST", "/v1/chat/completions", streamed)
    assert own.status_code == 200

    for response in (*opened, own):
        response.close()
    until(lambda: not ENGINE.of(app).live, "all have been stopped")
    opened = [gateway.call("POST", "/v1/chat/completions", streamed, X_End_User="ada") for _ in range(2)]
    assert [response.status_code for response in opened] == [200, 429]
    opened[0].close()


def test_a_name_is_bounded_and_has_no_control_characters(make_gateway: MakeGateway, program: Client, fake) -> None:
    fake.says("Fine.")
    gateway = make_gateway()

    assert asked(gateway, "Zoë".encode().decode("latin-1")) == 200
    for wrong in ("a" * 201, "a\tb", "\x85", "\xff"):
        answer = gateway.call("GET", "/me", X_End_User=wrong)
        assert (answer.status_code, answer.json["code"]) == (422, "invalid")
        # To others the header means nothing.
        assert program.call("GET", "/me", X_End_User=wrong).status_code == 200


def test_a_name_is_stored_nowhere(app: Flask, make_gateway: MakeGateway, fake) -> None:
    fake.says("Fine.")
    assert asked(make_gateway(), "somebody-unmistakable") == 200

    data = CONFIG.of(app).data_dir
    for file in (path for path in data.rglob("*") if path.is_file()):
        assert b"somebody-unmistakable" not in file.read_bytes(), file


def test_it_is_told_its_own_limit(make_gateway: MakeGateway, fake) -> None:
    gateway = make_gateway(per_minute=30, at_once=7)
    assert gateway.call("GET", "/me").headers["RateLimit"] == '"answers";r=30;t=0'
    limits = gateway.get("/capabilities")["limits"]
    assert (limits["answers_per_minute"], limits["answers_at_once"], limits["streams_per_user"]) == (30, 7, 100)


def test_its_chats_are_not_counted_as_those_of_a_person(app: Flask, make_gateway: MakeGateway, program: Client) -> None:
    with app.app_context():
        set_setting("limits.made_per_minute", "1")
        set_setting("limits.made_burst", "1")

    gateway = make_gateway(per_minute=100)

    assert [gateway.call("POST", "/chats", {}).status_code for _ in range(5)] == [201] * 5
    assert [program.call("POST", "/chats", {}).status_code for _ in range(2)][-1] == 429


def test_what_it_creates_is_not_counted_as_its_owners_but_as_that_of_the_person_it_names(
    app: Flask, make_gateway: MakeGateway, program: Client
) -> None:
    with app.app_context():
        set_setting("limits.made_per_minute", "1")
        set_setting("limits.made_burst", "2")
    gateway = make_gateway(per_minute=6)

    def created(name: str) -> int:
        return gateway.call("POST", "/chats", {}, X_End_User=name).status_code

    assert [created("ada") for _ in range(5)] == [201] * 2 + [429] * 3
    # What was refused to one person does not count for the gateway.
    assert [created(name) for name in ("ben", "cleo", "dan", "eve", "fay")] == [201] * 4 + [429]
    assert program.call("POST", "/chats", {}).status_code == 201


def test_nobody_gets_the_answer_of_another_person_behind_it_by_their_key(make_gateway: MakeGateway, fake) -> None:
    fake.says("Fine.")
    gateway = make_gateway()

    def chat_of(name: str) -> str:
        sent = gateway.call("POST", "/chats", {"message": "Hello"}, X_End_User=name, Idempotency_Key="1")
        return str(sent.json["chat"]["id"])

    assert chat_of("ada") == chat_of("ada") != chat_of("ben")


def test_only_an_admin_makes_one(app: Flask, owner: Browser, member: Browser) -> None:
    wanted = {"name": "gateway", "scopes": ["chat"], "password": PASSWORD, "gateway": {"at_once": 7}}

    refused = Client(app, browser=member).call("POST", "/tokens", wanted)
    assert (refused.status_code, refused.json["fields"]) == (403, {"gateway": "Only admins can create a gateway's token."})

    made = Client(app, browser=owner).post("/tokens", wanted, status=201)
    assert made["token"].startswith("millrace_")
    (shown,) = client_of(app, owner.email, "read").get("/tokens")["tokens"][1:]
    assert shown["is_gateway"]


def test_the_page_offers_it_to_admins_alone(owner: Browser, member: Browser) -> None:
    form = {"name": "gateway", "chat": "y", "is_gateway": "y", "days": "0", "password": PASSWORD}

    assert "gateway" in owner.post("/account/tokens", **form).one("[aria-labelledby=tokens]").text()
    assert "gateway’s" not in member.page("/account/tokens").one("[aria-labelledby=tokens]").text()
