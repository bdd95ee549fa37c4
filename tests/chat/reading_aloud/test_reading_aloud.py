"""The server's voice: for whom, what it costs, what is refused, and the page that plays a whole answer."""

from decimal import Decimal

import gevent
import pytest
from sqlalchemy import select

from tests.api.client import client_of
from tests.conftest import signed_in
from tests.models.providers.test_voices import MP3, sends, tone
from tests.support.waiting import until
from tests.upstream.server import SPEECH
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.models.providers.demo import NO_VOICE
from webapp.operations.budgets import service as budgets
from webapp.operations.budgets.service import BudgetInput
from webapp.settings.service import set_setting
from webapp.workspace.reading_aloud import service

OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(autouse=True)
def voice(app, fake):
    with app.app_context():
        set_setting("voice.reading_model", "some/voice")
        set_setting(service.VOICE, "alloy")
    fake.always(sends(MP3), at=SPEECH)


def said(fake) -> list[str]:
    return [entry["body"]["input"] for entry in fake.posts() if entry["path"].endswith(SPEECH)]


def records(app) -> list[tuple[str, str, str]]:
    until(lambda: not ENGINE.of(app).live, "nothing runs")
    with app.app_context():
        rows = db.session.scalars(select(Generation).where(Generation.kind == "speech").order_by(Generation.id))
        return [(row.status, row.reason, row.model_asked) for row in rows]


def test_a_sentence_is_heard_and_recorded(app, owner, fake):
    reply = owner.client.post("/speech", data={"text": "One is here."}, headers=OURS)
    assert (reply.status_code, reply.content_type, reply.data) == (200, "audio/mpeg", MP3)
    assert reply.headers["Cache-Control"] == "no-store"
    assert records(app) == [("completed", "stop", "some/voice")]
    assert "Reading aloud" in owner.page("/admin/usage").text


@pytest.mark.parametrize(("text", "status"), [("", 422), ("a" * 601, 422), ("a" * 100_000, 422), (" \n ", 422)])
def test_what_is_no_sentence_is_refused(owner, fake, text, status):
    assert owner.post("/speech", text=text, headers={"Accept": "application/json"}).status_code == status
    assert said(fake) == []


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"html": "<p>Welcome"}, "returned a web page"),
        (sends(b"no audio, but long enough"), "didn't return audio"),
        ({"status": 401, "json": {"error": {"message": "no"}}}, "rejected the key"),
    ],
)
def test_a_failure_says_why(app, owner, fake, behaviour, words):
    fake.always(behaviour, at=SPEECH)
    page = owner.post("/speech", text="One.", headers={"Accept": "application/json"})
    assert page.status_code == 503
    assert words in page.text
    assert records(app)[0][0] == "failed"


def test_guests_and_people_without_a_model_have_none(app, owner, fake):
    guest = signed_in(app, "guest@example.org", "guest")
    assert guest.post("/speech", text="One.").status_code == 403
    with app.app_context():
        set_setting("voice.reading_model", "")
    assert owner.post("/speech", text="One.").status_code == 409
    assert not owner.page("/settings/chats").says("Read aloud with")
    assert said(fake) == []


def test_only_a_model_of_a_connection_can_be_chosen(owner):
    page = owner.post("/admin/settings/voice", **{"voice.reading_model": "demo/quick"})
    assert page.status_code == 422
    assert page.says(NO_VOICE)


def test_a_budget_counts_and_refuses_it(app, owner, fake):
    with app.app_context():
        budgets.create(BudgetInput(who="team", unit="tokens", limit=Decimal(5), period="day"), author=COMMAND_LINE)
    assert owner.client.post("/speech", data={"text": "One is here."}, headers=OURS).status_code == 200
    records(app)
    page = owner.post("/speech", text="And much more, which is longer than what is left.")
    assert page.status_code == 402
    assert said(fake) == ["One is here."]


def test_a_person_has_few_at_once(app, owner, fake):
    fake.always({"steps": [{"hang": True}], "headers": {"Content-Type": "audio/mpeg"}}, at=SPEECH)
    waiting = [gevent.spawn(owner.post, "/speech", text=f"Sentence {number}.") for number in range(service.MOST_AT_ONCE)]
    until(lambda: len(said(fake)) == service.MOST_AT_ONCE, "all are asked for")
    assert owner.post("/speech", text="One more.").status_code == 429
    for live in list(ENGINE.of(app).live.values()):
        live.run.stop.request("user")
    gevent.joinall(waiting)


def test_a_program_has_a_text_read(app, owner, fake):
    fake.always(sends(tone(), kind="audio/wav"), at=SPEECH)
    program = client_of(app, owner.email)
    body = {"input": "Hello.", "voice": "nova", "response_format": "wav", "model": "tts-1"}
    reply = program.call("POST", "/audio/speech", body)
    assert (reply.status_code, reply.content_type, reply.data) == (200, "audio/wav", tone())
    asked = fake.posts()[-1]["body"]
    assert asked == {"model": "some/voice", "input": "Hello.", "voice": "nova", "response_format": "wav"}
    for wrong in ({}, {"input": ""}, {"input": "a" * 4_097}, {"input": "a", "response_format": "pcm"}, {"input": 1}):
        assert program.call("POST", "/audio/speech", wrong).status_code == 422


def test_a_whole_answer_is_played_without_scripts(app, owner, answered, fake):
    fake.says(f"{'One is here. ' * 30}\n\n```\ncode\n```\n\nThe end.")
    page = owner.page(answered(owner, "Say"))
    id = page.message_ids[-1]
    assert owner.page(f"/messages/{id}/actions").link("Listen")
    listen = owner.page(f"/messages/{id}/speech")
    assert "media-src 'self'" in listen.headers["Content-Security-Policy"]
    assert said(fake) == []
    player = str(listen.one("audio").attributes["src"])
    reply = owner.client.get(player, headers={"Sec-Fetch-Dest": "audio"})
    assert (reply.status_code, reply.content_type, reply.data) == (200, "audio/mpeg", MP3 * 2)
    assert " ".join(said(fake)) == f"{'One is here. ' * 30}The end."
    # Heard again, it isn't paid again.
    again = owner.client.get(player, headers={"Sec-Fetch-Dest": "audio", "If-None-Match": reply.headers["ETag"]})
    assert again.status_code == 304
    assert owner.client.get(player, headers={"Sec-Fetch-Dest": "document"}).status_code == 303
    assert len(said(fake)) == 2


def test_a_long_answer_is_cut_and_one_without_words_says_so(owner, answered, fake):
    fake.says("Word and word. " * 2_000)
    page = owner.page(answered(owner, "Say"))
    assert owner.page(f"/messages/{page.message_ids[-1]}/speech").says("only its first 20,000 characters are read")
    fake.says("```\ncode\n```")
    page = owner.page(answered(owner, "Code"))
    silent = owner.page(f"/messages/{page.message_ids[-1]}/speech")
    assert silent.says("There's nothing to read")
    assert not silent.all("audio")
    assert owner.client.get(f"/messages/{page.message_ids[-1]}/speech/audio").status_code == 303
