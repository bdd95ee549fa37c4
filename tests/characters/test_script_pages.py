"""The pages and the API of text scripts: who sees them, how they change, and what of a card is kept."""

import pytest

from tests.api.client import client_of
from tests.characters.card_samples import as_json, bring
from tests.characters.test_scripts_in_chats import SENT, SHOWN, card
from webapp.base.db import db
from webapp.characters.tables import Character

FOREIGN = {**SHOWN, "scriptName": "Status", "placement": [2, 5], "more": {"a": 1}, "minDepth": -1, "maxDepth": None, "id": "1"}
WITHOUT = {**SENT, "findRegex": "/a(?=b)/", "scriptName": "Ahead"}


@pytest.fixture
def path(member) -> str:
    """The path of a character with two scripts."""
    page = bring(member, ("mara.json", as_json(card(FOREIGN, WITHOUT))))
    return str(page.all("#result ~ ul a")[0].attributes["href"])


def stored(app, path: str) -> list[dict]:
    with app.app_context():
        found = db.session.get_one(Character, path.rpartition("/")[2]).card
        return found["data"]["extensions"]["regex_scripts"]


def test_the_page_lists_them(path, member):
    page = member.page(path)

    assert page.one(".greeting em").text() == "calm"
    texts = [" ".join(script.text().split()) for script in page.all("[id^=script-]")]
    assert texts[0].startswith("Status Changes what is shown, in messages of the character.")
    assert "Ahead not supported here Look-ahead and look-behind can't be used. It stays in the card." in texts[1]
    assert [element.text() for element in page.all("#script-0 pre")] == [FOREIGN["findRegex"], FOREIGN["replaceString"]]


def test_a_change_keeps_what_the_form_does_not_have(path, member, app):
    page = member.submit(f"{path}/scripts/0", name="Mood", replacement="> $1\r\n$2", trims="a\r\nb")

    assert page.says("Saved.")
    assert stored(app, path)[0] == FOREIGN | {
        "scriptName": "Mood",
        "replaceString": "> $1\n$2",
        "trimStrings": ["a", "b"],
        "disabled": False,
        "substituteRegex": 0,
    }
    member.submit(f"{path}/scripts/0", where="both", is_for_person="on", most_depth="3")
    changed = stored(app, path)[0]
    assert (changed["markdownOnly"], changed["promptOnly"], changed["placement"]) == (True, True, [1, 2, 5])
    assert (changed["minDepth"], changed["maxDepth"], changed["more"]) == (-1, 3, {"a": 1})


def test_one_is_added_moved_and_deleted(path, member, app):
    page = member.page(path).click("Add a text script")
    assert page.heading == "New text script"
    member.submit(f"{path}/scripts/new", name="New", find="/x/g")
    assert [script["scriptName"] for script in stored(app, path)] == ["Status", "Ahead", "New"]
    assert stored(app, path)[2]["placement"] == [2]

    member.page(f"{path}/scripts/2").press("Move up")
    member.page(f"{path}/scripts/0").press("Delete text script")

    assert [script["scriptName"] for script in stored(app, path)] == ["New", "Ahead"]
    assert member.get(f"{path}/scripts/7").status_code == 404


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("field", "label", "value", "words"),
    [
        ("find", "Find", "/(?<=a)b/", "Look-ahead and look-behind"),
        ("find", "Find", "  ", "Enter what to find."),
        ("find", "Find", "x" * 2_001, "2,000 characters"),
        ("most_depth", "To depth", "x", "Enter a whole number from 0 to 9,999."),
        ("trims", "Remove from match", "x" * 201, "Use at most 20 lines"),
    ],
)
def test_bad_input_is_said_in_place_and_kept(path, member, app, field, label, value, words):
    page = member.submit(f"{path}/scripts/0", **{field: value})

    assert page.status_code == 422
    assert words in page.error_at(label)
    assert page.textbox(label).value == value
    assert stored(app, path)[0] == FOREIGN


def test_one_that_cannot_be_used_can_be_turned_off(path, member, app):
    page = member.page(f"{path}/scripts/1")
    assert page.press("Save", is_enabled="").says("Saved.")

    assert stored(app, path)[1]["findRegex"] == "/a(?=b)/"


def test_a_change_elsewhere_is_not_overwritten(path, member, app):
    page = member.page(f"{path}/scripts/0")
    member.submit(f"{path}/scripts/0", name="Elsewhere")

    page = page.press("Save", replacement="Here")

    assert page.status_code == 409
    assert page.says("changed elsewhere")
    assert stored(app, path)[0]["scriptName"] == "Elsewhere"


def test_others_see_them_but_cannot_change_them(path, member, stranger):
    member.submit(f"{path}/edit", is_shared="on")

    page = stranger.page(path)

    assert page.all("#script-0")
    assert not page.all('a[href*="/scripts/"]')
    assert stranger.get(f"{path}/scripts/0").status_code == 403


def test_the_api_replaces_them(path, app, member, stranger):
    program, at = client_of(app, member.email), f"/characters/{path.rpartition('/')[2]}/scripts"
    first, second = program.get(at)["scripts"]
    assert (first["find"], first["where"], first["trouble"]) == (FOREIGN["findRegex"], "shown", "")
    assert second["trouble"].startswith("Look-ahead")

    sent = {name: value for name, value in first.items() if name != "trouble"}
    changed = program.said("PUT", at, 200, {"scripts": [{"find": "/x/"}, {**sent, "name": "Mood"}]})

    assert [script["find"] for script in changed["scripts"]] == ["/x/", FOREIGN["findRegex"]]
    assert stored(app, path)[1]["more"] == {"a": 1}
    program.said("PUT", at, 422, {"scripts": [{"find": "/[/"}]})
    assert program.said("PUT", at, 200, {"scripts": [{"find": "/a\0/"}]})["scripts"][0]["find"] == "/a\ufffd/"
    client_of(app, stranger.email).said("GET", at, 404)


def test_a_character_that_was_made_here_gets_some(make, member, app):
    path = make()
    member.submit(f"{path}/scripts/new", find="/x/g", replacement="y")

    exported = client_of(app, member.email).get(f"{path}/export")
    assert exported["data"]["extensions"]["regex_scripts"][0]["findRegex"] == "/x/g"
