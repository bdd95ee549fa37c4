"""The shipped characters: created on the first run, and not again after they are deleted."""

import pytest

from tests.characters.conftest import names
from tests.conftest import signed_in
from webapp.base.db import db, utc_now, write
from webapp.characters import profiles
from webapp.characters.tables import Character
from webapp.operations.starting import shipped_characters
from webapp.operations.starting.shipped_characters import CHARACTERS, PERSONAS
from webapp.people.accounts import tables as account_tables


@pytest.mark.slow
def test_a_first_run_finds_three_characters_and_a_persona(app, member):
    runner = app.test_cli_runner()
    for _ in range(2):
        done = runner.invoke(args=["prepare"])
        assert done.exit_code == 0, done.output

    assert names(member.page("/characters")) == ["Hanne Voss", "Ilario Quill", "Odalys Fenn"]
    assert names(member.page("/personas")) == ["Robin"]


def test_what_was_deleted_does_not_come_again(cast):
    admin = signed_in(cast, "admin@example.org", "admin")
    admin.page("/characters").click("Hanne Voss").press("Delete character")
    with cast.app_context():
        with write():
            db.session.query(Character).filter_by(name="Hanne Voss").one().deleted_at = utc_now().replace(year=2020)
        profiles.CHARACTERS.empty_trash()

        assert shipped_characters.ship() == 0

    assert names(admin.page("/characters")) == ["Ilario Quill", "Odalys Fenn"]


def test_each_has_a_portrait_and_a_note(cast, member):
    for card in member.page("/characters").all(".portrait"):
        response = member.client.get(card.css_first("img").attributes["src"], base_url=member.origin)

        assert response.mimetype == "image/webp"
        assert len(response.data) > 10_000
        assert card.css_first(".portrait__note").text().endswith((".", "?"))


def test_those_of_an_earlier_release_get_their_portraits_once(cast):
    with cast.app_context():
        with write() as session:
            for character in session.query(Character):
                profiles.put_picture(session, character, b"")
                character.card = {}
        assert shipped_characters.ship() == 0
        assert all(character.avatar_id and character.card for character in db.session.query(Character))
        with write() as session:
            profiles.put_picture(session, session.query(Character).filter_by(name="Hanne Voss").one(), b"")
        assert shipped_characters.ship() == 0

        assert not db.session.query(Character).filter_by(name="Hanne Voss").one().avatar_id


def test_what_was_changed_stays_changed(cast):
    admin = signed_in(cast, "admin@example.org", "admin")
    admin.submit(admin.page("/characters").click("Hanne Voss").path + "/edit", name="Hanne V.")
    with cast.app_context():
        assert shipped_characters.ship() == 0
        assert db.session.query(account_tables.Grant).count() == 0
    assert names(admin.page("/characters"))[0] == "Hanne V."


@pytest.mark.parametrize("character", CHARACTERS, ids=lambda character: character["origin"])
def test_each_is_whole(character):
    assert {"name", "description", "greeting", "system_prompt", "post_history_prompt", "tags", "origin", "card"} == set(character)
    assert character["name"] in character["description"]
    assert character["name"] in character["system_prompt"]
    assert character["greeting"].rstrip("*").endswith("?")
    assert len(character["description"]) > 800
    assert 20 < len(character["card"]["creator_notes"]) < 70
    assert not any("  " in text or text != text.strip() for text in character.values() if isinstance(text, str))


def test_the_persona_says_its_name():
    assert all(persona["name"] in persona["description"] for persona in PERSONAS)
