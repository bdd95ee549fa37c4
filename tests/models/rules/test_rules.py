"""Rules choose the model before the ladder: in their order, never against a person's choice, and said where it shows."""

from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client
from tests.api.conftest import admin, program
from tests.chat.conftest import asked
from tests.support.browser import Browser
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.base.audit import COMMAND_LINE
from webapp.base.errors import Invalid
from webapp.engine.engine import ENGINE
from webapp.models.rules.rules import KINDS, ModelRule, ModelRuleInput, Occasion, fits, rule_from, rules_in, sentence
from webapp.settings.service import set_settings

__all__ = ["admin", "app", "program"]
RULES = "/model-rules"
USUAL, LONG, TITLE = "some/model", "fake/plain", "fake/other"


@pytest.fixture(autouse=True)
def listed(app: Flask, fake: Upstream, admin: Client) -> None:
    fake.always({"json": {"data": [{"id": name} for name in (USUAL, LONG, TITLE)]}}, at="/models")
    admin.said("POST", "/connections/openrouter/test", 200)


def put(admin: Client, *rules: dict[str, Any]) -> list[dict[str, Any]]:
    stored: list[dict[str, Any]] = admin.said("PUT", RULES, 200, {"rules": list(rules)})["rules"]
    return stored


def answered(client: Client, message: str = "Hello", **body: Any) -> dict[str, Any]:
    sent = client.post("/chats", {"message": message, **body}, status=201)["sent"]
    return sent | client.ended(sent)


def models_asked(fake: Upstream) -> list[str]:
    return [entry["body"]["model"] for entry in asked(fake)]


def test_the_first_that_fits_chooses_and_says_so(
    app: Flask, admin: Client, program: Client, member: Browser, fake: Upstream
) -> None:
    with app.app_context():
        set_settings({"models.titles": "off"}, author=COMMAND_LINE)
    rules = put(admin, {"model": TITLE, "kind": "title"}, {"model": LONG, "kind": "chat", "least_chars": 20})
    assert [rule["sentence"] for rule in rules] == [
        "For titles of chats: Other.",
        "For chats of at least 20 characters: Plain.",
    ]
    assert admin.get(RULES)["rules"] == rules
    short, long = answered(program), answered(program, "A message that is long enough for the rule.")
    assert models_asked(fake) == [USUAL, LONG]
    rule = "Rule 2 chose the model. For chats of at least 20 characters: Plain."
    assert [program.get(f"/generations/{one['generation_id']}")["rule"] for one in (short, long)] == ["", rule]
    assert member.page(f"/generations/{long['generation_id']}/sent").says(rule)
    assert member.page(f"/chats/{long['chat_id']}").says("by rule 2")
    assert program.get(f"/chats/{long['chat_id']}")["model"] == USUAL


def test_a_choice_of_a_person_stays_unless_the_rule_says_otherwise(admin: Client, program: Client, fake: Upstream) -> None:
    put(admin, {"model": LONG, "kind": "chat"})
    answer = answered(program, model=TITLE)
    # Also one for a single answer, and the usual model where it was asked for by name.
    program.ended(program.post(f"/messages/{answer['message_id']}/regenerate", {"model": USUAL}, status=202))
    put(admin, {"model": LONG, "kind": "chat", "overrules": True})
    answered(program, model=TITLE)
    assert models_asked(fake) == [TITLE, USUAL, LONG]


def test_a_rule_whose_model_is_gone_is_skipped_and_said(
    app: Flask, admin: Client, owner: Browser, program: Client, fake: Upstream
) -> None:
    put(admin, {"model": TITLE, "kind": "chat"}, {"model": LONG, "kind": "chat"})
    with app.app_context():
        set_settings({"models.allowed": f"{USUAL}, {LONG}"}, author=COMMAND_LINE)
    answer = answered(program)
    assert models_asked(fake) == [LONG]
    words = program.get(f"/generations/{answer['generation_id']}")["rule"]
    assert words.startswith("Rule 2 chose the model.")
    assert "Rule 1 was skipped" in words
    assert owner.page("/admin/rules").says("Skipped: its model isn't available right now.")
    assert [rule["is_skipped"] for rule in admin.get(RULES)["rules"]] == [True, False]


def test_titles_and_programs_have_rules_too(app: Flask, admin: Client, program: Client, fake: Upstream) -> None:
    put(admin, {"model": TITLE, "kind": "title"}, {"model": LONG, "kind": "door"})
    answered(program)
    titles = fake.until(lambda _: fake.titles()) and fake.titles()
    assert titles[0]["body"]["model"] == TITLE
    for name in ("default", USUAL):
        program.post("/v1/chat/completions", {"model": name, "messages": [{"role": "user", "content": "Hello"}]})
    assert models_asked(fake)[-2:] == [LONG, USUAL]


