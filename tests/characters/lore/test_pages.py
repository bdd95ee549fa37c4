"""Lorebooks in the browser: created, imported, edited entry by entry, used in a chat, exported, deleted."""

import json
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from tests.characters.conftest import heard
from tests.chat.conftest import asked, ended
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.page import Page
from tests.support.turns import nobody_waits
from webapp.base.db import db, write
from webapp.characters.lore.tables import Lorebook

WORLD = {
    "name": "The valley",
    "entries": {
        "0": {
            "uid": 0,
            "key": ["mill"],
            "keysecondary": ["burnt"],
            "comment": "The mill",
            "content": "The mill burnt down.",
            "order": 7,
            "position": 4,
            "depth": 0,
            "role": 2,
            "disable": False,
            "selectiveLogic": 2,
            "scanDepth": 1,
            "triggers": ["x"],
        },
        "1": {"uid": 1, "key": ["rye"], "comment": "", "content": "Rye is dear.", "disable": True, "probability": 40},
    },
    "unheard": {"of": 1},
}


@pytest.fixture
def app(make_app, fake) -> Flask:
    return make_app(**{**fake.environ, "OPENROUTER_MODEL": "fake/plain"})


def bring(browser: Browser, content: bytes, name: str = "valley.json") -> Page:
    data = {"file": (BytesIO(content), name)}
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    response = browser.client.post(
        "/lorebooks/import", data=data, headers=headers, base_url=browser.origin, content_type="multipart/form-data"
    )
    return browser.page(response.location.partition("?")[0]) if response.location else Page(browser, response)


def as_file(value: Any) -> bytes:
    return json.dumps(value).encode()


def titles(page: Page) -> list[str]:
    return [node.text().split("\n")[0].strip() for node in page.all("#lore ~ details summary")]


@also_on_postgres
def test_one_is_made_with_entries_and_used_in_a_chat(member, fake):
    fake.says("Aye.")
    page = member.submit("/lorebooks", name=" The  valley ")
    assert page.heading == "The valley"
    assert page.says("No entries yet.")

    path = page.path
    page = member.page(page.link("New entry").attributes["href"]).form("Create entry").submit(keys="mill", content="")
    assert page.status_code == 422
    assert page.says("Enter the text that the model gets.")
    page = page.form("Create entry").submit(title="The mill", keys="mill\r\n/wheels?/i", content="The mill burnt down.")
    assert page.says("Saved.")
    assert titles(page) == ["The mill"]

    chat = member.submit("/", message="Hello").path
    member.wait_for(chat, ended)
    book = path.rpartition("/")[2]
    member.post(f"{chat}/prompts", changed="lorebooks", lorebooks=book)
    assert "checked" in member.page(f"{chat}/prompts").one("input[name=lorebooks]").attributes
    count = len(asked(fake))
    member.submit(chat, message="Wheel?")
    fake.until(lambda _: len(asked(fake)) > count)
    assert heard(fake)[0] == ("system", "The mill burnt down.")


def test_a_file_of_sillytavern_comes_in_and_goes_out_as_it_was(member):
    page = bring(member, as_file(WORLD))
    assert page.heading == "The valley"
    assert titles(page) == ["The mill", "rye off"]

    found = json.loads(member.get(f"{page.path}/export").text)
    assert found["unheard"] == {"of": 1}
    for uid, entry in WORLD["entries"].items():
        assert {name: found["entries"][uid][name] for name in entry} == entry
    assert found["entries"]["1"]["selective"] is True


@pytest.mark.slow
def test_entries_keep_their_numbers_and_what_they_leave_open(member):
    entries = {number: {"uid": int(number), "key": [number], "content": number, "role": None} for number in ("3", "7", "20")}
    page = bring(member, as_file({"name": "The valley", "entries": entries}))
    more = {"title": "New", "keys": "new", "content": "A new one."}
    member.page(page.link("New entry").attributes["href"]).form("Create entry").submit(**more)
    found = json.loads(member.get(f"{page.path}/export").text)["entries"]
    for uid, entry in entries.items():
        assert {name: found[uid][name] for name in entry} == entry
    assert [uid for uid in found if uid not in entries] == ["21"]
    assert (found["21"]["uid"], found["21"]["content"]) == (21, "A new one.")


