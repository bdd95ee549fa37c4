"""Who can call what: tokens and their scopes, cookies, cross-site requests, rate limit headers."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests.api.client import Client, client_of, least_body
from tests.conftest import MakeApp, signed_in
from webapp.api.openapi import DocumentedRoute, routes
from webapp.base.db import db, utc_now
from webapp.base.ids import new_id
from webapp.people.accounts.tables import ApiToken, User
from webapp.settings.service import set_setting

LISTED = "https://app.example.org"


def closed(app: Flask) -> Iterator[tuple[DocumentedRoute, str]]:
    """Yields every operation that requires authentication, with a path to an object that does not exist."""
    for route in routes(app):
        if route.operation.scope:
            yield route, re.sub(r"\{\w+\}", new_id(), route.path)


@pytest.mark.slow
def test_nobody_gets_anywhere(app: Flask, nobody: Client, fake) -> None:
    wrong = Client(app, "millrace_" + "x" * 43)
    for route, path in closed(app):
        for client in (wrong, nobody)[: 1 if route.operation.visitors else 2]:
            response = client.call(route.method, path, least_body(route.operation))
            assert response.status_code == 401, f"{route.method} {path}"
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert ("invalid_api_key" if route.path.startswith("/v1/") else "signed_out") in response.get_data(as_text=True)


@pytest.mark.slow
def test_a_token_is_for_what_it_was_made_for(app: Flask, with_scopes, fake) -> None:
    programs = {scope: with_scopes(scope) for scope in ("read", "chat", "plans", "knowledge")}
    for route, path in closed(app):
        scope = route.operation.scope
        for name, program in programs.items():
            if name == scope or (name, scope) == ("chat", "read"):
                continue
            response = program.call(route.method, path, least_body(route.operation))
            assert response.status_code == 403, f"{route.method} {path} with {name}: {response.status}"


def test_a_scope_is_worth_no_more_than_its_persons_role(app: Flask, owner, admin: Client) -> None:
    assert admin.get("/settings")["settings"]
    with app.app_context():
        db.session.execute(update(User).where(User.email == owner.email).values(role="member"))
        db.session.commit()
    assert admin.said("GET", "/settings", 403)["code"] == "forbidden"


def test_a_token_ends_by_time_by_revocation_and_with_its_account(app: Flask, member, program: Client) -> None:
    def change(table: type, **values: object) -> None:
        with app.app_context():
            db.session.execute(update(table).values(**values))
            db.session.commit()

    program.get("/me")
    change(ApiToken, expires_at=utc_now() - timedelta(seconds=1))
    program.said("GET", "/me", 401)
    change(ApiToken, expires_at=None)
    program.get("/me")
    change(User, disabled_at=utc_now())
    program.said("GET", "/me", 401)


def test_being_used_is_noted_at_most_once_a_minute(app: Flask, program: Client) -> None:
    first = program.get("/tokens")["tokens"][0]["used_at"]
    assert first
    assert program.get("/tokens")["tokens"][0]["used_at"] == first


def test_other_peoples_things_are_not_there(app: Flask, program: Client, other: Client, fake) -> None:
    fake.says("Mine.")
    sent = program.post("/chats", {"message": "Whose?"}, status=201)["sent"]
    program.ended(sent)
    ids = {"chats": sent["chat_id"], "messages": sent["message_id"], "generations": sent["generation_id"]}
    tried = 0
    for route in (route for route in routes(app) if "{" in route.path):
        if (kind := route.path.split("/")[3]) in ids:
            path = re.sub(r"\{\w+\}", ids[kind], route.path)
            response = other.call(route.method, path, least_body(route.operation))
            assert response.status_code == 404, f"{route.method} {path}: {response.status}"
            assert "Mine" not in response.get_data(as_text=True)
            tried += 1
    assert tried > 15
    assert program.get(f"/messages/{sent['message_id']}")["content"] == "Mine."


def test_a_cookie_reads_freely_and_writes_with_proof(app: Flask, member) -> None:
    browser = Client(app, browser=member)
    me = browser.get("/me")
    assert me["scopes"] == ["chat", "knowledge", "mcp", "plans", "read", "tools", "workflows"]
    bare = Client(app)
    bare.client = member.client
    assert bare.get("/chats")["chats"] == []
    assert bare.said("POST", "/chats", 403, {}, Sec_Fetch_Site="")["code"] == "forbidden"
    assert bare.said("POST", "/chats", 403, {}, Sec_Fetch_Site="", X_CSRFToken="of an older version")["code"] == "forbidden"
    bare.said("POST", "/chats", 201, {}, Sec_Fetch_Site="", Origin="http://localhost")
    bare.said("POST", "/chats", 201, {}, Sec_Fetch_Site="same-origin", X_CSRFToken="of an older version")
    bare.said("POST", "/chats", 403, {}, Sec_Fetch_Site="", Origin="https://evil.example.org")


def test_a_cookie_alone_changes_nothing_anywhere(app: Flask, owner) -> None:
    bare = Client(app)
    bare.client = owner.client
    for route, path in closed(app):
        if route.method != "GET":
            response = bare.call(route.method, path, least_body(route.operation), Sec_Fetch_Site="")
            assert response.status_code == 403, f"{route.method} {path}: {response.status}"


def test_a_bearer_header_never_falls_back_to_the_cookie(member, app: Flask) -> None:
    browser = Client(app, browser=member)
    for header in ("Bearer nonsense", "Bearer", "bearer "):
        browser.said("GET", "/me", 401, Authorization=header)
    assert browser.get("/me", Authorization="Basic dXNlcjpwYXNz")["email"] == member.email


def test_a_token_needs_no_name_of_a_site_unless_a_cookie_comes_along(program: Client, member) -> None:
    program.said("POST", "/chats", 201, {})
    program.client.set_cookie("millrace", member.cookie("millrace") or "")
    program.said("POST", "/chats", 403, {})
    program.said("POST", "/chats", 201, {}, Sec_Fetch_Site="same-origin")
    assert "csrf_token" not in program.get("/me")


@pytest.fixture
def open_app(make_app: MakeApp) -> Flask:
    return make_app(CORS_ORIGINS=f"{LISTED},http://localhost:3000")


@pytest.mark.slow
def test_a_listed_page_may_call_every_path_and_no_other_page_any(open_app: Flask) -> None:
    client = Client(open_app)
    asks = {"Access_Control_Request_Method": "POST", "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"}
    paths = {re.sub(r"\{\w+\}", "x", route.path) for route in routes(open_app)} | {"/api/v1/nothing", "/openapi.json"}
    for path in paths:
        allowed = client.call("OPTIONS", path, Origin=LISTED, **asks)
        assert allowed.status_code == 204, path
        assert allowed.headers["Access-Control-Allow-Origin"] == LISTED
        assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]
        assert "Origin" in allowed.headers["Vary"]
        refused = client.call("OPTIONS", path, Origin="https://evil.example.org", **asks)
        assert refused.status_code == 403
        assert "Access-Control-Allow-Origin" not in refused.headers


def test_a_listed_page_calls_with_a_token_or_a_cookie(open_app: Flask) -> None:
    browser = signed_in(open_app, "member@example.org", "member")
    page = {"Origin": LISTED, "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"}
    program = client_of(open_app, browser.email)
    response = program.call("GET", "/me", **page)
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, LISTED)
    assert program.call("GET", "/nothing", **page).headers["Access-Control-Allow-Origin"] == LISTED
    assert "X-Stream-Id" in response.headers["Access-Control-Expose-Headers"]

    bare = Client(open_app)
    bare.client = browser.client
    bare.said("POST", "/chats", 201, {}, **page)
    bare.said("POST", "/chats", 403, {}, **{**page, "Origin": "https://other.example.org"})
    assert bare.call("GET", "/../account", **page).status_code in (403, 404)
    assert browser.client.get("/account", headers={"Origin": LISTED, "Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_every_answer_tells_the_limit(app: Flask, program: Client, fake) -> None:
    fake.says("Fine.")
    with app.app_context():
        set_setting("limits.streams_per_minute", "6")
        set_setting("limits.streams_burst", "2")
    first = program.call("GET", "/me")
    assert first.headers["RateLimit-Policy"] == '"answers";q=2;w=20'
    assert first.headers["RateLimit"] == '"answers";r=2;t=0'
    for left in (1, 0):
        made = program.call("POST", "/chats", {"message": "Hello"})
        assert made.headers["RateLimit"].startswith(f'"answers";r={left};t=')
        program.ended(made.json["sent"])
    refused = program.call("POST", "/chats", {"message": "Hello"})
    assert (refused.status_code, refused.json["code"]) == (429, "too_many")
    assert 0 < int(refused.headers["Retry-After"]) <= 10
    with app.app_context():
        set_setting("limits.streams_per_minute", "0")
    assert "RateLimit" not in program.call("GET", "/me").headers


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("sent", "status", "fields"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400, None),
        ({"data": b'{"message": "\\ud800"}', "content_type": "application/json"}, 400, None),
        ({"data": b"message=Hello", "content_type": "application/x-www-form-urlencoded"}, 415, None),
        ({"data": b'{"message": "Hello"}', "content_type": "text/plain"}, 415, None),
        ({"data": b"x" * 1_000_001, "content_type": "application/json"}, 413, None),
        ({"json": []}, 422, {"body"}),
        ({"json": {}}, 422, {"message"}),
        ({"json": {"message": 7}}, 422, {"message"}),
        ({"json": {"message": "   "}}, 422, {"message"}),
        ({"json": {"message": "Hello", "mesage": "?", "context_limit": "3"}}, 422, {"mesage", "context_limit"}),
        ({"json": {"message": "x" * 200_001}}, 422, {"message"}),
    ],
)
def test_a_body_that_is_not_as_described_is_refused_field_by_field(program: Client, sent, status, fields) -> None:
    id = program.post("/chats", {}, status=201)["chat"]["id"]
    refused = program.client.post(f"/api/v1/chats/{id}/messages", headers=program.headers, **sent)
    assert refused.status_code == status, refused.text
    assert refused.content_type == "application/problem+json"
    assert set(refused.json.get("fields", {})) == (fields or set())
    assert refused.json["error"] == refused.json["detail"]
