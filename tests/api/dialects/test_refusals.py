"""A request refused before the first event gets an ordinary HTTP error with a message and a code, in every dialect."""

import json
from types import SimpleNamespace

import pytest

from tests.api.dialects.conftest import Program
from webapp.engine.engine import ENGINE
from webapp.guests.dialects.quick import views as quick
from webapp.settings.service import set_setting

PLACES = {  # path, the body's field for the chat, the body's field for the text
    "roleplay": ("/api/messages/addUserMessageStreamingMode", "chatSessionId", "message"),
    "quick": ("/api/chat", "chatId", "message"),
    "quick stream": ("/api/chat/stream", "chatId", "message"),
    "threads": ("/chat/threads/{chat}/messages", "", "content"),
    "threads stream": ("/chat/threads/{chat}/messages/stream", "", "content"),
    "assistant": ("/ai/chat", "session_id", "message"),
    "assistant stream": ("/api/ai/chat/stream", "session_id", "message"),
}
EVENTS = "text/event-stream"


def sending(place, chat, text):
    path, name, field = PLACES[place]
    return path.format(chat=chat), ({name: chat} if name else {}) | {field: text}


def told(response, status):
    """Returns the body of a refusal, which is never a stream."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    body = response.json
    assert body["error"]
    assert body["code"]
    return body


@pytest.mark.mostly_slow
@pytest.mark.parametrize("place", PLACES)
def test_every_path_refuses_alike(app, program, make_program, fake, place):
    fake.counts(4000, pace=0.01)
    chat, other = program.new_chat(), make_program("other@example.org")
    reader = make_program("reader@example.org", "member", "read")
    path, body = sending(place, chat, "Hello")
    _, _, field = PLACES[place]

    nobody = Program(app)
    if not place.startswith("quick"):
        assert told(nobody.post(path, **body), 401)
    assert told(Program(app, "millrace_nonsense").post(path, accept=EVENTS, **body), 401)
    assert told(reader.post(path, **body), 403)
    # In the other dialects an unknown chat begins a new one.
    if place.startswith(("roleplay", "threads")):
        assert told(other.post(path, accept=EVENTS, **body), 404)
        random = sending(place, "0" * 26, "Hello")
        assert told(program.post(random[0], accept=EVENTS, **random[1]), 404)
    for text in ("", "   ", "x" * 200_001, 5, None, ["x"]):
        refused = told(program.post(path, accept=EVENTS, **{**body, field: text}), 422)
        assert list(refused["fields"]) == [field]
    assert list(told(program.post(path, **{k: v for k, v in body.items() if k != field}), 422)["fields"]) == [field]
    raw = {"headers": {**program.headers, "Content-Type": "application/json"}}
    assert told(program.client.post(path, data="{", **raw), 400)
    assert told(program.client.post(path, data=b"\xff", **raw), 400)
    assert told(program.client.post(path, data=json.dumps({**body, "more": "x" * 1_000_001}), **raw), 413)
    assert fake.posts() == []

    running = program.post("/api/messages/addUserMessageStreamingMode", chatSessionId=chat, message="Hello").json
    busy = told(program.post(path, accept=EVENTS, **body), 409)
    assert (busy["code"], busy["streamId"]) == ("generation_in_progress", running["streamId"])
    assert busy["streamUrl"].startswith("/api/")
    program.until_running(chat)
    ENGINE.of(app).live[running["streamId"]].run.stop.request("user")


FIELDS = {
    "/api/chat": "message",
    "/api/chat/stream": "message",
    "/ai/chat": "message",
    "/ai/chat/stream": "message",
    "/api/messages/addUserMessageStreamingMode": "message",
    "/chat/threads/{chat}/messages": "content",
    "/threads/{chat}/messages/stream": "content",
    "/api/v1/chats/{chat}/messages": "message",
}


def said_to(program, path, field, text, chat, *, escaped=True):
    """Sends a message as JSON, in ASCII with escapes as most libraries do, or in UTF-8."""
    body = {field: text, **({"chatSessionId": chat} if "addUser" in path else {})}
    sent = json.dumps(body, ensure_ascii=escaped).encode()
    headers = {**program.headers, "Content-Type": "application/json"}
    return program.client.post(path.format(chat=chat), data=sent, headers=headers)


@pytest.mark.parametrize("path", FIELDS)
def test_a_message_has_as_many_characters_everywhere(app, program, fake, path):
    with app.app_context():
        set_setting("limits.message_chars", "1000")
    fake.says("Fine.")
    fits = said_to(program, path, FIELDS[path], "🌊" * 1_000, program.new_chat())
    refused = told(said_to(program, path, FIELDS[path], "🌊" * 1_001, program.new_chat()), 422)

    assert fits.status_code in (200, 202)
    assert fits.data
    assert refused["fields"] == {FIELDS[path]: "That is 1 character too long. The limit for one message is 1,000."}


@pytest.mark.slow
@pytest.mark.parametrize("escaped", [True, False])
def test_the_longest_message_fits_in_a_request_however_it_is_written(program, fake, escaped):
    fake.says("Fine.")
    path, chat = "/api/messages/addUserMessageStreamingMode", program.new_chat()

    assert said_to(program, path, "message", "🌊" * 200_000, chat, escaped=escaped).status_code == 202
    assert said_to(program, path, "message", "x" * 1_000_001, chat).status_code == 413
    assert said_to(program, path, "message", "🌊" * 250_001, chat, escaped=escaped).status_code == 413


def test_a_turn_of_a_completion_has_the_same_limit(program, fake):
    turns = [{"role": "user", "content": [{"type": "text", "text": "x" * 200_001}]}]
    refused = program.post("/v1/chat/completions", messages=turns)

    assert (refused.status_code, refused.json["error"]["param"]) == (400, "messages")


def test_an_empty_message_is_told_in_characters(program):
    for path in ("/api/chat", "/ai/chat", "/api/messages/addUserMessageStreamingMode"):
        refused = told(program.post(path, chatSessionId="any", message=" \n"), 422)
        assert refused["fields"] == {"message": "String should have at least 1 character."}


@pytest.mark.parametrize("limit", ["many", "", "2.5"])
def test_a_number_in_an_address_that_is_none_is_told_as_in_a_body(program, limit):
    thread = program.post("/chat/threads").json["thread"]["id"]
    refused = told(program.get(f"/chat/threads/{thread}/messages?limit={limit}"), 422)
    assert refused["fields"] == {"limit": "This must be a whole number."}


def test_fields_that_nobody_knows_are_left_alone(program, fake):
    fake.says("Fine.")
    body = {"message": f"  {'x' * 1_000} ", "userId": "me", "nonsense": {"deep": [1]}}

    assert program.post("/api/chat", **body).status_code == 200
    assert program.post("/ai/chat", context_limit=200, **body).status_code == 200
    for limit in (-1, 201, "10", 1.5):
        assert list(told(program.post("/ai/chat", message="Hi", context_limit=limit), 422)["fields"]) == ["context_limit"]
    assert list(told(program.post("/chat/threads", workflow="loan"), 422)["fields"]) == ["workflow"]


def test_null_is_the_same_as_left_out(program, fake):
    fake.says("Fine.")

    assert program.post("/ai/chat", message="Hi", session_id=None, context_limit=None).status_code == 200
    assert program.post("/api/chat", message="Hi", chatId=None, model=None).status_code == 200
    assert program.post("/chat/threads", title=None, workflow=None).status_code == 201
    left_out = dict.fromkeys(("model", "stream", "stream_options", "n", "stop", "tools", "max_tokens", "collection_ids"))
    said = {"messages": [{"role": "user", "content": "Hi"}]}
    assert program.post("/v1/chat/completions", **said, **left_out).json["object"] == "chat.completion"
    assert program.post("/v1/chat/completions", **said, stream_options={"include_usage": None}).status_code == 200
    assert len(fake.posts()) == 4


def test_a_request_that_openai_would_refuse_is_called_invalid_and_only_models_are_unknown_models(program):
    refused = [
        (program.get("/v1/embeddings"), 404, "not_found"),
        (program.get("/v1/models/demo/no-such"), 404, "model_not_found"),
        (program.get("/v1/chat/completions"), 405, "method_not_allowed"),
        (program.client.post("/v1/chat/completions", data="hi", headers=program.headers), 415, "unsupported_media_type"),
    ]
    for response, status, code in refused:
        error = response.json["error"]
        assert (response.status_code, error["type"], error["code"]) == (status, "invalid_request_error", code)


def test_events_that_a_client_declines_are_not_sent(program, fake):
    fake.says("Fine.")
    path, body = sending("roleplay", program.new_chat(), "Hello")

    told = program.post(path, accept="application/json, text/event-stream;q=0", **body)
    assert (told.status_code, told.content_type) == (202, "application/json")

    # The names of media types have no case.
    told = program.post(path, accept="Text/Event-Stream", **sending("roleplay", program.new_chat(), "Hello")[1])
    assert (told.status_code, told.mimetype) == (200, "text/event-stream")


def test_too_many_is_429_and_a_full_house_503(app, program, fake):
    fake.says("Fine.")
    with app.app_context():
        set_setting("limits.streams_per_minute", "1")
        set_setting("limits.streams_burst", "1")
    assert program.post("/ai/chat", message="Hi").status_code == 200

    refused = program.post("/ai/chat/stream", accept=EVENTS, message="Hi")
    assert told(refused, 429)
    assert int(refused.headers["Retry-After"]) > 0

    with app.app_context():
        set_setting("limits.queue_seconds", "0")
        set_setting("limits.streams_per_minute", "0")
    ENGINE.of(app).admission.max_streams = 1
    ENGINE.of(app).live["another"] = SimpleNamespace(kind="chat", person="", counted_as=())
    full = program.post("/ai/chat/stream", accept=EVENTS, message="Hi")
    del ENGINE.of(app).live["another"]
    assert told(full, 503)
    assert int(full.headers["Retry-After"]) > 0


def test_a_browsers_cookie_needs_the_name_of_its_site(app, member, fake):
    fake.says("Fine.")

    without = member.client.post("/ai/chat", json={"message": "Hi"}, headers={"Sec-Fetch-Site": ""})
    given = member.client.post("/ai/chat", json={"message": "Hi"}, headers={"Sec-Fetch-Site": "same-origin"})

    assert told(without, 403)
    assert given.status_code == 200


def test_behind_the_door_everything_is_refused_in_openais_form(program, fake):
    json_headers = {**program.headers, "Content-Type": "application/json"}
    for response, status in (
        (program.get("/v1/embeddings"), 404),
        (program.post("/v1/models"), 405),
        (Program(program.app).get("/v1/models"), 401),
        (program.client.post("/v1/chat/completions", data="{", headers=json_headers), 400),
        (program.post("/v1/chat/completions", messages=[]), 400),
    ):
        assert (response.status_code, response.content_type) == (status, "application/json")
        assert set(response.json["error"]) == {"message", "type", "param", "code"}


# Visitors


@pytest.fixture
def visitor_program(app, unlimited):
    return Program(app)


def test_visitors_are_answered_by_the_demo_and_known_by_a_cookie(app, visitor_program, fake):
    first = visitor_program.post("/api/chat", message="What is this?")
    cookie = first.headers["Set-Cookie"]
    known = first.json["chatId"]
    complete = json.loads(visitor_program.streamed("/api/chat/stream", message="And?", chatId=known)[-1].data)

    assert (first.status_code, first.json["demo"], first.json["model"]) == (200, True, "demo/quick")
    assert cookie.startswith("millrace-visitor=")
    assert (complete["chatId"], complete["demo"], complete["status"]) == (first.json["chatId"], True, "completed")
    assert [notice["code"] for notice in complete["notices"]] == ["demo"]
    elsewhere = Program(app).post("/api/chat", message="Hi", chatId=known).json
    assert elsewhere["chatId"] != known
    assert [notice["code"] for notice in elsewhere["notices"]] == ["unknown_session", "demo"]
    assert fake.posts() == []
    for path in ("/api/chat", "/api/chat/stream"):
        refused = told(visitor_program.post(path, message="Hi", model="some/model"), 422)
        assert refused["fields"] == {"model": "Without a token only the demo answers, so you can't choose a model."}


def test_a_visitor_reads_on_where_the_refusal_says(app, visitor_program):
    known = visitor_program.post("/api/chat", message="What is this?").json["chatId"]
    response = visitor_program.client.post("/api/chat/stream", json={"message": "And?", "chatId": known}, buffered=False)
    next(piece for piece in response.iter_encoded() if b"content" in piece)

    refused = visitor_program.post("/api/chat", message="Still there?", chatId=known)
    heard = visitor_program.get(refused.json["streamUrl"])

    assert (refused.status_code, heard.status_code) == (409, 200)
    assert heard.text.rstrip().rpartition("event: ")[2].startswith("ended")
    assert told(Program(app).get(refused.json["streamUrl"]), 401)
    response.close()


def test_a_visitor_without_a_cookie_who_leaves_ends_the_answer(app, visitor_program):
    engine = ENGINE.of(app)
    body = {"message": "Tell me everything about the mill"}
    response = visitor_program.client.post("/api/chat/stream", json=body, buffered=False)
    pieces = response.iter_encoded()
    next(piece for piece in pieces if b"content" in piece)
    (live,) = engine.live.values()
    assert live.when_unwatched == "abort:0"

    response.close()

    assert live.run.stop.reason == "client_gone"


def test_visitors_are_let_in_only_while_that_is_wished_and_not_too_often(app, visitor_program, monkeypatch):
    with app.app_context():
        set_setting("demo.visitors", "false")
    assert told(visitor_program.post("/api/chat", message="Hi"), 401)

    with app.app_context():
        set_setting("demo.visitors", "true")
    for _ in range(quick.VISITORS.burst):
        quick.VISITORS.take("127.0.0.1")
    assert told(Program(app).post("/api/chat", message="Hi"), 429)


# The key


def test_the_key_is_written_by_admins_and_never_read(make_program):
    admin, member = make_program("boss@example.org", "admin"), make_program()
    path = "/api/settings/openrouter_api_key"

    assert told(member.get(path), 403)
    assert told(member.put(path, value="sk-or-new-key-123456"), 403)
    before = admin.get(path).json
    assert list(told(admin.put(path, value="has blanks in it"), 422)["fields"]) == ["value"]
    assert admin.put(path, value="sk-or-new-key-123456").status_code == 204
    after = admin.get(path)

    assert before == {"configured": True, "source": "environment", "last4": "0000"}
    assert after.json == {"configured": True, "source": "stored", "last4": "3456"}
    assert "sk-or-new" not in after.text


@pytest.mark.parametrize("path", ["/api/settings/openrouter_api_key", "/api/v1/settings/openrouter_api_key"])
def test_the_key_is_deleted_by_admins_as_often_as_they_like(make_program, path):
    admin, member = make_program("boss@example.org", "admin"), make_program()
    admin.put("/api/settings/openrouter_api_key", value="sk-or-new-key-123456")

    assert told(member.client.delete(path, headers=member.headers), 403)
    assert admin.get("/api/settings/openrouter_api_key").json["source"] == "stored"
    for _ in range(2):
        assert admin.client.delete(path, headers=admin.headers).status_code == 204
        assert admin.get("/api/settings/openrouter_api_key").json == {
            "configured": True,
            "source": "environment",
            "last4": "0000",
        }
