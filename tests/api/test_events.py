"""GET /api/v1/generations/<id>/events: from every position, while the answer is written and afterwards."""

import json

import gevent
import pytest
from flask import Flask
from sqlalchemy import delete

from tests.api.client import Client, decoded, text_of
from webapp.base.db import write
from webapp.engine.engine import ENGINE
from webapp.engine.watching import watcher_loop
from webapp.people.accounts.tables import ApiToken
from webapp.settings.service import set_setting


def counted(program: Client, fake, tokens: int = 60, **how) -> tuple[dict, str]:
    """Starts an answer of some events; returns it with the path of its event stream."""
    fake.counts(tokens, **how)
    sent = program.post("/chats", {"message": "Count."}, status=201)["sent"]
    return sent, f"/generations/{sent['generation_id']}/events"


@pytest.mark.slow
def test_from_every_position_the_rest_is_the_rest_of_the_stored_text(program: Client, fake, app: Flask) -> None:
    with app.app_context():
        set_setting("stream.coalesce_ms", "0")
    sent, path = counted(program, fake, pace=0.02)
    whole, stored = program.events(path), program.ended(sent)["content"]
    assert [event.id for event in whole] == [str(number) for number in range(1, len(whole) + 1)]
    assert text_of(whole) == stored
    assert sum(event.event == "delta" for event in whole) > 5

    for place in range(1, len(whole)):
        rest = program.events(path, query={"after": place}) if place % 2 else program.events(path, Last_Event_ID=str(place))
        assert rest == whole[place:]
    assert program.call("GET", path, Last_Event_ID=str(len(whole))).status_code == 204


def test_the_grammar_holds_and_its_data_are_lines_of_ascii(program: Client, fake) -> None:
    fake.says("Grüße \u2028 an \r\n alle 🌊")
    sent = program.post("/chats", {"message": "Hello"}, status=201)["sent"]
    response = program.call("GET", f"/generations/{sent['generation_id']}/events")
    raw = b"".join(response.iter_encoded())
    response.close()
    names = [line[7:].decode() for line in raw.split(b"\n") if line.startswith(b"event: ")]
    assert (names[0], names[-1], names.count("ended")) == ("started", "ended", 1)
    assert raw.isascii()
    assert b"\r" not in raw
    assert response.headers["Cache-Control"] == "no-store, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["X-Stream-Id"] == sent["generation_id"]
    assert program.ended(sent)["content"] == "Grüße \u2028 an \r\n alle 🌊"


@pytest.mark.mostly_slow
@pytest.mark.parametrize("position", ["99999", "nonsense", "-1", "9" * 40])
def test_a_position_that_never_was_begins_with_a_snapshot(program: Client, fake, position: str) -> None:
    sent, path = counted(program, fake)
    stored = program.ended(sent)["content"]
    told = program.events(path, Last_Event_ID=position)
    assert [told[0].event, told[-1].event] == ["snapshot", "ended"]
    assert text_of(told) == stored


@pytest.mark.slow
def test_a_running_answer_with_a_lost_position_goes_on_from_the_snapshot(program: Client, fake) -> None:
    sent, path = counted(program, fake, 200, pace=0.005)
    gevent.sleep(0)
    told = program.events(path, Last_Event_ID="77777")
    assert told[0].event == "snapshot"
    assert text_of(told) == program.ended(sent)["content"]


def test_after_everything_is_forgotten_it_is_told_from_the_saved_message(program: Client, fake, app: Flask) -> None:
    sent, path = counted(program, fake)
    stored = program.ended(sent)["content"]
    topics = ENGINE.of(app).logs.topics
    topics.expire(f"generation:{sent['generation_id']}", 0)
    assert topics.last(f"generation:{sent['generation_id']}") == 0

    for after in (0, 3, 1000):
        told = program.events(path, query={"after": after})
        assert [told[0].event, told[-1].event] == ["snapshot", "ended"]
        assert text_of(told) == stored
        assert json.loads(told[-1].data) == {"status": "completed", "reason": "stop"}
        # 204 stops an EventSource that has received the end from reconnecting.
        assert program.call("GET", path, Last_Event_ID=told[-1].id).status_code == 204


def test_each_of_two_generations_of_one_answer_tells_its_own_part(program: Client, fake, app: Flask) -> None:
    fake.always({"counted": 60, "cut_after": 20})
    sent = program.post("/chats", {"message": "Count."}, status=201)["sent"]
    cut = program.ended(sent)
    assert cut["status"] == "interrupted"
    fake.counts(60)
    more = program.post(f"/generations/{sent['generation_id']}/continue", status=202)
    whole = program.ended(more)["content"]
    paths = [f"/generations/{message['generation_id']}/events" for message in (sent, more)]
    for forget in (False, True):
        for message in (sent, more) if forget else ():
            ENGINE.of(app).logs.topics.expire(f"generation:{message['generation_id']}", 0)
        told = [program.events(path) for path in paths]
        assert "".join(map(text_of, told)) == whole
        assert told[0][-2].event in ("saved", "failed")
        assert any(event.event == "failed" for event in told[0])


