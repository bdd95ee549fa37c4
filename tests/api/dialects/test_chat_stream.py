"""GET /api/chat/<id>/stream: its ticket, its status, and its events for answers that other clients start."""

import gc
import json
from functools import partial
from urllib.parse import urlsplit

import gevent
import pytest
from sqlalchemy import update

from tests.api.dialects.conftest import Program
from tests.support.rounds import ROUNDS
from tests.support.waiting import until
from webapp.base.db import db, write
from webapp.chat.messages import sending
from webapp.chat.record.tables import Message
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.engine.watching import watcher_loop
from webapp.streaming.codec import SseDecoder

SEND = "/api/messages/addUserMessageStreamingMode"


class Listener:
    """One connection to an event stream, which collects events until it is closed."""

    def __init__(self, program: Program, path: str, **headers: str) -> None:
        self.told: list[tuple[str, dict]] = []
        self.ids: list[str] = []
        self.response = program.client.get(path, headers={**program.headers, **headers}, buffered=False)
        self._greenlet = gevent.spawn(self._read)

    def _read(self) -> None:
        decoder = SseDecoder()
        for piece in self.response.iter_encoded():
            for event in decoder.feed(piece):
                self.told.append((event.event, json.loads(event.data)))
                self.ids.append(event.id)

    def names(self) -> list[str]:
        return [name for name, _ in self.told]

    def until(self, *names: str) -> None:
        until(lambda: [name for name in self.names() if name in names][-1:] == [names[-1]], f"{names} after {self.told}")

    @property
    def text(self) -> str:
        start = max(place for place, name in enumerate(self.names()) if name == "state")
        chunks = [data["content"] for name, data in self.told[start:] if name == "chunk"]
        return self.told[start][1]["partialMessage"] + "".join(chunks)

    def close(self) -> None:
        self._greenlet.kill()
        self.response.close()


@pytest.fixture
def listen(program):
    opened = []

    def listen(path, program=program, **headers):
        opened.append(Listener(program, path, **headers))
        return opened[-1]

    yield listen
    for listener in opened:
        listener.close()


@pytest.fixture
def chat(program, fake):
    fake.counts(60, pace=0.005)
    return program.new_chat()


@pytest.mark.slow
def test_it_begins_with_a_state_and_stays_for_one_answer_after_the_other(program, chat, listen, messages):
    listener = listen(f"/api/chat/{chat}/stream")
    listener.until("state")
    assert listener.told == [("state", {"isStreaming": False, "partialMessage": "", "streamId": None, "seq": 0})]

    for number in (1, 2):
        sent = program.post(SEND, chatSessionId=chat, message="Go").json
        until(lambda number=number: listener.names().count("end") == number, "the end")
        assert listener.text == messages(chat)[-1].content
        assert listener.told[-1] == (
            "end",
            {"status": "completed", "streamId": sent["streamId"], "messageId": messages(chat)[-1].id},
        )
    names = [name for name in listener.names() if name != "chunk"]
    assert names == ["state", *["state", "saved", "saved", "end"] * 2]


@pytest.mark.slow
def test_a_ticket_opens_this_chats_stream_and_no_other(app, program, chat, listen):
    sent = program.post(SEND, chatSessionId=chat, message="Go").json
    url = urlsplit(sent["streamUrl"])
    nobody = Program(app)
    other = program.new_chat()

    listener = listen(f"{url.path}?{url.query}", nobody)
    listener.until("state", "end")

    assert sent["chatSessionId"] == chat
    assert program.token not in sent["streamUrl"]
    assert nobody.get(f"/api/chat/{chat}/stream").status_code == 401
    assert nobody.get(f"/api/chat/{other}/stream?{url.query}").status_code in (401, 404)
    assert nobody.get(f"/api/chat/{chat}/stream/status?{url.query}").status_code == 401


@pytest.mark.slow
def test_the_status_says_what_is_being_written(program, make_program, chat, fake):
    fake.counts(4_000, pace=0.05)
    idle = program.get(f"/api/chat/{chat}/stream/status").json
    sent = program.post(SEND, chatSessionId=chat, message="Go").json
    program.until_running(chat)
    busy = program.get(f"/api/chat/{chat}/stream/status").json

    names = {"chatSessionId", "isStreaming", "partialMessage", "streamId", "streamUrl", "status"}
    assert set(idle) == set(busy) == names
    assert (idle["isStreaming"], idle["partialMessage"], idle["streamId"], idle["status"]) == (False, "", None, "idle")
    assert (busy["isStreaming"], busy["streamId"], busy["status"]) == (True, sent["streamId"], "responding")
    assert busy["partialMessage"].startswith("w000001")
    other = make_program("other@example.org")
    assert other.get(f"/api/chat/{chat}/stream/status").status_code == 404
    assert other.get(f"/api/chat/{chat}/stream").status_code == 404
    assert other.post(f"/api/chat/{chat}/stream/cancel").status_code == 404
    led = program.post("/chat/threads", workflow="weekly-checkin").json["thread"]["id"]
    assert program.post(f"/api/chat/{led}/stream/cancel").json == {"streamId": None, "status": "idle"}


