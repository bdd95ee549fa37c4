"""Alternate greetings of a character: edited on their own page, kept in its card, and exported with it."""

import json
from typing import Any

import pytest

from tests.api.client import client_of
from tests.characters.card_samples import as_json, bring
from tests.support.marks import also_on_postgres
from tests.support.turns import nobody_waits

GREETINGS = ["<BOT> nods.", "", "Rye?", 3, "x" * 20_001]
DATA: dict[str, Any] = {
    "name": "Mara",
    "nickname": "May",
    "description": "Mara mills rye.",
    "first_mes": "Hello.",
    "alternate_greetings": GREETINGS,
    "group_only_greetings": ["All?"],
    "extensions": {},
}
CARD = {"spec": "chara_card_v3", "spec_version": "3.0", "data": DATA}


@pytest.fixture
def path(member) -> str:
    """The path of the page of a character that was imported."""
    return member.page(bring(member, ("mara.json", as_json(CARD))).link("Mara").attributes["href"] or "").path


def card_of(browser, path: str) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(browser.get(f"{path}/export?format=json").text)
    return card


def typed(page, name: str = "alternate_greetings") -> list[str]:
    return [node.text() for node in page.all(f"textarea[name={name}]")]


def send(browser, path: str, *texts: str, group: tuple[str, ...] = (), was: str | None = None, **more: str) -> Any:
    opened = browser.page(f"{path}/greetings")
    mark = opened.one("input[name=was]").attributes["value"] if was is None else was
    said = {"alternate_greetings": list(texts), "group_only_greetings": list(group), "was": mark}
    return browser.send(f"{path}/greetings", {**said, **more}, follow=True)


@also_on_postgres
def test_what_is_saved_unchanged_stays_as_it_came(member, path):
    page = member.page(member.page(path).link("Edit alternate greetings").attributes["href"])
    assert (typed(page), typed(page, "group_only_greetings")) == (["May nods.", "Rye?"], ["All?"])

    assert send(member, path, *typed(page), group=("All?",)).says("Saved.")

    assert card_of(member, path) == CARD


def test_one_that_was_changed_leaves_the_others_as_they_came(member, path):
    page = send(member, path, "Wheat?", "", "May nods.\r\nTwice.", "May nods.", group=())

    assert [node.text() for node in page.all(".greeting ~ details summary")] == ["Greeting 2", "Greeting 3", "Greeting 4"]
    data = {
        "alternate_greetings": ["Wheat?", "May nods.\nTwice.", "<BOT> nods.", "", 3, "x" * 20_001],
        "group_only_greetings": [],
    }
    assert card_of(member, path) == {**CARD, "data": {**DATA, **data}}
    assert page.press("Chat with Mara").one(".versions .num").text() == "1 / 4"


@pytest.mark.slow
def test_they_are_moved_added_and_removed_by_buttons_that_store_nothing(member, path):
    button = member.page(f"{path}/greetings").button("Move up")
    page = send(member, path, "May nods.", "Rye?", do=button.attributes["value"] or "")
    assert typed(page) == ["Rye?", "May nods."]
    page = send(member, path, "a", "b", do="add alternate_greetings")
    assert typed(page) == ["a", "b", ""]
    page = send(member, path, "a", "b", "c", do="remove alternate_greetings 1")
    assert typed(page) == ["a", "c"]
    assert typed(send(member, path, *"ab", do="remove alternate_greetings 7")) == ["a", "b"]
    assert typed(send(member, path, *"ab", do="up nothing ²")) == ["a", "b"]
    assert len(typed(send(member, path, *"x" * 20, do="add alternate_greetings"))) == 20
    assert card_of(member, path) == CARD


def test_nobody_overwrites_what_was_changed_elsewhere(member, path):
    mark = member.page(f"{path}/greetings").one("input[name=was]").attributes["value"]
    send(member, path, "Mine.")

    page = send(member, path, "Late.", was=mark)

    assert (page.status_code, typed(page)) == (409, ["Late."])
    assert page.says("changed elsewhere")
    assert card_of(member, path)["data"]["alternate_greetings"][0] == "Mine."


def test_a_character_without_a_card_or_greeting_has_them_too(member, make):
    path = make()
    page = member.page(member.page(path).link("Add alternate greetings").attributes["href"])
    assert typed(page) == []
    send(member, path, "Hm, {{user}}?", "Hi.")
    assert card_of(member, path)["data"]["alternate_greetings"] == ["Hm, {{user}}?", "Hi."]
    assert member.page(path).press("Chat with Mara").messages()[0][0] == "assistant"


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["x"] * 21, "Use at most 20 greetings."),
        (["x" * 20_001], "That is 1 character too long."),
        (["x" * 20_000] * 6, "at most 100,000 characters"),
    ],
)
def test_too_much_is_refused_and_holds_up_nobody(member, path, texts, words):
    with nobody_waits():
        page = send(member, path, *texts)
    assert (page.status_code, page.says(words)) == (422, True)
    assert card_of(member, path) == CARD


def test_only_its_owner_edits_them(member, stranger, visitor, path):
    assert stranger.get(f"{path}/greetings").status_code == 404
    assert visitor.get(f"{path}/greetings").status_code == 303


def test_programs_read_and_set_them(member, app, path):
    program, where = client_of(app, member.email), f"/characters/{path.rpartition('/')[2]}"
    told = program.get(where)
    assert (told["alternate_greetings"], told["group_only_greetings"]) == (["May nods.", "Rye?"], ["All?"])
    assert program.get("/characters")["characters"][0]["alternate_greetings"] == []
    program.said("PATCH", where, 200, {"name": "Mara", "alternate_greetings": told["alternate_greetings"]})
    assert card_of(member, path) == CARD

    changed = program.said("PATCH", where, 200, {"alternate_greetings": ["New.", "Rye?"]})

    assert (changed["alternate_greetings"], changed["group_only_greetings"]) == (["New.", "Rye?"], ["All?"])
    program.said("PATCH", where, 422, {"alternate_greetings": ["x"] * 21})
    program.said("PATCH", where, 422, {"alternate_greetings": ["x" * 20_000] * 6})
    made = program.post("/characters", {"name": "Ada", "greeting": "Hi.", "alternate_greetings": ["Ho."]}, status=201)
    assert made["alternate_greetings"] == ["Ho."]
