"""A microphone, a voice and pictures appear by themselves once a connection lists a model for them, and go when they are off."""

from base64 import b64encode
from io import BytesIO

import pytest
from flask import Flask

from tests.chat.test_files import drawn
from tests.conftest import signed_in
from tests.models.providers.test_recordings import spoken
from tests.models.providers.test_voices import MP3, sends
from tests.settings.test_connections import add
from tests.settings.test_many_models import offered
from tests.support.browser import Browser
from tests.upstream.handle import Upstream as Fake
from tests.upstream.server import PICTURES, SPEECH, TRANSCRIPTIONS
from webapp.base.db import utc_now, write
from webapp.base.ids import new_id
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.purposes import DICTATION_MODEL, MARKS
from webapp.models.connections.tables import Connection
from webapp.models.providers.base import Model
from webapp.models.providers.openrouter import BASE_URL
from webapp.settings.service import set_setting
from webapp.tools.built_in.make_picture import unavailable

IDS = ("chatty", "whisper-1", "tts-1", "gpt-image-1")
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def listed(owner: Browser, fake: Fake) -> None:
    """A connection lists a model for each purpose."""
    fake.always({"json": {"data": [{"id": id} for id in IDS]}}, at="/models")
    add(owner, fake, name="Home")


def taken(app: Flask) -> list[str]:
    with app.app_context():
        the_connections().forget()
        return [the_models().model_for(purpose) for purpose in MARKS]


def has_picture_command(browser: Browser) -> bool:
    return "/picture" in browser.get("/mentions?sign=/&chat=").text


def has_voice(browser: Browser) -> bool:
    return browser.page("/settings/chats").says("Read aloud with")


def test_without_a_model_for_it_there_is_none_of_them(app: Flask, owner: Browser, fake: Fake) -> None:
    add(owner, fake, name="Home")
    assert taken(app) == ["", "", ""]
    assert not owner.page("/").all("#composer-dictate")
    assert not has_picture_command(owner)


@pytest.mark.usefixtures("listed")
def test_pages_have_them_by_themselves(app: Flask, owner: Browser, member: Browser) -> None:
    assert taken(app) == ["home:whisper-1", "home:tts-1", "home:gpt-image-1"]
    for person in (owner, member):
        assert person.page("/").all("#composer-dictate")
        assert has_picture_command(person)
        assert has_voice(person)
    with app.app_context():
        assert not unavailable()
    assert not signed_in(app, "guest@example.org", "guest").page("/").all("#composer-dictate")


@pytest.mark.usefixtures("listed")
def test_they_work(owner: Browser, fake: Fake) -> None:
    fake.always({"json": {"text": "Buy oats."}}, at=TRANSCRIPTIONS)
    fake.always(sends(MP3), at=SPEECH)
    fake.always({"json": {"data": [{"b64_json": b64encode(drawn()).decode()}]}}, at=PICTURES)
    assert owner.client.post("/api/v1/images", json={"prompt": "An otter"}, headers=OURS).status_code == 201
    files = {"file": (BytesIO(spoken()), "memo.wav")}
    assert owner.client.post("/api/v1/audio/transcriptions", data=files, headers=OURS).json == {"text": "Buy oats."}
    assert owner.client.post("/speech", data={"text": "One is here."}, headers=OURS).data == MP3
    heard = next(entry["body"] for entry in fake.posts() if entry["path"].endswith(SPEECH))
    assert (heard["model"], heard["voice"]) == ("tts-1", "alloy")


@pytest.mark.usefixtures("listed")
def test_off_switches_each_off(app: Flask, owner: Browser) -> None:
    for purpose in MARKS:
        with app.app_context():
            set_setting(purpose, "off")
    assert taken(app) == ["", "", ""]
    assert not owner.page("/").all("#composer-dictate")
    assert not has_picture_command(owner)
    assert not has_voice(owner)
    with app.app_context():
        assert unavailable()


@pytest.mark.usefixtures("listed")
def test_what_an_admin_chooses_comes_first(app: Flask) -> None:
    with app.app_context():
        set_setting(DICTATION_MODEL, "home:chatty")
    assert taken(app)[0] == "home:chatty"


@pytest.mark.usefixtures("listed")
def test_only_allowed_models_are_taken(app: Flask) -> None:
    with app.app_context():
        set_setting("models.allowed", "home:chatty, home:tts-1")
    assert taken(app) == ["", "home:tts-1", ""]


@pytest.mark.parametrize(("kind", "address"), [("openai", BASE_URL), ("anthropic", "http://127.0.0.1:9/v1")])
def test_servers_that_take_other_requests_are_passed_over(app: Flask, kind: str, address: str) -> None:
    with app.app_context(), write() as session:
        models = [Model(id, id).as_record() for id in IDS]
        session.add(
            Connection(id=new_id(), slug="far", name="Far", kind=kind, base_url=address, models=models, models_at=utc_now())
        )
    assert "far:whisper-1" in offered(app) or kind == "anthropic"
    assert taken(app) == ["", "", ""]


@pytest.mark.usefixtures("listed")
def test_the_first_connection_keeps_its_part(app: Flask, owner: Browser, fake: Fake) -> None:
    fake.always({"json": {"data": [{"id": "gpt-4o-transcribe"}]}}, at="/models")
    add(owner, fake, name="Later")
    assert "later:gpt-4o-transcribe" in offered(app)
    assert taken(app)[0] == "home:whisper-1"
    owner.post("/admin/connections/home/off")
    assert taken(app) == ["later:gpt-4o-transcribe", "", ""]
