"""Dictation: what is said goes into the message, with scripts and without; what isn't a recording is refused."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.api.client import client_of
from tests.conftest import signed_in
from tests.models.providers.test_recordings import spoken
from tests.support.browser import Browser
from tests.support.waiting import seen
from tests.upstream.handle import Upstream
from tests.upstream.server import TRANSCRIPTIONS
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.chat.files.attachments import file
from webapp.engine.tables import Generation
from webapp.settings.service import set_setting

MODEL = "openai/gpt-4o-mini-transcribe"
SAID = {"json": {"text": "Buy oats.", "usage": {"input_tokens": 14, "output_tokens": 3, "cost": 0.0002}}}
MUTE, OPEN = "microphone=()", "microphone=(self)"


@pytest.fixture
def ready(app: Flask, fake: Upstream) -> None:
    """Dictation is set up, and whatever is said is to buy oats."""
    with app.app_context():
        set_setting("voice.dictation_model", MODEL)
    fake.always(SAID, at=TRANSCRIPTIONS)


def dictated(browser: Browser, content: bytes, path: str = "/dictation", **more: Any) -> TestResponse:
    """Sends a recording as the script does."""
    head = b'--edge\r\nContent-Disposition: form-data; name="recording"; filename="recording"\r\n\r\n'
    kind = "multipart/form-data; boundary=edge"
    more["headers"] = {"Accept": "application/json", **more.get("headers", {})}
    return browser.client.post(path, data=head + content + b"\r\n--edge--\r\n", content_type=kind, buffered=True, **more)


def requests(fake: Upstream) -> list[dict[str, Any]]:
    return [entry for entry in fake.log() if entry["path"].endswith(TRANSCRIPTIONS)]


def test_without_a_model_there_is_no_microphone(owner: Browser, fake: Upstream) -> None:
    page = owner.page("/")
    assert not page.all("#composer-dictate, #composer-dictation, [href*=dictation], [data-later*=dictate]")
    assert MUTE in page.headers["Permissions-Policy"]
    refused = dictated(owner, spoken())
    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert not requests(fake)


@pytest.mark.usefixtures("ready")
def test_only_pages_of_chats_can_ask_for_the_microphone(owner: Browser, answered: Callable[..., str]) -> None:
    path = answered(owner)
    for page in (owner.page("/"), owner.page(path)):
        assert page.one("#composer-dictate").attributes["title"] == "Dictate"
        assert OPEN in page.headers["Permissions-Policy"]
    for other in ("/chats", "/settings", f"{path}/share", "/knowledge"):
        assert MUTE in owner.get(other).headers["Permissions-Policy"], other


@pytest.mark.usefixtures("ready")
def test_a_script_gets_what_was_said(app: Flask, owner: Browser, fake: Upstream, answered: Callable[..., str]) -> None:
    for path in ("/dictation", f"{answered(owner)}/dictation"):
        assert dictated(owner, spoken(), path).json == {"text": "Buy oats."}
    sent = requests(fake)[0]["body"]
    assert 'name="file"; filename="recording.wav"\r\nContent-Type: audio/wav' in sent
    assert f'name="model"\r\n\r\n{MODEL}' in sent
    row = seen(lambda: _ended(app), bool)
    assert row
    assert (row.status, row.input_tokens, row.output_tokens, row.cost) == ("completed", 14, 3, "0.0002")
    assert (row.user_id, row.model_asked) == (owner.person_id, MODEL)
    assert "Dictation" in owner.page("/admin/usage").text


def _ended(app: Flask) -> Generation | None:
    with app.app_context():
        rows = db.session.scalars(select(Generation).where(Generation.kind == "transcription")).all()
        return next((row for row in rows if row.cost), None)


@pytest.mark.usefixtures("ready")
def test_without_scripts_it_follows_what_was_typed(owner: Browser, answered: Callable[..., str]) -> None:
    block = file("list.md", "- tea").block
    for path, page_url in (("/dictation", "/"), (f"{(chat := answered(owner))}/dictation", chat)):
        fields = {"key": "", "message": "Please:", "model": "", "part": block}
        said = owner.send(path, {**fields, "recording": (io.BytesIO(spoken()), "memo.wav")}, follow=False)
        assert said.status_code == 303
        assert said.location.partition("#")[0].partition("?")[0] == page_url
        page = owner.page(said.location.partition("#")[0])
        assert page.textbox("Message").value == "Please: Buy oats."
        assert page.one("#composer-chips .chip__name").text() == "list.md"


@pytest.mark.usefixtures("ready")
def test_without_scripts_a_refusal_keeps_what_was_typed(owner: Browser, fake: Upstream) -> None:
    fake.always({"json": {"text": ""}}, at=TRANSCRIPTIONS)
    fields = {"key": "", "message": "Please:", "model": "some/model"}
    said = owner.send("/dictation", {**fields, "recording": (io.BytesIO(spoken()), "memo.wav")}, follow=False)
    page = owner.page(said.location.partition("#")[0])
    assert page.textbox("Message").value == "Please:"
    assert page.says("Nothing was heard.")
    nothing = owner.send("/dictation", fields, follow=False)
    assert owner.page(nothing.location.partition("#")[0]).says("Choose a recording.")


WRONG: list[tuple[bytes, dict[str, Any], int, str, int]] = [
    (b"", SAID, 422, "This recording is empty.", 0),
    (b"<!doctype html><p>Hello", SAID, 422, "isn't a recording", 0),
    (b"\x89PNG\r\n\x1a\n" + bytes(90), SAID, 422, "isn't a recording", 0),
    (spoken(), {"json": {"text": " \n"}}, 422, "Nothing was heard.", 1),
    (spoken(), {"html": "<p>Hello"}, 422, "web page", 1),
    (spoken(), {"json": {"text": 1}}, 422, "didn't return what was said", 1),
    (spoken(), {"json": {"text": "x" * 1_100_000}}, 422, "larger than", 1),
    (spoken(), {"steps": [{"close": "rst"}]}, 503, "connection", 1),
    (spoken(), {"status": 500, "json": {"error": {"message": "Boom"}}}, 503, "Boom", 1),
]


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(("content", "behaviour", "status", "words", "count"), WRONG, ids=[case[3] for case in WRONG])
def test_what_goes_wrong_is_said(
    owner: Browser, fake: Upstream, content: bytes, behaviour: dict[str, Any], status: int, words: str, count: int
) -> None:
    fake.always(behaviour, at=TRANSCRIPTIONS)
    refused = dictated(owner, content)
    assert (refused.status_code, len(requests(fake))) == (status, count)
    assert words in refused.json["detail"]


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("path", ["/dictation", "/api/v1/audio/transcriptions"])
def test_a_large_file_is_refused_before_it_is_read(app: Flask, owner: Browser, fake: Upstream, path: str) -> None:
    program, size = client_of(app, "owner@example.org", "chat"), str(200 * 1024 * 1024)
    refused = dictated(owner, b"", path, headers=program.headers, environ_overrides={"CONTENT_LENGTH": size})
    assert (refused.status_code, refused.json["detail"]) == (413, "This file is too large. The limit is 25 MB.")
    assert not requests(fake)


@pytest.mark.usefixtures("ready")
def test_who_may_not_chat_and_guests_cannot_dictate(app: Flask, owner: Browser, member: Browser, fake: Upstream) -> None:
    assert member.page("/").all("#composer-dictate")
    assert owner.client.put("/api/v1/permissions", json={"roles": {"member": {"chat": False}}}).status_code == 200
    for person in (member, signed_in(app, "guest@example.org", "guest")):
        assert not person.page("/").all("#composer-dictate")
        assert dictated(person, spoken()).status_code == 403
    assert not requests(fake)


def test_a_model_that_no_connection_has_is_refused(make_app: Callable[..., Flask]) -> None:
    with make_app().app_context(), pytest.raises(Invalid, match="No connection has the model gone:whisper"):
        set_setting("voice.dictation_model", "gone:whisper")


@pytest.mark.usefixtures("ready")
def test_a_program_gets_what_was_said_as_from_openai(app: Flask, owner: Browser, fake: Upstream) -> None:
    program = client_of(app, "owner@example.org", "chat")

    def send(content: bytes, **fields: str) -> TestResponse:
        form = {"file": (io.BytesIO(content), "memo.wav"), "model": "whisper-1", **fields}
        return app.test_client().post("/api/v1/audio/transcriptions", data=form, headers=program.headers)

    assert send(spoken(), language="de", temperature="0").json == {"text": "Buy oats."}
    assert 'name="language"\r\n\r\nde' in requests(fake)[0]["body"]
    for fields, name in (({"language": "German"}, "language"), ({"response_format": "srt"}, "response_format")):
        refused = send(spoken(), **fields)
        assert (refused.status_code, list(refused.json["fields"])) == (422, [name])
    fake.always({"json": {"text": ""}}, at=TRANSCRIPTIONS)
    assert send(spoken()).json == {"text": ""}
    assert send(b"no audio").status_code == 422