def test_a_ticket_opens_this_chats_streams_and_nothing_else(program: Client, nobody: Client, other: Client, fake) -> None:
    sent, path = counted(program, fake)
    strange, _ = counted(other, fake)
    ticket = sent["stream_url"].partition("ticket=")[2]

    assert text_of(nobody.events(sent["stream_url"])) == program.ended(sent)["content"]
    nobody.said("GET", f"/generations/{strange['generation_id']}/events", 401, query={"ticket": ticket})
    nobody.said("GET", path, 401, query={"ticket": ticket[:-1] + ("0" if ticket[-1] != "0" else "1")})
    nobody.said("GET", f"/messages/{sent['message_id']}", 401, query={"ticket": ticket})
    nobody.said("GET", f"/chats/{sent['chat_id']}/messages", 401, query={"ticket": ticket})


def test_a_ticket_ends_with_the_token_it_was_made_with(program: Client, nobody: Client, member, app: Flask, fake) -> None:
    sent, _ = counted(program, fake)
    program.ended(sent)
    own = program.get("/tokens")["tokens"][0]["id"]
    program.said("DELETE", f"/tokens/{own}", 204)
    nobody.said("GET", sent["stream_url"], 401)
    program.said("GET", "/me", 401)


@pytest.mark.slow
@pytest.mark.parametrize("is_first_revoked", [True, False])
def test_a_revoked_token_ends_the_streams_of_its_tickets_alone(
    program: Client, with_scopes, nobody: Client, fake, is_first_revoked: bool
) -> None:
    sent, _ = counted(program, fake, 3000, pace=0.01)
    busy = with_scopes().said("POST", f"/chats/{sent['chat_id']}/messages", 409, {"message": "More."})
    urls = [sent["stream_url"], busy["streamUrl"]]
    streams = [nobody.call("GET", url) for url in urls]
    pieces = [response.iter_encoded() for response in streams]
    assert all(next(piece) for piece in pieces)
    reading = [gevent.spawn(b"".join, piece) for piece in pieces]
    revoked, kept = reading if is_first_revoked else reading[::-1]
    holder = urls[reading.index(revoked)].partition("ticket=t")[2].partition(".")[0]
    program.said("DELETE", f"/tokens/{holder}", 204)

    assert b'"code":"no_access"' in revoked.get(timeout=60)
    assert not kept.ready()
    gevent.killall(reading)
    for response in streams:
        response.close()


@pytest.mark.slow
def test_losing_access_ends_the_stream(program: Client, admin: Client, member, fake) -> None:
    _, path = counted(program, fake, 2000, pace=0.02)
    response = program.call("GET", path)
    pieces = response.iter_encoded()
    assert next(pieces)
    person = next(user for user in admin.get("/users")["users"] if user["email"] == member.email)
    admin.said("PATCH", f"/users/{person['id']}", 200, {"is_disabled": True})
    with gevent.Timeout(30, AssertionError("the stream goes on")):
        rest = b"".join(pieces)
    assert b"event: ended" not in rest
    assert b'"code":"no_access"' in rest
    response.close()


def test_losing_access_ends_a_stream_whose_text_goes_on_also_if_nothing_announces_it(
    program: Client, fake, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_loop, "HEARTBEAT_SECONDS", 1.0)
    _, path = counted(program, fake, 2000, pace=0.02)
    response = program.call("GET", path)
    pieces = response.iter_encoded()
    assert next(pieces)
    with app.app_context(), write() as session:
        session.execute(delete(ApiToken))
    with gevent.Timeout(30, AssertionError("the stream goes on")):
        assert b'"code":"no_access"' in b"".join(pieces)
    response.close()


def test_the_ninth_reader_takes_the_place_of_the_first(program: Client, fake, app: Flask) -> None:
    with app.app_context():
        set_setting("limits.sse_per_chat", "2")
    sent, path = counted(program, fake, 2000, pace=0.02)
    open_streams = [program.call("GET", path) for _ in range(3)]
    for stream in open_streams:
        assert next(stream.iter_encoded())
    told = decoded(open_streams[0])
    assert (told[-1].event, json.loads(told[-1].data)["code"]) == ("notice", "superseded")
    assert program.call("GET", path, Last_Event_ID=told[-1].id).status_code == 204
    program.post(f"/generations/{sent['generation_id']}/stop")
    for stream in open_streams[1:]:
        assert decoded(stream)[-1].event == "ended"