@pytest.mark.slow
def test_an_answer_that_goes_on_begins_with_the_text_it_goes_on_from(app, program, chat, listen, fake, messages):
    fake.counts(4_000, pace=0.02)
    program.post(SEND, chatSessionId=chat, message="Go")
    program.until_running(chat)
    program.post(f"/api/chat/{chat}/stream/cancel")
    until(lambda: not program.get(f"/api/chat/{chat}/stream/status").json["isStreaming"], "it is stopped")
    before = messages(chat)[-1]
    listener = listen(f"/api/chat/{chat}/stream")
    listener.until("state")

    fake.counts(60, pace=0.005)
    with app.app_context():
        sending.continue_answer(db.session.get_one(Message, before.id))
    listener.until("state", "end")

    assert listener.told[1][1]["partialMessage"] == before.content
    assert listener.text == messages(chat)[-1].content
    assert [data["role"] for name, data in listener.told if name == "saved"] == ["assistant"]


def test_who_comes_again_after_the_end_is_told_of_it(program, chat, listen, messages):
    events = program.streamed(SEND, chatSessionId=chat, message="Go")
    text = messages(chat)[-1].content
    # The client receives the end shortly before the answer's slot is released.
    until(lambda: not program.get(f"/api/chat/{chat}/stream/status").json["isStreaming"], "it is over")

    first = next(event for event in events if event.event == "chunk")
    missed = listen(f"/api/chat/{chat}/stream", **{"Last-Event-ID": first.id})
    missed.until("state", "end")
    heard = listen(f"/api/chat/{chat}/stream", **{"Last-Event-ID": events[-1].id})
    heard.until("state")

    assert missed.text == text
    assert missed.told[0][1]["isStreaming"] is False
    assert heard.names() == ["state"]
    assert heard.text == ""
    assert program.get(f"/api/chat/{chat}/stream", **{"Last-Event-ID": "superseded"}).status_code == 204


def test_who_missed_a_whole_answer_is_told_of_it(app, program, chat, listen, fake):
    """Both answers have the same number of events, so that a position alone cannot tell them apart."""
    fake.counts(1)
    before = listen(f"/api/chat/{chat}/stream")
    before.until("state")
    first = program.streamed(SEND, chatSessionId=chat, message="Go")
    fake.counts(2)
    second = program.streamed(SEND, chatSessionId=chat, message="Go")
    until(lambda: not program.get(f"/api/chat/{chat}/stream/status").json["isStreaming"], "it is over")

    heard = [listen(f"/api/chat/{chat}/stream", **{"Last-Event-ID": id}) for id in (before.ids[0], first[-1].id)]
    # What the process remembers of an answer is gone after a restart, and after five minutes.
    ENGINE.of(app).logs.topics._logs.clear()
    again = listen(f"/api/chat/{chat}/stream", **{"Last-Event-ID": second[-1].id})
    native = f"/api/v1/generations/{json.loads(second[-1].data)['streamId']}/events"

    for listener in heard:
        listener.until("state", "saved", "end")
        assert listener.text == "w000001 w000002"
    again.until("state")
    assert again.names() == ["state"]
    assert program.get(native, **{"Last-Event-ID": second[-1].id}).status_code == 204


def all_of(program, url, **headers):
    """Returns every event of a stream that ends by itself."""
    response = program.client.get(url, headers={**program.headers, **headers}, buffered=False)
    assert response.status_code == 200, response.text
    decoder = SseDecoder()
    return [(event.event, json.loads(event.data), event.id) for piece in response.iter_encoded() for event in decoder.feed(piece)]