CARDS = {
    "name": "The valley",
    "description": "Where the mill is.",
    "scan_depth": 5,
    "token_budget": 300,
    "recursive_scanning": True,
    "extensions": {"other/program": {"a": 1}},
    "entries": [
        {
            "keys": ["mill"],
            "content": "@@depth 3\nThe mill burnt down.",
            "enabled": True,
            "insertion_order": 7,
            "name": "Mill",
            "comment": "About it",
            "priority": 3,
            "use_regex": False,
            "id": 12,
            "case_sensitive": True,
            "extensions": {"other/program": [1], "position": 4, "depth": 2},
        }
    ],
}


@pytest.mark.slow
def test_what_only_lorebooks_of_cards_have_survives_an_export(member):
    page = bring(member, as_file({"spec": "lorebook_v3", "data": CARDS}))
    first = json.loads(member.get(f"{page.path}/export").text)
    again = bring(member, as_file(first))
    assert json.loads(member.get(f"{again.path}/export").text) == first
    with member.app.app_context():
        book = db.session.get_one(Lorebook, again.path.rpartition("/")[2]).book
    names = ("description", "scan_depth", "token_budget", "recursive_scanning")
    assert [book[name] for name in names] == [CARDS[name] for name in names]
    assert book["extensions"]["other/program"] == {"a": 1}
    [entry], [was] = book["entries"], CARDS["entries"]
    assert {name: entry[name] for name in ("name", "comment", "priority", "use_regex", "id")} == {
        name: was[name] for name in ("name", "comment", "priority", "use_regex", "id")
    }
    assert {name: entry["extensions"][name] for name in was["extensions"]} == was["extensions"]
    assert entry["extensions"]["case_sensitive"] is True


def test_numbers_that_occur_twice_or_are_none_are_replaced(member):
    entries = [{"keys": [f"{id}"], "content": "x", "id": id} for id in (4, 4, "b", None, True, -1, 5)]
    page = bring(member, as_file({"spec": "lorebook_v3", "data": {"name": "The valley", "entries": entries, "extensions": {}}}))
    found = json.loads(member.get(f"{page.path}/export").text)["entries"]
    assert {uid: entry["key"][0] for uid, entry in found.items()} == {
        "4": "4",
        "6": "4",
        "7": "b",
        "8": "None",
        "9": "True",
        "10": "-1",
        "5": "5",
    }
    assert all(entry["uid"] == int(uid) for uid, entry in found.items())


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "value",
    [
        {"spec": "lorebook_v3", "data": {"name": "V3", "entries": [{"keys": ["a"], "content": "b"}], "extensions": {}}},
        {"spec": "chara_card_v2", "data": {"name": "Mara", "character_book": {"name": "V3", "entries": [{"keys": ["a"]}]}}},
        {"originalData": {"name": "V3"}, "entries": {"0": {"key": ["a"]}}},
    ],
)
def test_lorebooks_of_other_kinds_come_in_too(member, value):
    page = bring(member, as_file(value))
    assert page.heading == "V3"
    assert titles(page) == ["a"]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Choose a file."),
        (b"{", "It isn't a lorebook"),
        (b"[]", "It isn't a lorebook"),
        (b'{"entries": 5}', "It isn't a lorebook"),
        (b"[" * 100_001, "The lorebook has too many values."),
        (b'{"entries": ' + b"[" * 2_000 + b"]" * 2_000 + b"}", "The lorebook is nested too deeply."),
    ],
)
def test_what_is_no_lorebook_is_refused(member, content, words):
    page = bring(member, content, "x.json" if content else "")
    assert page.status_code == 422
    assert page.says(words)


