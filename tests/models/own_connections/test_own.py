"""People's own connections: listed, used and paid by them alone, and forgotten with them."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from tests.api.client import Client
from tests.chat.conftest import asked, give
from tests.models.own_connections.conftest import KEY
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.upstream.handle import KEY as TEAMS, Upstream
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, write
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.tables import OwnConnection
from webapp.settings.service import set_settings

OWN, TEAM = f"Bearer {KEY}", f"Bearer {TEAMS}"


def keys_in(fake: Upstream) -> list[str]:
    """Returns the keys that answers were requested with."""
    return [entry["headers"].get("authorization", "") for entry in asked(fake)]


def answered(client: Client, **body: Any) -> dict[str, Any]:
    sent = client.post("/chats", {"message": "Hello", **body}, status=201)["sent"]
    return sent | client.ended(sent)


@also_on_postgres
def test_a_key_is_listed_used_and_paid_by_its_person_alone(
    program: Client, other: Client, admin: Client, member: Browser, stranger: Browser, owner: Browser, model: str, fake: Upstream
) -> None:
    fake.says("By my key", cost=0.25)
    budget = admin.post("/budgets", {"who": "team", "unit": "answers", "limit": 1, "period": "month"}, status=201)
    assert [answered(program, model=model)["content"] for _ in range(2)] == ["By my key"] * 2
    assert keys_in(fake) == [OWN, OWN]
    assert admin.get(f"/budgets/{budget['id']}")["used"] == 0
    usage = program.get("/usage")["usage"]
    assert [(row["is_own"], row["answers"]) for row in usage] == [(True, 2)]
    assert admin.get("/usage/everybody")["usage"][0]["is_own"]
    assert owner.page("/admin/usage").says("By person with their own connection")

    for client in (other, admin):
        assert not [listed for listed in client.get("/models")["models"] if listed["is_mine"] or listed["id"] == model]
        assert not [connection for connection in client.get("/connections")["connections"] if connection["is_mine"]]
        refused = client.said("POST", "/chats", 422, {"message": "Hello", "model": model})
        assert "another person's own connection" in str(refused)
        slug = model.partition(":")[0]
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test")):
            client.said(method, f"/connections/{slug}{path}", 404, {} if method == "PATCH" else None)
    assert keys_in(fake) == [OWN, OWN]
    assert member.page("/models").says("yours")
    assert not stranger.page("/models").says("yours")
    assert member.page("/settings/connections").says("key ends in 4f2a")
    assert owner.page(f"/admin/people/{member.person_id}").says("Has 1 personal connection")
    pages = (*(f"/settings/connections{path}" for path in ("", f"/{model.partition(':')[0]}")), "/models", "/", "/account/data")
    assert not [path for path in pages if KEY in member.get(path).text]


def test_in_a_shared_chat_the_key_is_its_persons_alone(
    app: Flask, program: Client, other: Client, member: Browser, stranger: Browser, model: str, fake: Upstream
) -> None:
    answer = answered(program, model=model)
    path, message = f"/chats/{answer['chat_id']}", answer["message_id"]
    give(path, stranger, "write")

    refused = other.said("POST", f"{path}/messages", 422, {"message": "And me?"})
    assert "answers only them" in str(refused)
    other.said("POST", f"/messages/{message}/regenerate", 422, {})
    other.said("POST", f"/messages/{message}/continue", 422, {})
    assert keys_in(fake) == [OWN]

    # With a model of the team, the other pays with the team's key, and the chat keeps that model.
    team = next(listed["id"] for listed in other.get("/models")["models"] if listed["connection"] == "openrouter")
    sent = other.post(f"{path}/messages", {"message": "And me?", "model": team}, status=202)
    other.ended(sent)
    assert keys_in(fake) == [OWN, TEAM]
    program.said("PATCH", path, 200, {"model": model})
    program.ended(program.post(f"/messages/{message}/regenerate", {}, status=202))
    assert keys_in(fake) == [OWN, TEAM, OWN]


def test_what_is_paid_oneself_never_becomes_the_teams_nor_the_other_way_round(
    app: Flask, program: Client, admin: Client, model: str, fake: Upstream
) -> None:
    teams = program.get("/models")["models"]
    with app.app_context():
        fallback = next(listed["id"] for listed in teams if listed["connection"] == "openrouter")
        set_settings({"models.fallbacks": fallback, "demo.fallback": "always"}, author=COMMAND_LINE)
    for name in ("models.fallbacks", "models.default", "models.titles"):
        admin.said("PUT", f"/settings/{name}", 422, {"value": model})
    fake.always({"status": 402, "json": {"error": {"message": "No credit", "code": 402}}})

    answer = answered(program, model=model)

    assert answer["status"] == "failed"
    assert set(keys_in(fake)) == {OWN}
    (connection,) = program.get("/connections")["connections"]
    assert connection["is_working"] is False
    assert "no credit" in connection["check_result"]
    assert not [one for one in admin.get("/connections")["connections"] if one["is_working"] is False]


@pytest.mark.parametrize(("setting", "is_offered"), [("off", True), ("keys", False)])
def test_what_admins_take_back_ends_with_the_next_answer(
    app: Flask, program: Client, admin: Client, offered: str, model: str, fake: Upstream, setting: str, is_offered: bool
) -> None:
    answered(program, model=model)
    with app.app_context():
        set_settings({"connections.personal": setting}, author=COMMAND_LINE)
    admin.said("PATCH", f"/connections/{offered}", 200, {"is_offered": is_offered})

    assert "can't be used any more" in str(program.said("POST", "/chats", 422, {"message": "Hello", "model": model}))
    assert not [listed for listed in program.get("/models")["models"] if listed["is_mine"]]
    (connection,) = program.get("/connections")["connections"]
    assert connection["closed_because"]
    assert keys_in(fake) == [OWN]
    # It can be deleted all the same.
    program.said("DELETE", f"/connections/{connection['slug']}", 204)
    assert not program.get("/connections")["connections"]


def test_another_address_of_the_offered_server_gets_no_key(
    app: Flask, admin: Client, program: Client, offered: str, model: str, fake: Upstream
) -> None:
    elsewhere = f"{fake.url}/elsewhere/api/v1"
    admin.said("PATCH", f"/connections/{offered}", 200, {"base_url": elsewhere})

    answer = program.call("POST", "/chats", {"message": "Hello", "model": model})

    assert answer.status_code >= 400
    assert not keys_in(fake)


def test_an_answer_that_a_restart_cut_goes_on_with_the_same_key(
    app: Flask, program: Client, other: Client, model: str, fake: Upstream
) -> None:
    answer = answered(program, model=model)
    with app.app_context():
        with write() as session:
            cut = update(Generation).where(Generation.message_id == answer["message_id"])
            session.execute(cut.values(status="interrupted", reason="server_restart"))
        generation = db.session.scalars(select(Generation).where(Generation.message_id == answer["message_id"])).one()
        engine = ENGINE.of(app)
        continue_interrupted = engine.kinds[generation.kind].continue_interrupted
        assert continue_interrupted
        continue_interrupted(generation)
    program.ended(answer)
    assert keys_in(fake) == [OWN, OWN]


PRIVATE = ("http://127.0.0.1:9/v1", "http://localhost:9/v1", "http://2130706433/v1", "http://10.1.2.3/v1", "http://[::1]:9/v1")


@pytest.mark.parametrize("address", [*PRIVATE, "http://169.254.169.254/v1"])
def test_a_server_of_ones_own_is_public(app: Flask, program: Client, offered: str, fake: Upstream, address: str) -> None:
    body = {"kind": "openai", "is_mine": True, "name": "Mine", "base_url": address, "key": KEY}
    assert "servers they offer" in str(program.said("POST", "/connections", 403, body))
    with app.app_context():
        set_settings({"connections.personal": "servers"}, author=COMMAND_LINE)
    count = len(fake.log())

    program.said("POST", "/connections", 422, body)

    assert len(fake.log()) == count


def test_a_name_that_turns_private_is_refused_when_it_is_requested(
    app: Flask, program: Client, member: Browser, offered: str, fake: Upstream
) -> None:
    with app.app_context():
        set_settings({"connections.personal": "servers"}, author=COMMAND_LINE)
    # A name of this machine, which says so only when it is looked up.
    body = {"kind": "openai", "is_mine": True, "name": "Mine", "base_url": f"http://localhost.:{fake.port}/api/v1", "key": KEY}

    assert "isn't allowed" in str(program.said("POST", "/connections", 422, body))
    assert KEY not in str(fake.log())


def test_only_admins_add_others_and_offer_them(program: Client, mine: dict[str, Any], fake: Upstream) -> None:
    body = {"kind": "openai", "name": "Everyone's", "base_url": fake.base_url}
    program.said("POST", "/connections", 403, body)
    assert "can't be offered" in str(program.said("PATCH", f"/connections/{mine['slug']}", 422, {"is_offered": True}))
    wrong = {"kind": "openai", "is_mine": True, "offered": "openrouter", "name": "Not offered", "key": KEY}
    assert "isn't offered" in str(program.said("POST", "/connections", 422, wrong))
    assert "already have" in str(
        program.said("POST", "/connections", 409, {**wrong, "offered": mine["offered"], "name": "my KEY"})
    )


def test_a_wrong_key_is_said_and_nothing_stored(member: Browser, program: Client, offered: str, app: Flask) -> None:
    page = member.page("/settings/connections").click("New connection")
    page = page.press("Add", key="bad-key-0123456789")
    assert page.says("rejected the key")
    assert "bad-key-0123456789" not in page.text
    with app.app_context():
        assert not db.session.scalar(select(func.count(OwnConnection.id)))

    page = page.press("Add", key=KEY)
    assert page.says("Connection added")
    page = page.press("Turn off")
    assert page.says("turned off")
    assert page.press("Turn on").press("Test key").says("works")
    page = member.page(page.path).click("Delete").press("Delete permanently")
    assert page.says("Connection and key deleted.")


def test_with_the_person_the_key_goes(app: Flask, owner: Browser, member: Browser, model: str) -> None:
    owner.post(f"/admin/people/{member.person_id}/delete", email=member.email)
    with app.app_context():
        assert not db.session.scalar(select(func.count(OwnConnection.id)))
        the_connections().forget()
        assert the_models().model(model) is None