@pytest.mark.parametrize("last_id", ["", "0", "3", "-1", "9" * 30, "nonsense", "end", "end-{streamId}", "end-another"])
@pytest.mark.parametrize("where", ["header", "after"])
def test_an_answer_that_ended_before_its_stream_was_opened_is_told_whole(program, chat, fake, messages, last_id, where):
    fake.counts(3)
    sent = program.post(SEND, chatSessionId=chat, message="Go").json
    until(lambda: not program.get(f"/api/chat/{chat}/stream/status").json["isStreaming"], "it is over")
    last_id, url = last_id.format(**sent), sent["streamUrl"]

    told = all_of(program, url, **{"Last-Event-ID": last_id}) if where == "header" else all_of(program, f"{url}&after={last_id}")

    assert [name for name, _, _ in told] == ["state", "saved", "end"]
    assert told[0][1] == {
        "isStreaming": False,
        "partialMessage": "w000001 w000002 w000003",
        "streamId": sent["streamId"],
        "seq": 0,
    }
    assert told[-1][1] == {"status": "completed", "streamId": sent["streamId"], "messageId": messages(chat)[-1].id}
    # An EventSource that was told everything comes back once, and then no more.
    assert program.get(url, **{"Last-Event-ID": told[-1][2]}).status_code == 204


@pytest.mark.slow
@pytest.mark.rounds
def test_reading_ended_answers_again_and_again_leaves_nothing_behind(program, chat, fake):
    fake.counts(3)
    sent = program.post(SEND, chatSessionId=chat, message="Go").json
    until(lambda: not program.get(f"/api/chat/{chat}/stream/status").json["isStreaming"], "it is over")

    def objects_after(reads: int) -> int:
        for _ in range(reads):
            assert all_of(program, sent["streamUrl"])[-1][0] == "end"
        gc.collect()
        return len(gc.get_objects())

    before, reads = objects_after(50), 500 * ROUNDS
    # Less than one object for each: what is left are entries of caches that have a limit.
    assert objects_after(reads) - before < reads
    assert not any(watcher_loop._slots.values())


@pytest.mark.parametrize(
    ("query", "status"), [("after=-1", 200), ("after=" + "9" * 64, 200), ("after=" + "9" * 65, 422), ("after=%00", 200)]
)
def test_any_position_is_told_from_the_start_or_refused(program, chat, fake, query, status):
    fake.counts(3)
    program.streamed(SEND, chatSessionId=chat, message="Go")
    until(lambda: not program.get(f"/api/chat/{chat}/stream/status").json["isStreaming"], "it is over")
    response = program.client.get(f"/api/chat/{chat}/stream?{query}", headers=program.headers, buffered=False)

    assert response.status_code == status
    if status == 200:
        assert any(b"w000001 w000002 w000003" in piece for piece in response.iter_encoded())
    response.close()


@pytest.mark.parametrize(("status", "is_retryable"), [(400, False), (401, False), (402, False), (500, True)])
def test_a_failure_before_the_stream_was_opened_is_told_as_during_it(program, chat, fake, status, is_retryable):
    fake.always({"status": status, "json": {"error": {"code": status, "message": "No."}}})
    during = {event.event: json.loads(event.data) for event in program.streamed(SEND, chatSessionId=chat, message="Go")}
    sent = program.post(SEND, chatSessionId=chat, message="Go").json
    until(lambda: not program.get(f"/api/chat/{chat}/stream/status").json["isStreaming"], "it is over")

    told = {name: data for name, data, _ in all_of(program, sent["streamUrl"])}

    assert told["error"] == during["error"]
    assert told["error"]["retryable"] is is_retryable
    assert (told["state"]["partialMessage"], told["end"]["status"]) == ("", "failed")


def test_every_stream_url_names_the_answer_and_ends_with_it(program, make_program, chat, fake, messages):
    fake.counts(200, pace=0.005)
    sent = program.post(SEND, chatSessionId=chat, message="Go").json
    program.until_running(chat)
    busy = program.post(SEND, chatSessionId=chat, message="Once more")
    status = program.get(f"/api/chat/{chat}/stream/status").json
    named = f"/api/chat/{chat}/stream?generation={sent['streamId']}"

    assert busy.status_code == 409
    urls = [sent["streamUrl"], busy.json["streamUrl"], status["streamUrl"]]
    assert all(url.startswith(f"{named}&ticket=") for url in urls)
    told = all_of(program, urls[1])
    chunks = [data["content"] for name, data, _ in told if name == "chunk"]
    assert (told[0][1]["isStreaming"], told[-1][0]) == (True, "end")
    assert told[0][1]["partialMessage"] + "".join(chunks) == messages(chat)[-1].content
    other = program.new_chat()
    assert program.get(f"/api/chat/{other}/stream?generation={sent['streamId']}").status_code == 404
    assert program.get(f"/api/chat/{chat}/stream?generation=nothing").status_code == 404
    assert program.get(f"/api/chat/{chat}/stream?generation=%00").status_code == 422
    assert make_program("other@example.org").get(named).status_code == 404


