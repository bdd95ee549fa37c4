"""The OpenAPI document: valid according to a third-party validator, and complete: routes and entries match one to one."""

import json
import re
from html import unescape

import pytest
from flask import Flask

from tests.api.client import Client
from tests.support.turns import turns_of_the_loop
from webapp.api.openapi import document
from webapp.api.operations import operation_of
from webapp.web.htmx import API_PATHS

# The MCP server speaks JSON-RPC, and says itself what its tools take; providers of sign-on speak by their own standard.
OF_ITSELF = {"/openapi.json", "/api", "/mcp", "/sign-on/back-channel/<id>"}


@pytest.mark.slow
def test_it_is_valid(app: Flask, nobody: Client) -> None:
    # Imported only for this test, because the import is slow.
    from openapi_spec_validator import OpenAPIV31SpecValidator

    served = nobody.get("/openapi.json")
    assert served["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(served).validate()


def test_it_has_every_route_of_the_api_and_no_other(app: Flask) -> None:
    found = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(API_PATHS) and rule.rule not in OF_ITSELF
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = {(method.upper(), path) for path, methods in document(app)["paths"].items() for method in methods}
    assert told == found


@pytest.mark.slow
def test_whatever_is_an_operation_lies_where_programs_come_in(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if operation_of(app.view_functions[rule.endpoint]):
            assert rule.rule.startswith(API_PATHS), rule


@pytest.mark.slow
def test_every_reference_leads_somewhere_and_nothing_lies_about(app: Flask) -> None:
    text = json.dumps(document(app))
    schemas = document(app)["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) == set(schemas)


@pytest.mark.slow
def test_every_stream_tells_its_grammar(app: Flask) -> None:
    for path, methods in document(app)["paths"].items():
        for operation in methods.values():
            for answer in operation["responses"].values():
                if content := answer.get("content", {}).get("text/event-stream"):
                    assert content["x-events"]["order"], path
                    assert content["x-events"]["data"], path


@pytest.mark.slow
def test_what_can_be_made_too_quickly_tells_so(app: Flask) -> None:
    told = document(app)["paths"]
    made = {
        path: methods["post"]["responses"]
        for path, methods in told.items()
        if "201" in methods.get("post", {}).get("responses", ())
    }
    assert not [path for path, responses in made.items() if "429" not in responses]
    assert all("429" in told[f"/api/v1/{path}"]["post"]["responses"] for path in ("characters/import", "files", "questions/run"))
    assert "404" in told["/api/v1/search"]["get"]["responses"]
    assert "409" in told["/api/v1/messages/{id}/erase"]["post"]["responses"]
    assert all("404" in told[f"/api/v1/{path}"]["post"]["responses"] for path in ("characters", "questions"))


@pytest.mark.slow
def test_every_refusal_has_the_body_of_a_problem(app: Flask) -> None:
    told = {
        (path, method, status): reply
        for path, methods in document(app)["paths"].items()
        for method, operation in methods.items()
        for status, reply in operation["responses"].items()
    }
    assert not [place for place, reply in told.items() if int(place[2]) >= 400 and not reply.get("content")]
    assert list(told["/api/v1/files/{id}", "get", "200"]["content"]) == ["*/*"]


def test_every_number_in_an_address_has_an_end(app: Flask) -> None:
    """A database cannot compare a column with a number that is too large for it."""
    told = [
        (path, parameter["name"], parameter["schema"])
        for path, methods in document(app)["paths"].items()
        for operation in methods.values()
        for parameter in operation.get("parameters", ())
    ]
    assert not [(path, name) for path, name, schema in told if schema.get("type") == "integer" and "maximum" not in schema]


def test_where_no_token_is_taken_none_is_named(app: Flask) -> None:
    tokens = document(app)["paths"]["/api/v1/tokens"]
    assert {"bearer": []} in tokens["get"]["security"]
    assert tokens["post"]["security"] == [{"cookie": []}]


@pytest.mark.slow
def test_a_key_is_told_where_one_is_taken(app: Flask) -> None:
    told = {
        path.removeprefix("/api")
        for path, methods in document(app)["paths"].items()
        for operation in methods.values()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    }
    threads = {"/chat/threads/{id}/messages", "/chat/threads/{id}/messages/stream", "/threads/{id}/messages/stream"}
    dialects = {"/chat", "/chat/stream", "/ai/chat", "/ai/chat/stream", "/messages/addUserMessageStreamingMode"}
    runs = {"/v1/runs/{id}/answer", "/v1/runs/{id}/ask", "/v1/workflows/{slug}/runs", "/chat/threads"}
    plans = {"/plan/inputs", "/plan/{id}/continue", "/service/generate"}
    plans |= {"/streaming/generate-plan", "/streaming/generate-plans"}
    chats = {"/v1/chats", "/v1/chats/{id}/messages", "/v1/messages/{id}/edit", "/v1/images"}
    assert told == threads | dialects | runs | plans | chats


@pytest.mark.slow
def test_people_read_the_same(app: Flask, visitor) -> None:
    page = visitor.page("/api")
    text = unescape(page.text)
    for path, methods in document(app)["paths"].items():
        assert path in text
        for operation in methods.values():
            assert operation["summary"] in text
    assert not page.all("script[src^='http']")


@pytest.mark.slow
def test_others_go_on_while_it_is_made(app: Flask) -> None:
    with app.app_context(), turns_of_the_loop() as turn:
        document(app)
        assert turn() > 0


def test_every_stream_of_a_plan_names_it(app: Flask) -> None:
    named = {
        path
        for path, methods in document(app)["paths"].items()
        for operation in methods.values()
        if "X-Plan-Id" in operation["responses"].get("200", {}).get("headers", {})
    }
    paths = {"/api/streaming/generate-plan", "/api/streaming/events/{id}", "/api/plan/{id}/continue"}
    assert named == {*paths, "/api/v1/generations/{id}/events"}


@pytest.mark.slow
def test_others_go_on_while_the_page_is_drawn(visitor) -> None:
    visitor.client.get("/api")
    with turns_of_the_loop() as turn:
        assert visitor.client.get("/api").status_code == 200
        assert turn() > 0