def test_a_group_is_that_of_whoever_asks(admin: Client, program: Client, member: Browser, fake: Upstream) -> None:
    group = admin.post("/groups", {"name": "Writers"}, status=201)["id"]
    admin.said("PUT", f"/groups/{group}/members/{member.person_id}", 200)
    (rule,) = put(admin, {"model": LONG, "kind": "chat", "group_id": group})
    assert "for people in Writers" in rule["sentence"]
    answered(program)
    answered(admin)
    assert models_asked(fake) == [LONG, USUAL]


def test_rules_are_made_moved_tried_and_deleted_by_forms(owner: Browser) -> None:
    page = owner.submit("/admin/rules", model=LONG, kind="chat", least_chars="500")
    page = owner.submit("/admin/rules", model=TITLE, kind="chat")
    assert [" ".join(item.css_first(".sortable__name").text().split()) for item in page.all("main ol.rules > li")] == [
        "1. For chats of at least 500 characters: Plain.",
        "2. For chats: Other.",
    ]
    page = owner.page("/admin/rules").press("Which rule would apply?", chars="600")
    assert page.says("Rule 1 chose the model. For chats of at least 500 characters: Plain. Plain would answer.")
    page = owner.page("/admin/rules").press("Move down: For chats of at least 500 characters: Plain.")
    page = page.press("Which rule would apply?", chars="600")
    assert page.says("Other would answer.")
    page = owner.page("/admin/rules").click("Change : For chats: Other.")
    page = page.press("Save", from_hour="22", to_hour="6", overrules="y")
    assert page.says("1. For chats, from 22:00 to 6:00: Other, also where a person has chosen another model.")
    page = page.press("Delete: For chats, from 22:00 to 6:00: Other, also where a person has chosen another model.")
    assert len(page.all("main ol.rules > li")) == 1


@pytest.mark.parametrize(
    "wrong",
    [{}, {"model": "no/such"}, {"kind": "everything"}, {"least_chars": 5, "most_chars": 4}, {"from_hour": 24}, {"group_id": "x"}],
)
def test_what_makes_no_rule_is_refused(admin: Client, wrong: dict[str, Any]) -> None:
    rule = wrong if not wrong else {"model": LONG, **wrong}
    admin.said("PUT", RULES, 422, {"rules": [rule]})
    admin.said("PUT", "/settings/models.rules", 422, {"value": "nonsense"})
    admin.said("PUT", RULES, 422, {"rules": [{"model": LONG}] * 51})
    assert admin.get(RULES)["rules"] == []


def test_each_kind_is_one_of_the_engine(app: Flask) -> None:
    kinds = {kind.name for kind in ENGINE.of(app).kinds.values()}
    assert set(KINDS) <= kinds, kinds


FITTING = [
    (ModelRuleInput(model="m"), {}, True),
    (ModelRuleInput(model="m", kind="plan"), {}, False),
    (ModelRuleInput(model="m", least_chars=10), {"chars": 9}, False),
    (ModelRuleInput(model="m", least_chars=10, most_chars=10), {"chars": 10}, True),
    (ModelRuleInput(model="m", most_chars=10), {"chars": 11}, False),
    (ModelRuleInput(model="m", pictures="with"), {}, False),
    (ModelRuleInput(model="m", pictures="with"), {"has_pictures": True}, True),
    (ModelRuleInput(model="m", pictures="without"), {"has_pictures": True}, False),
    (ModelRuleInput(model="m", group_id="g"), {}, False),
    (ModelRuleInput(model="m", group_id="g"), {"groups": frozenset("gh")}, True),
    (ModelRuleInput(model="m", from_hour=8, to_hour=18), {"hour": 17}, True),
    (ModelRuleInput(model="m", from_hour=8, to_hour=18), {"hour": 18}, False),
    (ModelRuleInput(model="m", from_hour=22, to_hour=6), {"hour": 23}, True),
    (ModelRuleInput(model="m", from_hour=22, to_hour=6), {"hour": 5}, True),
    (ModelRuleInput(model="m", from_hour=22, to_hour=6), {"hour": 6}, False),
    (ModelRuleInput(model="m", from_hour=0, to_hour=24), {"hour": 23}, True),
    (ModelRuleInput(model="m"), {"is_chosen": True}, False),
    (ModelRuleInput(model="m", overrules=True), {"is_chosen": True}, True),
]


@pytest.mark.parametrize(("entered", "facts", "is_fitting"), FITTING)
def test_a_rule_fits_and_is_stored_as_it_was(entered: ModelRuleInput, facts: dict[str, Any], is_fitting: bool) -> None:
    rule = ModelRule.from_input("one", entered)
    assert fits(rule, Occasion("chat", **facts)) == is_fitting
    assert rule_from(rule.as_text()) == rule
    assert not {*rule.as_text()} & {" ", ","}
    assert sentence(rule, "Model", "Group").endswith(".")


def test_a_rule_of_another_version_is_left_out() -> None:
    there = ModelRule("one", "m", kind="chat").as_text()
    assert rules_in((there, "id=two&model=m&weekday=3", "nonsense")) == (rule_from(there),)
    with pytest.raises(Invalid):
        rule_from("id=two&model=m&weekday=3")
