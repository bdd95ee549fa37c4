"""Prompts in the API: /api/v1/prompts."""

import pytest
from sqlalchemy import select

from tests.api.client import Client, client_of
from webapp.api.native.prompts import PAGE_CHARS
from webapp.base.db import db, write
from webapp.people.accounts.tables import User
from webapp.prompts import queries
from webapp.prompts.tables import Prompt, PromptVersion


@pytest.fixture
def program(app, owner) -> Client:
    return client_of(app, owner.email)


@pytest.fixture
def other(app, member) -> Client:
    return client_of(app, member.email)


def test_a_prompt_from_its_making_to_its_end(program, other):
    made = program.post("/prompts", {"key": "review", "about": "Looks back"}, status=201)
    assert (made["key"], made["is_teams"], made["version"], made["strategy"]) == ("review", True, None, "LATEST")
    sections = [{"name": "Task", "text": "Look back at {{week}}, {{name}}."}, {"name": "Tone", "text": "Calmly."}]
    first = program.post("/prompts/review/versions", {"sections": sections, "note": "One"}, status=201)
    assert (first["version"], first["sections"], first["note"]) == (1, sections, "One")
    program.post("/prompts/review/versions", {"sections": sections[:1], "temperature": 0.5}, status=201)
    assert [version["version"] for version in other.get("/prompts/review/versions")["versions"]] == [2, 1]

    rolled_back = program.said("PUT", "/prompts/review/strategy", 200, {"strategy": "FIXED", "version": 1})
    assert (rolled_back["strategy"], rolled_back["version"]) == ("FIXED", 1)
    filled = other.said("POST", "/prompts/review/preview", 200, {"variables": {"week": "{{name}}"}})
    assert filled == {
        "sections": [{"name": "Task", "text": "Look back at {{name}}, {{name}}."}, sections[1]],
        "missing": ["name"],
    }

    program.said("PUT", "/prompts/review/strategy", 422, {"strategy": "A_B_TEST", "weights": {"1": 50, "2": 50}})
    program.said("PUT", "/prompts/review/strategy", 404, {"strategy": "FIXED", "version": 7})
    program.post("/prompts", {"key": "review"}, status=409)
    program.post("/prompts/review/versions", {"sections": []}, status=422)
    for wrong, sentence in (
        ({"temperature": 2.5}, "Temperature must be between 0 and 2."),
        ({"max_tokens": 0}, "Max tokens must be between 1 and 1,000,000."),
    ):
        refused = program.post("/prompts/review/versions", {"sections": sections, **wrong}, status=422)
        assert list(refused["fields"].values()) == [sentence]
    for text in ("A bell: \x07", "x" * 60_001, "".join(f"{{{{v{number}}}}}" for number in range(31))):
        program.post("/prompts/review/versions", {"sections": [{"text": text}]}, status=422)
    program.said("DELETE", "/prompts/review", 204)
    program.said("GET", "/prompts/review", 404)


def test_what_is_the_teams_takes_an_admin_with_a_token_for_it(app, owner, program, other):
    body = {"sections": [{"text": "Name it."}]}
    other.post("/prompts/title/versions", body, status=404)
    assert client_of(app, owner.email, "chat").post("/prompts/title/versions", body, status=403)
    assert program.post("/prompts/title/versions", body, status=201)["version"] == 2
    other.post("/prompts", {"key": "title"}, status=409)
    program.post("/prompts", {"key": "names"}, status=201)
    own = other.post("/prompts", {"key": "names"}, status=201)
    assert other.get("/prompts/names")["id"] == own["id"] != program.get("/prompts/names")["id"]
    assert (own["is_own"], own["is_teams"]) == (True, False)
    other.post("/prompts", {"key": "another", "is_own": False}, status=403)


@pytest.fixture
def forty(app, program) -> str:
    """The key of a prompt with forty long versions."""
    program.post("/prompts", {"key": "long"}, status=201)
    sections = [{"name": "Task", "text": "word " * 12_000}]
    with app.app_context(), write() as session:
        id = session.scalars(select(Prompt.id).where(Prompt.key == "long")).one()
        session.add_all(PromptVersion(prompt_id=id, number=number, sections=sections) for number in range(1, 41))
    return "long"


def test_long_versions_come_a_page_at_a_time(program, forty):
    found, cursor, pages = [], "", 0
    while cursor or not pages:
        pages += 1
        told = program.get(f"/prompts/{forty}/versions", query={"cursor": cursor})
        assert sum(len(part["text"]) for version in told["versions"] for part in version["sections"]) <= PAGE_CHARS
        found += [version["version"] for version in told["versions"]]
        cursor = told["next_cursor"]
    assert (pages, found) == (3, list(range(40, 0, -1)))


def test_a_list_of_versions_reads_no_texts(app, owner, forty):
    with app.test_request_context():
        prompt = queries.prompt(db.session.get_one(User, owner.person_id), forty)
        found = queries.versions(prompt)
        assert {version.parts for version in found} == {()}
        assert [text.number for text in queries.with_texts(prompt, found[:2]) if len(text.parts[0].text) == 60_000] == [40, 39]


@pytest.mark.parametrize("name", ["user.name", " steps.one.two ", "user.name: long", "a.b_2"])
def test_a_variable_with_a_dot_is_refused_as_nothing_would_fill_it_in(program: Client, name: str) -> None:
    program.said("POST", "/prompts", 201, {"key": "greeting"})
    sections = [{"text": f"Greet {{{{{name}}}}}."}]
    refused = program.said("POST", "/prompts/greeting/versions", 422, {"sections": sections})
    assert list(refused["fields"]) == ["sections"]
    assert f"{{{{{name.strip().partition(':')[0]}}}}}" in refused["fields"]["sections"]
    # What macros and other text have in braces stays as it is written.
    sections = [{"text": "{{random::a.b::c}} {{3.5}} {{a. b}} {{user}}"}]
    program.said("POST", "/prompts/greeting/versions", 201, {"sections": sections})