@pytest.mark.slow
def test_an_entry_keeps_what_its_form_does_not_show(member):
    page = bring(member, as_file(WORLD))
    form = member.page(page.link("Edit The mill").attributes["href"]).form("Save")
    values = {name: form.fields[name] for name in ("title", "keys", "others", "position", "depth", "role", "order", "logic")}
    assert values == {
        "title": "The mill",
        "keys": "mill",
        "others": "burnt",
        "position": "4",
        "depth": "0",
        "role": "2",
        "order": "7",
        "logic": "2",
    }
    form.submit(content="The mill stands.", chance="40")

    entry = json.loads(member.get(f"{page.path}/export").text)["entries"]["0"]
    assert (entry["content"], entry["probability"]) == ("The mill stands.", 40)
    kept = WORLD["entries"]["0"]
    assert all(
        entry[name] == kept[name] for name in ("key", "keysecondary", "comment", "order", "position", "triggers", "scanDepth")
    )


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "more",
    [
        {"selective": True, "caseSensitive": None, "matchWholeWords": None, "useGroupScoring": None},
        {"selective": False, "keysecondary": ["burnt"]},
        {"delayUntilRecursion": 3},
        {"position": 7, "outletName": "weather"},
        {"triggers": ["swipe", "quiet"]},
        {"comment": "— Places —", "key": [], "content": ""},
        {"key": [], "vectorized": True},
    ],
    ids=["as the program says", "further keys unused", "a level", "an outlet", "for some", "a heading", "without keys"],
)
def test_saving_an_entry_unchanged_leaves_it_as_it_came(member, more):
    page = bring(member, as_file({"entries": {"0": {"key": ["rye"], "content": "Dear.", **more}}}))

    member.page(f"{page.path}/entries/0").form("Save").submit()

    exported = member.get(f"{page.path}/export").json["entries"]["0"]
    assert {name: exported[name] for name in more} == more


@pytest.mark.slow
def test_a_heading_divides_the_entries_and_is_sent_to_nobody(member):
    page = bring(member, as_file({"entries": {"0": {"comment": "Places", "key": [], "content": ""}, "1": WORLD["entries"]["0"]}}))
    assert [" ".join(node.text().split()) for node in page.all("#lore ~ h3")] == ["Places Edit Places"]
    assert titles(page) == ["The mill"]

    form = member.page(f"{page.path}/entries/new").form("Create entry")
    assert form.submit(title="", keys="", content="").says("Enter the text that the model gets.")
    form.submit(title="People", keys="", content="")

    entry = json.loads(member.get(f"{page.path}/export").text)["entries"]["2"]
    assert (entry["comment"], entry["key"], entry["content"]) == ("People", [], "")


@pytest.mark.slow
def test_for_what_an_entry_is_sent_is_chosen_and_the_rest_stays(member):
    page = bring(member, as_file({"entries": {"0": {"key": ["rye"], "content": "Dear.", "triggers": ["quiet", "normal"]}}}))
    opened = member.page(f"{page.path}/entries/0")
    boxes = {node.attributes["value"]: "checked" in node.attributes for node in opened.all("input[name=triggers]")}
    assert boxes == {"normal": True, "swipe regenerate": False, "continue": False, "impersonate": False}

    opened.form("Save").submit(triggers="swipe regenerate")

    assert member.get(f"{page.path}/export").json["entries"]["0"]["triggers"] == ["quiet", "swipe", "regenerate"]


@pytest.mark.slow
def test_an_entry_is_found_among_many_and_its_place_is_kept(member):
    entries = {str(uid): {"key": [f"key {uid}"], "comment": f"Title {uid}", "content": "Rye is dear."} for uid in range(300)}
    page = bring(member, as_file({"entries": entries}))

    found = page.form("Find").submit(q=" KEY  217 dear")

    assert titles(found) == ["Title 217"]
    assert found.says("1 entry with")
    form = member.page(found.link("Edit Title 217").attributes["href"]).form("Save")
    saved = form.submit(content="Rye is dear. Cheap.", follow=False)
    assert saved.location.endswith("?done=saved&q=KEY++217+dear#entry-217")
    assert member.page(f"{page.path}?q=nothing").says("No entries with")
    assert len(titles(member.page(page.path))) == 300
    assert titles(member.page(f"{page.path}?q={'x' * 5000}")) == []


