"""The fields that a character's card keeps: edited one by one, sent as one description, and exported in their own places."""

import json
from typing import Any

import pytest

from tests.api.client import Client, client_of
from tests.characters.card_samples import V1, V2, V3, as_json, bring
from tests.characters.test_exporting import with_more
from webapp.base.db import db, write
from webapp.characters.cards.card_fields import COLUMNS, kept_fields, talkativeness_of, with_fields
from webapp.characters.cards.cards import data_of, fields_of
from webapp.characters.tables import Character

CARDS = [V1, V2, V3, with_more(V1), with_more(V2), with_more(V3)]
DESCRIBED = "Mara mills rye.\n\nPersonality:\nCurt.\n\nScenario:\nA mill at dusk."


@pytest.fixture
def program(app, member) -> Client:
    return client_of(app, member.email)


def columns_of(card: dict[str, Any]) -> dict[str, str]:
    return {name: fields_of(card)[name] for name in COLUMNS}


def id_of_only(app) -> str:
    with app.app_context():
        return str(db.session.scalars(db.select(Character.id)).one())


@pytest.mark.parametrize("card", CARDS)
def test_what_nobody_edits_stays_exactly_as_it_was(card):
    kept = kept_fields(card, columns_of(card))

    assert with_fields(card, kept) == (card, columns_of(card))


@pytest.mark.parametrize("card", CARDS)
def test_one_edited_field_changes_nothing_else(card):
    kept = kept_fields(card, columns_of(card))

    written, columns = with_fields(card, kept | {"personality": "{{char}} is kind."})

    assert data_of(written) == data_of(card) | {"personality": "{{char}} is kind."}
    named = "M" if "nickname" in data_of(card) else "{{char}}"
    assert f"\n\nPersonality:\n{named} is kind.\n\nScenario:\nA mill at dusk." in columns["description"]
    assert columns | {"description": ""} == columns_of(card) | {"description": ""}
    assert kept_fields(written, columns) == kept | {"personality": "{{char}} is kind."}


def test_a_description_that_was_edited_whole_has_no_parts():
    columns = columns_of(V2) | {"description": "Mara sails.", "greeting": "Ahoy."}

    kept = kept_fields(V2, columns)
    written, after = with_fields(V2, kept | {"scenario": "At sea."})

    assert (kept["description"], kept["personality"], kept["greeting"]) == ("Mara sails.", "", "Ahoy.")
    assert after["description"] == "Mara sails.\n\nScenario:\nAt sea."
    assert (written["data"]["personality"], written["data"]["mes_example"], written["data"]["first_mes"]) == ("", "", "Ahoy.")


def test_a_new_nickname_takes_its_place_in_every_text():
    kept = kept_fields(V3, columns_of(V3))

    written, columns = with_fields(V3, kept | {"nickname": "Em", "greeting": "{{char}} here."})

    assert (columns["system_prompt"], columns["greeting"]) == ("Be Em.", "Em here.")
    assert columns["description"].startswith("Em mills rye.")
    assert written["data"]["system_prompt"] == V3["data"]["system_prompt"]
    assert kept_fields(written, columns)["greeting"] == "{{char}} here."


@pytest.mark.parametrize(
    ("field", "value", "there"),
    [
        ("creator", "Al", {"creator": "Al"}),
        ("version", "2", {"character_version": "2"}),
        ("note_depth", 2, {"extensions": {"depth_prompt": {"prompt": "Rye.", "depth": 2, "role": "system"}, "weight": 0.5}}),
        ("talkativeness", 0.9, {"extensions": {**V2["data"]["extensions"], "talkativeness": 0.9}}),
    ],
)
def test_the_rarer_fields_go_where_other_programs_look(field, value, there):
    written, columns = with_fields(V2, kept_fields(V2, columns_of(V2)) | {field: value})

    assert (written["data"], columns) == (V2["data"] | there, columns_of(V2))


def test_a_card_of_version_1_becomes_version_2_for_what_that_lacks():
    written, _ = with_fields(V1, kept_fields(V1, columns_of(V1)) | {"character_note": "Rye."})

    assert (written["spec"], data_of(written)["personality"]) == ("chara_card_v2", "Curt.")
    assert data_of(written)["extensions"]["depth_prompt"] == {"prompt": "Rye.", "depth": 4, "role": "system"}