def test_from_the_start_by_the_address_too(program, chat, listen, fake):
    fake.counts(3)
    program.streamed(SEND, chatSessionId=chat, message="Go")
    until(lambda: not program.get(f"/api/chat/{chat}/stream/status").json["isStreaming"], "it is over")
    listener = listen(f"/api/chat/{chat}/stream?after=0")
    listener.until("state", "end")

    assert listener.text == "w000001 w000002 w000003"


def test_failures_are_told_and_the_connection_stays(program, chat, listen, fake):
    fake.always({"status": 400, "json": {"error": {"code": 400, "message": "No."}}})
    listener = listen(f"/api/chat/{chat}/stream")
    listener.until("state")

    program.post(SEND, chatSessionId=chat, message="Go")
    listener.until("state", "error", "end")

    told = dict(listener.told)
    assert set(told["error"]) == {"code", "message", "retryable"}
    assert told["end"]["status"] == "failed"


@pytest.mark.slow
def test_an_answer_whose_owner_is_dead_is_waited_for_without_spinning(app, program, chat, listen):
    sent = program.post(SEND, chatSessionId=chat, message="Go").json
    until(lambda: not program.get(f"/api/chat/{chat}/stream/status").json["isStreaming"], "it is over")
    topic = f"generation:{sent['streamId']}"
    with app.app_context(), write() as session:
        session.execute(update(Generation).where(Generation.id == sent["streamId"]).values(status="running"))
    ENGINE.of(app).logs.topics._logs.pop(topic)

    roleplay = listen(f"/api/chat/{chat}/stream", **{"Last-Event-ID": "57"})
    native = listen(f"/api/v1/generations/{sent['streamId']}/events", **{"Last-Event-ID": "57"})
    roleplay.until("state")

    # A stream in a busy loop would block this request.
    assert program.get("/api/v1/me").status_code == 200
    assert (roleplay.text, native.names()) == ("", [])


@pytest.mark.slow
def test_what_a_dead_owner_had_said_is_told_at_its_end(app, program, chat, listen, messages, monkeypatch):
    monkeypatch.setattr(watcher_loop, "HEARTBEAT_SECONDS", 0.1)
    sent = program.post(SEND, chatSessionId=chat, message="Go").json
    until(lambda: not program.get(f"/api/chat/{chat}/stream/status").json["isStreaming"], "it is over")
    text = messages(chat)[-1].content
    status = partial(_set_status, app, sent["streamId"])
    status("running")
    ENGINE.of(app).logs.topics._logs.pop(f"generation:{sent['streamId']}")
    roleplay = listen(f"/api/chat/{chat}/stream", **{"Last-Event-ID": "57"})
    native = listen(f"/api/v1/generations/{sent['streamId']}/events", **{"Last-Event-ID": "57"})
    roleplay.until("state")

    status("interrupted")
    roleplay.until("state", "end")
    native.until("snapshot", "ended")

    assert roleplay.text == text
    assert [data["text"] for name, data in native.told if name in ("snapshot", "delta")] == [text]
    # Only the last event has the id `end`: a client that disconnects earlier must be allowed to reconnect.
    assert [name for name, id in zip(native.names(), native.ids, strict=True) if id == "end"] == ["ended"]


def _set_status(app, id, status):
    with app.app_context(), write() as session:
        session.execute(update(Generation).where(Generation.id == id).values(status=status))


def test_the_comment_that_keeps_a_connection_open_is_a_ping(program, chat, monkeypatch):
    monkeypatch.setattr(watcher_loop, "HEARTBEAT_SECONDS", 0.05)
    response = program.client.get(f"/api/chat/{chat}/stream", headers=program.headers, buffered=False)
    pieces = response.iter_encoded()

    assert [next(pieces), b"event: state" in next(pieces), next(pieces)] == [b": ping\n\n", True, b": ping\n\n"]
    response.close()


@pytest.mark.parametrize("path", ["/api/chat/{chatSessionId}/stream/status", "/api/v1/generations/{streamId}"])
def test_who_polls_is_there(app, program, chat, fake, path):
    fake.counts(3000, pace=0.01)
    sent = program.post(SEND, chatSessionId=chat, message="Go").json
    presence = ENGINE.of(app).presence
    presence._seen[f"chat:{chat}"] -= 100

    assert program.get(path.format(**sent)).status_code == 200
    assert presence.seconds_alone(f"chat:{chat}") < 100
    program.post(f"/api/chat/{chat}/stream/cancel")