@pytest.mark.slow
def test_looking_through_as_much_as_there_can_be_holds_up_nobody(member):
    entries = [{"keys": ["ﬆ" * 30], "content": "İ" * 2_000} for _ in range(1_000)]
    with member.app.app_context(), write() as session:
        session.add(Lorebook(id="l", owner_id=member.person_id, name="Long", book={"entries": entries}, entry_count=1_000))
    # Without the test client's validation of the markup, which takes longer than everything else.
    with nobody_waits():
        assert member.client.get(f"/lorebooks/l?q={'İ+' * 100}", base_url=member.origin).status_code == 200


@pytest.mark.slow
def test_an_entry_is_shown_as_it_is_used(member):
    more = {"useProbability": False, "probability": 50}
    book = {"entries": [{"keys": ["Rye"], "content": "Dear.", "case_sensitive": True, "extensions": more}]}
    page = bring(member, as_file(book))

    form = member.page(f"{page.path}/entries/0").form("Save")
    form.submit(content="Cheap.")

    assert ("is_exact" in form.fields, form.fields["chance"]) == (True, "100")
    exported = member.get(f"{page.path}/export").json["entries"]["0"]
    assert (exported["content"], exported["caseSensitive"], exported["probability"]) == ("Cheap.", True, 100)


@pytest.mark.slow
def test_who_comes_too_late_changes_nothing(member):
    page = bring(member, as_file(WORLD))
    mill = page.link("Edit The mill").attributes["href"]
    first, second = member.page(mill), member.page(mill)
    first.form("Save").submit(content="One.")
    late = second.form("Save").submit(content="Two.")
    assert late.status_code == 409
    assert late.says("This entry was changed elsewhere. Open it again.")
    assert second.form("Delete entry").submit().status_code == 409
    assert titles(member.page(mill).form("Delete entry").submit()) == ["rye off"]
    assert member.get(f"{page.path}/entries/1").status_code == 404


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("keys", "/(?=a)/", "This expression can't be used: /(?=a)/"),
        ("keys", "\n".join(map(str, range(61))), "An entry can have up to 60 keys."),
        ("keys", "x" * 501, "A key can have up to 500 characters"),
        ("keys", "", "Enter at least one key, or send the entry always."),
        ("content", "x" * 20_001, "An entry can have up to 20,000 characters."),
        ("depth", "many", "Enter a whole number from 0 to 10,000."),
        ("chance", "101", "Enter a whole number from 0 to 100."),
    ],
)
def test_what_cannot_be_is_said_at_its_field(member, field, value, words):
    page = bring(member, as_file(WORLD))
    refused = member.page(page.link("Edit The mill").attributes["href"]).form("Save").submit(**{field: value})
    assert refused.status_code == 422
    assert words in refused.one(f"#{field}-error").text()


@pytest.mark.slow
def test_settings_are_kept_and_one_is_deleted_and_brought_back(member, visitor):
    page = bring(member, as_file(WORLD))
    page.form("Save").submit(name="The vale", scan_depth="7", token_budget="90", is_recursive="on", is_always="on")
    form = member.page(page.path).form("Save")
    assert (form.fields["name"], form.fields["scan_depth"], form.fields["token_budget"]) == ("The vale", "7", "90")
    assert member.page("/lorebooks").says("always")

    back = member.page(page.path).press("Delete lorebook")
    assert back.says("The vale was deleted.")
    assert member.get(page.path).status_code == 404
    assert back.press("Undo").says("The vale")
    assert visitor.get(page.path).status_code in (302, 303, 404)


def test_the_lorebook_of_a_character_is_changed_in_its_card(member):
    page = member.submit("/characters/new", name="Mara", description="Mara mills rye.")
    lore = member.page(page.link("Add a lorebook").attributes["href"])
    member.page(lore.link("New entry").attributes["href"]).form("Create entry").submit(keys="rye", content="Rye is dear.")

    assert titles(member.page(page.path)) == ["rye"]
    card = json.loads(member.get(f"{page.path}/export?format=json").text)
    (entry,) = card["data"]["character_book"]["entries"]
    assert (entry["keys"], entry["content"], entry["position"]) == (["rye"], "Rye is dear.", "before_char")


def test_those_of_others_are_not_there(member, owner):
    page = bring(member, as_file(WORLD))
    assert owner.get(page.path).status_code == 404
    assert owner.get(f"{page.path}/export").status_code == 404
