"""What every dialect returns for every end of an answer, streamed and in one piece."""

import json

import gevent
import pytest

from tests.api.dialects.test_faults import STREAMS, WHOLES, filled, heard
from webapp.engine.engine import ENGINE
from webapp.settings.service import set_setting

TEXT = "one two three four"
REFUSED = {"status": 400, "json": {"error": {"code": 400, "message": "No."}}}
ERROR = {"code": 502, "message": "It broke."}
# The upstream's behaviour, the OpenAI-compatible API's HTTP status and, for an error, its code.
ENDS = {
    "completed": ([{"says": TEXT}], 200, "completed"),
    "too long": ([{"says": TEXT, "finish": "length"}], 200, "completed"),
    "cut": ([{"says": TEXT, "cut_after": 2}], 502, "cut"),
    "no marker": ([{"says": TEXT, "finish": None, "done": False, "sends_usage": False}], 502, "cut"),
    "an error on the way": ([{"says": TEXT, "error_after": 2, "error": ERROR}], 502, "error"),
    "refused": ([REFUSED] * 2, 502, "invalid"),
    "silent": ([{"says": ""}], 502, "no_text"),
    "only thoughts": ([{"says": "", "reasoning": "Hm.", "finish": "length"}], 502, "no_text"),
}
HELLO = [{"role": "user", "content": "Hello"}]
FINISHES = {"completed": "stop", "too long": "length"}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("end", ENDS)
def test_the_door_gives_an_answer_that_ended_and_nothing_else_for_one(program, fake, end):
    behaviours, status, code = ENDS[end]
    fake.behaves(behaviours)
    whole = program.post("/v1/chat/completions", messages=HELLO)
    fake.behaves(behaviours)
    *chunks, done = [event.data for event in program.streamed("/v1/chat/completions", messages=HELLO, stream=True)]
    last = json.loads(chunks[-1])

    assert whole.status_code == status, whole.text
    assert done == "[DONE]"
    if end in FINISHES:
        choice = whole.json["choices"][0]
        assert (choice["message"]["content"], choice["finish_reason"]) == (TEXT, FINISHES[end])
        assert last["choices"][0]["finish_reason"] == FINISHES[end]
        return
    assert whole.content_type == "application/json"
    assert "choices" not in whole.json
    for told in (whole.json["error"], last["error"]):
        assert (told["type"], told["code"], bool(told["message"])) == ("server_error", code, True)


@pytest.mark.mostly_slow
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("dialect", WHOLES)
def test_in_one_piece_a_dialect_says_how_an_answer_ended(program, fake, dialect, end):
    behaviours, _, code = ENDS[end]
    fake.behaves(behaviours)
    path, body = filled(WHOLES[dialect], program.new_chat())
    response = program.post(path, **body)

    if code in ("invalid", "no_text"):
        assert (response.status_code, response.json["code"]) == (502, code)
        assert end != "refused" or response.json["error"] == f"{fake.host} rejected the request: No."
        return
    assert response.status_code == 200, response.text
    status, reason = ("completed", FINISHES[end]) if end in FINISHES else ("interrupted", code)
    assert (response.json["status"], response.json["reason"]) == (status, reason)
    assert [notice["code"] for notice in response.json["notices"]] == ([] if end in FINISHES else [code])
    assert all(notice["message"] for notice in response.json["notices"])


REFUSALS = {
    429: (429, "rate", "rate_limit_exceeded", "7"),
    401: (502, "provider_key", "provider_key", None),
    402: (502, "provider_credit", "provider_credit", None),
}
DOORS = {**WHOLES, "plans": ("/service/generate", {"preferenceId": "{chat}"}), "openai": ("/v1/chat/completions", {})}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("dialect", DOORS)
def test_in_one_piece_a_refusal_by_the_provider_has_its_status(program, fake, dialect, refusal):
    status, code, at_the_door, retry_after = REFUSALS[refusal]
    fake.always({"status": refusal, "headers": {"Retry-After": "6.5"}, "json": {"error": {"message": "No.", "code": refusal}}})
    with program.app.app_context():
        set_setting("models.fallbacks", "other/model" if refusal == 429 else "")
    wishes = {"planType": "monthly", "goals": ["strength"]}
    subject = program.post("/api/plan/inputs", **wishes).json["preferenceId"] if dialect == "plans" else program.new_chat()
    path, body = filled(DOORS[dialect], subject)

    response = program.post(path, **body, **({"messages": HELLO} if dialect == "openai" else {}))

    told = response.json["error"] if dialect == "openai" else response.json
    assert (response.status_code, told["code"]) == (status, at_the_door if dialect == "openai" else code), response.text
    assert response.headers.get("Retry-After") == retry_after


@pytest.mark.mostly_slow
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("dialect", STREAMS)
def test_streamed_a_dialect_says_how_an_answer_ended(program, fake, dialect, end):
    fake.behaves(ENDS[end][0])
    path, body = filled(STREAMS[dialect], program.new_chat())

    _, outcome = heard(dialect, program.streamed(path, **body))

    assert outcome == ("ok" if end in FINISHES else "error")


@pytest.mark.mostly_slow
@pytest.mark.parametrize("is_streamed", [True, False])
def test_what_somebody_stops_at_the_door_is_not_called_complete(app, program, fake, is_streamed):
    fake.counts(4000, pace=0.01)
    path, body = "/v1/chat/completions", {"messages": HELLO, "stream": is_streamed}
    asking = gevent.spawn(program.streamed if is_streamed else program.post, path, **body)
    live = ENGINE.of(app).live
    with gevent.Timeout(30):
        while not any(running.run.has_content for running in live.values()):
            gevent.sleep(0.01)
    for running in list(live.values()):
        running.run.stop.request("user")
    asking.join(30)

    told = json.loads(asking.value[-2].data) if is_streamed else asking.value.json
    assert told["choices"][0]["finish_reason"] == "length"


@pytest.mark.mostly_slow
@pytest.mark.parametrize("dialect", STREAMS)
def test_a_stream_whose_token_is_revoked_closes_and_says_why(program, fake, dialect):
    fake.counts(4000, pace=0.01)
    chat = program.new_chat()
    path, body = filled(STREAMS[dialect], chat)
    reading = gevent.spawn(program.streamed, path, **body)
    program.until_running(chat)
    (token,) = program.get("/api/v1/tokens").json["tokens"]
    program.client.delete(f"/api/v1/tokens/{token['id']}", headers=program.headers)
    reading.join(10)
    told = [json.loads(event.data) for event in reading.value]

    if dialect == "roleplay":
        # The answer is not over: only this reader's stream is.
        assert (reading.value[-1].event, told[-1]["code"]) == ("notice", "no_access")
        return
    assert heard(dialect, reading.value)[1] == "error"
    assert "no_access" in str(told)
    assert "stream_closed" not in str(told)
