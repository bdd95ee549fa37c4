"""The key of the built-in connection: its sources, and the places where it must never appear."""

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from tests.conftest import KEYS, MakeApp
from tests.support.marks import also_on_postgres
from webapp.base.audit import COMMAND_LINE
from webapp.base.current import CONFIG
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.models.connections import service as connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.connections.purposes import PICTURE_MODEL
from webapp.models.connections.service import ApplicationSettingsService, ConnectionInput
from webapp.settings.secrets.encryption import DecryptionError
from webapp.settings.service import all_settings, set_setting
from webapp.settings.tables import ApplicationSetting

STORED, GIVEN = "sk-or-v1-stored-0123456789", "sk-or-v1-given-0123456789"


def row() -> ApplicationSetting:
    db.session.rollback()
    return db.session.get_one(ApplicationSetting, "openrouter_api_key")


@also_on_postgres
def test_the_stored_key_wins_over_the_environment(make_app: MakeApp) -> None:
    service = ApplicationSettingsService()
    with make_app(OPENROUTER_API_KEY=GIVEN).app_context():
        assert service.get_openrouter_api_key() == GIVEN
        assert (service.openrouter_key().source, service.openrouter_key().last_four) == ("environment", GIVEN[-4:])

        service.set_openrouter_api_key(f"  {STORED}\n")

        assert service.get_openrouter_api_key() == STORED
        assert (service.openrouter_key().source, service.openrouter_key().last_four) == ("stored", STORED[-4:])


def test_without_any_key_there_is_none(inside: None) -> None:
    assert ApplicationSettingsService().get_openrouter_api_key() == ""
    assert ApplicationSettingsService().openrouter_key().source == "none"


def test_only_ciphertext_is_stored_and_it_is_no_setting(inside: None) -> None:
    ApplicationSettingsService().set_openrouter_api_key(STORED)

    assert STORED not in row().ciphertext
    assert row().value == STORED[-4:]
    assert "openrouter_api_key" not in {setting.setting.name for setting in all_settings()}
    assert STORED not in repr(ApplicationSettingsService().openrouter_key())


@pytest.mark.parametrize("key", ["", "  ", "two words", "schlüssel", "a\0b", "x" * 501])
def test_what_no_key_looks_like_is_refused(inside: None, key: str) -> None:
    ApplicationSettingsService().set_openrouter_api_key(STORED)

    with pytest.raises(Invalid):
        ApplicationSettingsService().set_openrouter_api_key(key)
    assert ApplicationSettingsService().get_openrouter_api_key() == STORED


def test_nothing_is_told_of_a_short_key(inside: None) -> None:
    ApplicationSettingsService().set_openrouter_api_key("ollama")

    assert ApplicationSettingsService().openrouter_key().last_four == ""


def test_with_another_encryption_key_it_starts_says_so_and_keeps_the_ciphertext(app: Flask, make_app: MakeApp) -> None:
    with app.app_context():
        ApplicationSettingsService().set_openrouter_api_key(STORED)
        set_setting(PICTURE_MODEL, "maker/painter")
        before = row().ciphertext
    address = CONFIG.of(app).openrouter_base_url

    with make_app(ENCRYPTION_KEY=Fernet.generate_key().decode(), OPENROUTER_BASE_URL=address).app_context():
        with pytest.raises(DecryptionError, match="cannot be read with this ENCRYPTION_KEY"):
            ApplicationSettingsService().get_openrouter_api_key()
        assert ApplicationSettingsService().openrouter_key().last_four == STORED[-4:]
        with pytest.raises(DecryptionError):
            providers().for_model(the_models().default())
        # The same for the model of pictures: it is offered, and says why it can't be used when it is asked.
        assert the_models().is_choosable("maker/painter")
        with pytest.raises(DecryptionError):
            providers().for_model("maker/painter")
        assert row().ciphertext == before
        ApplicationSettingsService().set_openrouter_api_key(GIVEN)
        assert ApplicationSettingsService().get_openrouter_api_key() == GIVEN


def test_a_key_that_lies_under_a_removed_encryption_key_is_back_when_that_is(app: Flask, make_app: MakeApp) -> None:
    address = CONFIG.of(app).openrouter_base_url
    with app.app_context():
        ApplicationSettingsService().set_openrouter_api_key(STORED)
    both = f"{Fernet.generate_key().decode()},{KEYS['ENCRYPTION_KEY']}"

    with make_app(ENCRYPTION_KEY=both, OPENROUTER_BASE_URL=address).app_context():
        assert ApplicationSettingsService().get_openrouter_api_key() == STORED


def test_a_stored_key_does_not_follow_an_operator_to_another_address(app: Flask, make_app: MakeApp) -> None:
    with app.app_context():
        ApplicationSettingsService().set_openrouter_api_key(STORED)

    with (
        make_app(OPENROUTER_BASE_URL="https://elsewhere.example/v1").app_context(),
        pytest.raises(DecryptionError, match="a different address"),
    ):
        ApplicationSettingsService().get_openrouter_api_key()


def test_a_fallback_whose_key_cannot_be_read_is_not_asked(app: Flask, make_app: MakeApp) -> None:
    with app.app_context():
        connections.create(
            "openai", ConnectionInput(name="Ours", base_url="http://127.0.0.1:9/v1", key=STORED), author=COMMAND_LINE
        )
        set_setting("models.fallbacks", "ours:large, fake/large")
        assert providers().chain("fake/plain") == ["fake/plain", "ours:large"]

    with make_app(ENCRYPTION_KEY=Fernet.generate_key().decode(), OPENROUTER_API_KEY=GIVEN).app_context():
        assert providers().chain("fake/plain") == ["fake/plain", "fake/large"]


def test_a_provider_is_made_once_and_again_for_another_key(inside: None) -> None:
    ApplicationSettingsService().set_openrouter_api_key(STORED)
    first = providers().provider("openrouter")
    assert providers().provider("openrouter") is first

    ApplicationSettingsService().set_openrouter_api_key(GIVEN)

    assert providers().provider("openrouter") is not first


def test_each_beat_has_a_provider_of_its_own(inside: None) -> None:
    ApplicationSettingsService().set_openrouter_api_key(STORED)
    usual, slower = (providers().for_model("fake/plain", beats=beats) for beats in (1.0, 1.25))

    assert usual is not slower
    assert (providers().for_model("fake/plain"), providers().for_model("fake/plain", beats=1.25)) == (usual, slower)