@pytest.mark.parametrize(
    ("value", "weight"), [("0.3", 0.3), (1, 1.0), ("x", 0.5), ("nan", 0.5), (None, 0.5), ([], 0.5), (7, 1.0), (-1, 0.0)]
)
def test_talkativeness_is_a_share_whatever_a_card_says(value, weight):
    assert talkativeness_of(value) == weight


def test_an_imported_card_is_edited_field_by_field(member, app):
    bring(member, ("mara.json", as_json(V2)))
    path = f"/characters/{id_of_only(app)}"

    form = member.page(f"{path}/edit")
    values = {label: form.textbox(label).value for label in ("Description", "Personality", "Scenario", "Character's note")}
    page = member.submit(f"{path}/edit", scenario="A mill at <dawn>.", talkativeness="0.8", note_role="assistant")

    assert values == {
        "Description": "{{char}} mills rye.",
        "Personality": "Curt.",
        "Scenario": "A mill at dusk.",
        "Character's note": "Rye.",
    }
    assert page.says("Saved.")
    assert "Personality:\nCurt.\n\nScenario:\nA mill at <dawn>." in page.all(".part pre")[-3].text()
    exported = json.loads(member.client.get(f"{path}/export?format=json", base_url=member.origin).data)
    note = {"prompt": "Rye.", "depth": 4, "role": "assistant"}
    extensions = {**V2["data"]["extensions"], "depth_prompt": note, "talkativeness": 0.8}
    assert exported == V2 | {"data": V2["data"] | {"scenario": "A mill at <dawn>.", "extensions": extensions}}


def test_fields_can_be_emptied_and_wrong_ones_are_refused_in_place(member, app):
    member.submit("/characters/new", name="Mara", description="Mara mills rye.", personality="Curt.", nickname="M")
    path = f"/characters/{id_of_only(app)}/edit"

    for field, label, value, words in (
        ("note_depth", "Depth of the note", "-1", "Enter a whole number from 0 to 10,000."),
        ("talkativeness", "Talkativeness", "2", "Enter a number from 0 to 1."),
        ("nickname", "Nickname", "x" * 121, "Enter one line of up to 120 characters."),
        ("personality", "Description", "x" * 99_999, "Together, description, personality"),
    ):
        page = member.submit(path, **{field: value})
        assert page.status_code == 422
        assert words in page.error_at(label)
    member.submit(path, personality="", nickname="")

    with app.app_context():
        assert db.session.scalars(db.select(Character.description)).one() == "Mara mills rye."
    assert member.page(path).textbox("Nickname").value == ""


def test_programs_set_them_too_and_an_old_one_keeps_them(program):
    made = program.post("/characters", {"name": "Mara", "personality": "Curt.", "scenario": "A mill at dusk."}, status=201)
    path = f"/characters/{made['id']}"

    changed = program.said("PATCH", path, 200, {"description": "Mara mills rye."})

    assert (changed["description"], changed["personality"], changed["talkativeness"]) == ("Mara mills rye.", "Curt.", 0.5)
    assert changed["card"]["data"]["personality"] == "Curt."
    assert program.get("/characters")["characters"][0]["description"] == DESCRIBED
    assert program.said("PATCH", path, 200, {"scenario": "", "note_depth": 1})["scenario"] == ""
    assert program.said("PATCH", path, 422, {"note_role": "narrator"})["code"]


def test_a_change_of_something_else_leaves_a_shorter_description_of_an_earlier_release(program, member, app):
    card = {"spec": "chara_card_v2", "data": {"name": "Mara", "description": "Mills.", "mes_example": "x" * 30_000}}
    with app.app_context(), write() as session:
        session.add(Character(owner_id=member.person_id, name="Mara", description="Mills.", tags=[], card=card))
    path = f"/characters/{id_of_only(app)}"

    changed = program.said("PATCH", path, 200, {"tags": ["mill"]})

    assert (changed["card"], program.get("/characters")["characters"][0]["description"]) == (card, "Mills.")
