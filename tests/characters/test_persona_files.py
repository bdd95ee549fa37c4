"""Importing personas of SillyTavern: once, with their lorebooks; a file of another format does not block other requests."""

import json
from io import BytesIO
from typing import Any

import pytest

from tests.api.client import client_of
from tests.characters.conftest import names
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.page import Page
from tests.support.turns import nobody_waits

BACKUP = {
    "personas": {"a.png": "Jo", "b.png": " Ada  Rye ", "c.png": "Long", "d.png": 5},
    "persona_descriptions": {
        "a.png": {"description": "<USER> repairs clocks.", "position": 0, "lorebook": "The valley"},
        "b.png": {"description": "", "lorebook": "Nowhere"},
        "c.png": {"description": "x" * 20_001},
    },
    "default_persona": "a.png",
}


def bring(browser: Browser, value: Any) -> Page:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    data = {"file": (BytesIO(content), "personas.json" if content else "")}
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    how: dict[str, Any] = {"headers": headers, "base_url": browser.origin, "content_type": "multipart/form-data"}
    return Page(browser, browser.client.post("/personas/import", data=data, **how))


@also_on_postgres
def test_they_come_in_once(member, app):
    book = member.submit("/lorebooks", name="The valley").path.rpartition("/")[2]

    page = bring(member, BACKUP)

    assert page.says("2 new personas.")
    assert page.says("That is 1 character too long.")
    assert page.says("These personas use lorebooks that you don't have: Nowhere.")
    assert names(page) == ["Ada Rye", "Jo"]
    told = {persona["name"]: persona for persona in client_of(app, member.email).get("/personas")["personas"]}
    assert {name: (persona["description"], persona["is_default"], persona["lorebook_ids"]) for name, persona in told.items()} == {
        "Jo": ("{{user}} repairs clocks.", True, [book]),
        "Ada Rye": ("Ada Rye", False, []),
    }
    again = bring(member, {"power_user": BACKUP})
    assert again.says("Nothing new.")
    assert again.says("2 personas already here")
    assert not again.says("Nowhere")


@pytest.mark.slow
def test_who_somebody_is_already_stays(member):
    member.submit("/personas", name="Me", description="I am.", is_default="on")
    page = bring(member, BACKUP)
    assert [node.text().strip() for node in page.all(".cast h2") if "default" in node.text()] == ["Me default"]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Choose a file."),
        (b"{", "It doesn't contain personas."),
        (b"[]", "It doesn't contain personas."),
        (b'{"personas": {}}', "It doesn't contain personas."),
        (b'{"personas": [1]}', "It doesn't contain personas."),
        (json.dumps({"personas": {str(n): "x" for n in range(101)}}).encode(), "It contains more than 100 personas."),
        (b"[" * 100_001, "The file has too many values."),
    ],
)
def test_what_holds_none_is_refused(member, content, words):
    with nobody_waits():
        page = bring(member, content)
    assert (page.status_code, page.says(words)) == (422, True)


def test_programs_bring_them_in_too(member, app):
    program = client_of(app, member.email)
    files = {"file": (BytesIO(json.dumps(BACKUP).encode()), "p.json")}
    response = program.client.post("/api/v1/personas/import", data=files, headers=program.headers)
    assert (response.status_code, response.get_json()["new"], response.get_json()["failed"][0][0]) == (201, 2, "Long")
