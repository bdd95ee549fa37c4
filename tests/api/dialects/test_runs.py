"""One answer through each dialect's own routes: event types, order, names and text, streamed and not."""

import json
import re
import time

import pytest

from tests.api.dialects.conftest import asked
from tests.support.marks import on_both_databases
from webapp.api.schemas import GRAMMARS
from webapp.api.streaming.streams import PACKET_SECONDS
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, write
from webapp.base.ids import new_id
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import ENGINE
from webapp.engine.watching import watcher_loop
from webapp.models.connections import service as connections
from webapp.models.connections.service import ConnectionInput
from webapp.settings.service import set_setting
from webapp.streaming.codec import SseDecoder
from webapp.streaming.topics import MemoryTopics

TEXT = "Grüße, **you**.\n\nA second \u2028 block with 🌊.\n\n- one\n- two\n"
PLACES = {
    "quick": ("/api/chat", "chatId", "message"),
    "assistant": ("/ai/chat", "session_id", "message"),
    "threads": ("/chat/threads/{chat}/messages", "", "content"),
}


def data_of(events):
    return [json.loads(event.data) for event in events]


@pytest.fixture
def chat(program, fake):
    fake.says(TEXT, pace=0.002)
    return program.new_chat()


def test_roleplay_gives_the_stream_itself_to_who_accepts_it(program, chat, messages):
    events = program.streamed("/api/messages/addUserMessageStreamingMode", chatSessionId=chat, message=" Hello ")
    question, answer = messages(chat)

    assert [event.event for event in events][:2] == ["state", "saved"]
    assert [event.event for event in events][-2:] == ["saved", "end"]
    assert {event.event for event in events[2:-2]} == {"chunk"}
    state, saved, *chunks, _, end = data_of(events)
    assert (state["partialMessage"], state["isStreaming"]) == ("", True)
    assert saved == {"messageId": question.id, "role": "user"}
    assert "".join(chunk["content"] for chunk in chunks) == answer.content == TEXT
    assert question.content == "Hello"
    assert [int(event.id) for event in events[2:-2]] == [chunk["seq"] for chunk in chunks]
    assert end == {"status": "completed", "streamId": state["streamId"], "messageId": answer.id}


def test_quick_chat_sends_text_and_finished_blocks(program, chat, messages, app):
    events = program.streamed("/api/chat/stream", chatId=chat, message="Hello", blocks=True)
    *pieces, complete = data_of(events)
    answer = messages(chat)[-1]
    blocks = [block for piece in [*pieces, complete] for block in piece.get("blocks", [])]

    assert [event.event for event in events] == ["message"] * len(pieces) + ["complete"]
    assert "".join(piece["content"] for piece in pieces) == answer.content == TEXT
    assert complete["status"] == "completed"
    assert (complete["chatId"], complete["messageId"]) == (chat, answer.id)
    assert complete["usage"]["outputTokens"]
    assert [block["n"] for block in blocks] == list(range(len(blocks)))
    assert len(blocks) > 1
    assert "".join(block["html"] for block in blocks) == program.post("/api/chat", chatId=chat, message="Again").json["html"]


def content_of(program, key="", **body):
    headers = {**program.headers, **({"Idempotency-Key": key} if key else {})}
    response = program.client.post("/api/chat/stream", json={"message": "Hello", **body}, headers=headers)
    assert response.status_code == 200, response.text
    *pieces, complete = data_of(list(SseDecoder().feed(response.data)))
    assert not [piece for piece in [*pieces, complete] if "blocks" in piece]
    return "".join(piece["content"] for piece in pieces), complete


@pytest.mark.parametrize("text", [TEXT, "[one]\n\nand [two]\n\n[one]: https://example.org\n", "**bold** " * 400, "x"])
def test_quick_chat_sends_html_to_pages_that_show_it_unchanged(app, program, fake, text):
    fake.says(text)
    asked, _ = content_of(program, "a key", format="html")
    again = content_of(program, "a key", format="html")[0]
    # Once the projection is gone, the saved message has the HTML.
    ENGINE.of(app).logs._broadcasts.clear()
    late, _ = content_of(program, "a key", format="html")
    with app.app_context():
        set_setting("dialects.quick_format", "html")
    by_setting, by_hand = content_of(program)[0], content_of(program, format="text")[0]

    assert "**" not in asked
    assert asked.startswith("<p>") or not text
    assert (again, by_hand) == (asked, text)
    # Only a link that is defined later differs: what was sent before it stays as it was, and how much that is differs, too.
    assert by_setting == asked or ("[one]" in text and unlinked(by_setting) == unlinked(asked))
    assert late == asked or ("[one]" in text and late.count("<a ") == 2)


def unlinked(html):
    return re.sub(r"</?a\b[^>]*>|[\[\]]", "", html)


@pytest.mark.parametrize(("field", "value"), [("format", "markdown"), ("format", 1), ("blocks", "yes"), ("blocks", 1)])
def test_quick_chat_refuses_what_it_does_not_know(program, fake, field, value):
    refused = program.post("/api/chat/stream", message="Hello", **{field: value})

    assert (refused.status_code, list(refused.json["fields"])) == (422, [field])


def test_an_answer_is_later_than_its_question(program, fake):
    fake.says("Fine.")
    led = program.post("/chat/threads", workflow="weekly-checkin").json["thread"]["id"]
    chats = [program.post("/chat/threads").json["thread"]["id"] for _ in range(5)]
    for chat in [led, *chats]:
        for content in ("good", "The garden"):
            assert program.post(f"/chat/threads/{chat}/messages", content=content).status_code == 200
        told = [message["createdAt"] for message in program.get(f"/chat/threads/{chat}/messages").json["messages"]]

        assert len(told) >= 4
        assert told == sorted(set(told))


@pytest.mark.parametrize("path", ["/api/chat/stream", "/ai/chat/stream"])
def test_the_events_of_a_burst_are_written_apart(program, fake, path):
    fake.says("Fine. " * 5_000)
    response = program.client.post(path, json={"message": "Hello"}, headers=program.headers, buffered=False)
    times = [time.monotonic() for piece in response.iter_encoded() if b'"content":' in piece]

    assert len(times) >= 30
    assert times[-1] - times[0] >= 0.9 * PACKET_SECONDS * (len(times) - 1)


@pytest.mark.parametrize("path", ["/api/chat/stream", "/ai/chat/stream", "/api/v1/chats"])
def test_a_stream_is_never_compressed(program, fake, path):
    fake.says("Fine. " * 1_000)
    headers = {**program.headers, "Accept": "text/event-stream", "Accept-Encoding": "gzip, deflate, br"}
    response = program.client.post(path, json={"message": "Hello"}, headers=headers)

    assert b"Fine. Fine." in response.data
    assert "Content-Encoding" not in response.headers


def test_threads_wrap_everything_in_type_and_data(program, chat, messages):
    events = program.streamed(f"/threads/{chat}/messages/stream", content="Hello")
    question, answer = messages(chat)
    told = data_of(events)
    types = [frame["type"] for frame in told]

    assert {event.event for event in events} == {"message"}
    assert types == ["connected", "message_saved", *["ai_response"] * (len(told) - 3), "done"]
    assert told[0]["data"] == {"threadId": chat}
    saved = told[1]["data"]["message"]
    assert (saved["id"], saved["role"], saved["content"], saved["sources"]) == (question.id, "user", "Hello", [])
    assert saved["author"] == {"id": program.get("/api/v1/me").json["id"], "name": "member"}
    *pieces, last = [frame["data"] for frame in told[2:-1]]
    assert [piece["isComplete"] for piece in pieces] == [False] * len(pieces)
    assert "".join(piece["content"] for piece in [*pieces, last]) == last["accumulated"] == answer.content == TEXT
    assert last["sources"] == []
    assert told[-1]["data"] == {"success": True, "stopped": False, "messageId": answer.id, "notices": []}
    assert all(frame["timestamp"].endswith("Z") for frame in told)


def test_the_assistant_speaks_its_seven_types(program, chat, messages):
    told = data_of(program.streamed("/ai/chat/stream", session_id=chat, message="Hello"))
    answer = messages(chat)[-1]
    types = [frame["type"] for frame in told]

    assert types == ["session_info", *["token"] * (len(told) - 4), "done", "response_saved", "stream_end"]
    assert told[0] == {"type": "session_info", "session_id": chat, "status": "processing"}
    assert "".join(frame["content"] for frame in told if frame["type"] == "token") == answer.content == TEXT
    assert (told[-2]["message_id"], told[-2]["sources"]) == (answer.id, [])
    assert told[-2]["processing_time_ms"] > 0


def test_without_streaming_each_gives_the_same_text_in_one_piece(program, chat, messages):
    quick = program.post("/api/chat", chatId=chat, message="Hello").json
    thread = program.post(f"/chat/threads/{chat}/messages", content="Hello").json
    assistant = program.post("/ai/chat", session_id=chat, message="Hello").json
    first, second, third = [row for row in messages(chat) if row.role == "assistant"]

    assert (quick["response"], quick["messageId"], quick["chatId"]) == (TEXT, first.id, chat)
    assert (quick["model"], quick["demo"]) == ("some/model", False)
    assert (thread["response"], thread["message"]["id"], thread["workflow"]) == (TEXT, second.id, None)
    assert (assistant["content"], assistant["message_id"], assistant["session_id"]) == (TEXT, third.id, chat)
    assert assistant["chunks"] >= 1
    assert (assistant["model_used"], assistant["fallback_used"], assistant["sources"]) == ("some/model", False, [])


class CountingTopics(MemoryTopics):
    waits = 0

    def wait(self, *given, **more):
        self.waits += 1
        return super().wait(*given, **more)


@pytest.mark.slow
def test_who_waits_for_a_slow_answer_only_waits(app, program, chat, fake, monkeypatch):
    monkeypatch.setattr(watcher_loop, "HEARTBEAT_SECONDS", 0.05)
    engine = ENGINE.of(app)
    engine.logs.topics = topics = CountingTopics(epoch=engine.worker.id, signal=engine.signal, now=engine.now)
    fake.counts(20, pace=0.02)

    assert program.post("/api/chat", chatId=chat, message="Hello").json["response"].startswith("w000001 ")

    # About thirty entries and ten heartbeats; a busy loop would wait thousands of times.
    assert 0 < topics.waits < 1_000


@pytest.mark.mostly_slow
@pytest.mark.parametrize("dialect", PLACES)
def test_streamed_or_not_the_model_is_asked_the_same(program, chat, fake, dialect):
    path, name, field = PLACES[dialect]
    for form in ("", "/stream"):
        other = program.new_chat()
        known = {name: other} if name else {}
        program.post(path.format(chat=other) + form, **known, **{field: "First"}).get_data()
        program.post(path.format(chat=other) + form, **known, **{field: "Second"}).get_data()
    bodies = [json.dumps(entry["body"]) for entry in asked(fake)]

    assert len(bodies) == 4
    assert bodies[:2] == bodies[2:]


@pytest.mark.slow
def test_every_path_is_there_with_and_without_the_prefix(program, chat):
    for prefix in ("", "/api"):
        for path, body in (
            ("/ai/chat", {"message": "Hi", "session_id": chat}),
            ("/ai/chat/stream", {"message": "Hi", "session_id": chat}),
            (f"/chat/threads/{chat}/messages", {"content": "Hi"}),
            (f"/chat/threads/{chat}/messages/stream", {"content": "Hi"}),
            (f"/threads/{chat}/messages/stream", {"content": "Hi"}),
        ):
            response = program.post(prefix + path, **body)
            assert response.status_code == 200, prefix + path
            assert response.get_data()
        assert program.post(f"{prefix}/chat/threads", title="A name").status_code == 201
        assert program.get(f"{prefix}/chat/threads").status_code == 200


def test_who_names_no_chat_gets_a_new_one(program, chat, messages):
    quick = data_of(program.streamed("/api/chat/stream", message="Hello"))[-1]
    told = data_of(program.streamed("/ai/chat/stream", message="Hello"))

    assert len(messages(quick["chatId"])) == len(messages(told[0]["session_id"])) == 2
    assert len({chat, quick["chatId"], told[0]["session_id"]}) == 3


@pytest.mark.slow
@on_both_databases
def test_a_chat_that_is_unknown_begins_a_new_one_and_that_is_said(app, program, make_program, fake, messages):
    fake.says(TEXT)
    other, reader = make_program("other@example.org"), make_program("reader@example.org")
    foreign, deleted, seen = other.new_chat(), program.new_chat(), other.new_chat()
    program.client.delete(f"/api/v1/chats/{deleted}", headers=program.headers)
    me = program.get("/api/v1/me").json["id"]
    other.put(f"/api/v1/chats/{seen}/grants", to="user", to_id=me)
    told, chats = [], []

    for unknown in ("0" * 26, "nonsense", foreign, deleted, seen):
        quick = program.post("/api/chat", chatId=unknown, message="Hello").json
        complete = data_of(program.streamed("/api/chat/stream", chatId=unknown, message="Hello"))[-1]
        whole = program.post("/ai/chat", session_id=unknown, message="Hello").json
        info, warning, *_ = events = data_of(program.streamed("/ai/chat/stream", session_id=unknown, message="Hello"))
        assert [event["type"] for event in events].count("warning") == 1
        assert warning["code"] == "unknown_session"
        told += [quick["notices"], complete["notices"], whole["notices"], [{k: v for k, v in warning.items() if k != "type"}]]
        chats += [quick["chatId"], complete["chatId"], whole["session_id"], info["session_id"]]

    # Nothing of them is told or written, and none can be told from another.
    assert all(notices == told[0] for notices in told)
    assert [notice["code"] for notice in told[0]] == ["unknown_session"]
    assert len(set(chats)) == len(chats)
    assert not set(chats) & {foreign, deleted, seen}
    assert [messages(chat_id) for chat_id in (foreign, deleted, seen)] == [[], [], []]
    assert all(len(messages(chat_id)) == 2 for chat_id in chats)
    # Where others write into the same chat, it is known.
    mine = program.new_chat()
    program.put(f"/api/v1/chats/{mine}/grants", to="user", to_id=reader.get("/api/v1/me").json["id"], right="write")
    assert reader.post("/ai/chat", session_id=mine, message="Hello").json["session_id"] == mine
    # A repeated request begins no second one.
    key = {**program.headers, "Idempotency-Key": "once"}
    again = [program.client.post("/ai/chat", json={"session_id": foreign, "message": "Hi"}, headers=key).json for _ in "12"]
    assert again[0]["session_id"] == again[1]["session_id"]
    assert again[1]["notices"] == told[0]


@pytest.mark.slow
def test_the_assistant_names_the_model_that_answered_as_people_choose_it(app, program, fake):
    """Its server reports a name of its own, and a fallback answers for the model that was asked."""
    with app.app_context():
        connections.create(
            "openai", ConnectionInput(name="Own server", base_url=fake.base_url, key="sk-own-000000000000"), author=COMMAND_LINE
        )
        set_setting("models.fallbacks", "own-server:some/model\nown-server:other/model")
    chat = program.new_chat()

    fake.behaves([{"says": "Fine.", "model": "some/model-2026-08-06"}])
    first = program.post("/ai/chat", session_id=chat, message="Hello").json
    assert (first["model_used"], first["fallback_used"]) == ("some/model", False)
    refusal = {"status": 404, "json": {"error": {"code": 404, "message": "No endpoints found"}}}
    fake.behaves([refusal, refusal, {"says": "Fine.", "model": "other/model-2026-08-06"}])
    second = program.post("/ai/chat", session_id=chat, message="Hello").json
    assert (second["model_used"], second["fallback_used"]) == ("own-server:other/model", True)
    names = {model["id"]: model["name"] for model in program.get("/api/v1/models").json["models"]}
    # The server does not list the fallback: its name is made from its id.
    assert (second["model_used"] in names, second["model_name"]) == (False, "Model · Other")
    assert first["model_name"] == names[first["model_used"]]
    native = program.get(f"/api/v1/chats/{chat}/messages").json["messages"][-1]["generation"]
    assert (native["model_used"], native["model_name"]) == (second["model_used"], second["model_name"])
    assert native["model_served"] == "other/model-2026-08-06"


@pytest.mark.slow
def test_the_assistant_sends_so_many_earlier_messages(program, chat, fake):
    for number in range(6):
        program.post("/ai/chat", session_id=chat, message=f"Number {number}")

    for limit, earlier in (({}, 10), ({"context_limit": 0}, 0), ({"context_limit": 3}, 3), ({"context_limit": 200}, 18)):
        program.post("/ai/chat", session_id=chat, message="The last", **limit)
        turns = asked(fake)[-1]["body"]["messages"]
        assert len([turn for turn in turns if turn["role"] != "system"]) == earlier + 1


def test_threads_are_chats_and_their_messages_come_in_pages(program, chat):
    made = program.post("/chat/threads", title="  Sluice gates ").json["thread"]
    for number in range(3):
        program.post(f"/chat/threads/{chat}/messages", content=f"Number {number}")

    assert set(made) == {"id", "title", "workflow", "status", "createdAt", "updatedAt"}
    assert (made["title"], made["workflow"], made["status"]) == ("Sluice gates", None, "active")
    listed = program.get("/chat/threads").json["threads"]
    assert [thread["id"] for thread in listed] == [chat, made["id"]]
    page = program.get(f"/chat/threads/{chat}/messages?limit=4").json
    assert [message["role"] for message in page["messages"]] == ["user", "assistant"] * 2
    assert page["messages"][-2]["content"] == "Number 2"
    before = program.get(f"/chat/threads/{chat}/messages?limit=4&before={page['nextBefore']}").json
    assert [message["content"] for message in before["messages"]] == ["Number 0", TEXT]
    assert before["nextBefore"] is None


def test_a_whole_thread_comes_at_once_up_to_a_thousand_messages(app, program):
    thread = program.new_chat()
    first = "".join(f"{'x' * 100} {number}\n" for number in range(3))
    with app.app_context():
        ids = add_messages(thread, [first, *(str(number) for number in range(1, 1_001))])
    path = f"/chat/threads/{thread}/messages"

    page = program.get(path).json
    assert [message["content"] for message in page["messages"]] == [str(number) for number in range(1, 1_001)]
    assert page["nextBefore"] == ids[1]
    rest = program.get(f"{path}?before={page['nextBefore']}").json
    assert ([message["content"] for message in rest["messages"]], rest["nextBefore"]) == ([first], None)
    assert program.get(f"{path}?limit=1001").status_code == 422


def test_long_messages_come_in_several_pages(app, program):
    thread = program.new_chat()
    with app.app_context():
        add_messages(thread, [letter * 300_000 for letter in "abcde"])
    path, seen, before = f"/chat/threads/{thread}/messages", "", ""
    while before is not None:
        page = program.get(f"{path}?before={before}").json
        seen, before = "".join(message["content"][0] for message in page["messages"]) + seen, page["nextBefore"]
        assert len(page["messages"]) < 5
    assert seen == "abcde"


def add_messages(chat_id, texts):
    """Adds messages of the owner to an empty chat, each below the one before, and returns their ids."""
    chat, ids = db.session.get_one(Chat, chat_id), []
    with write() as session:
        for text in texts:
            message = Message(id=new_id(), chat_id=chat_id, parent_id=ids[-1] if ids else None, role="user", content=text)
            message.author_id = chat.owner_id
            session.add(message)
            ids.append(message.id)
        session.flush()
        chat.head_id = ids[-1]
    return ids


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("roleplay", "/api/messages/addUserMessageStreamingMode", {"chatSessionId": "{chat}", "message": "Hi"}),
        ("quick", "/api/chat/stream", {"chatId": "{chat}", "message": "Hi"}),
        ("threads", "/threads/{chat}/messages/stream", {"content": "Hi"}),
        ("assistant", "/ai/chat/stream", {"session_id": "{chat}", "message": "Hi"}),
    ],
)
def test_what_is_told_fits_the_grammar_of_the_document(program, chat, name, path, body):
    grammar = GRAMMARS[name]
    events = program.streamed(path.format(chat=chat), **{field: value.format(chat=chat) for field, value in body.items()})
    names = [event.event if grammar.is_named else json.loads(event.data)["type"] for event in events]

    for told, event in zip(names, events, strict=True):
        grammar.events[told].model_validate_json(event.data)
    order = re.sub(r"\w+", r"(?:\g<0>,)", grammar.order).replace(" ", "")
    assert re.fullmatch(order, "".join(f"{told}," for told in names)), names


@pytest.mark.slow
def test_a_dialect_serves_any_chat_of_its_caller(program, chat, messages):
    program.streamed("/api/messages/addUserMessageStreamingMode", chatSessionId=chat, message="One")
    program.streamed("/api/chat/stream", chatId=chat, message="Two")
    program.streamed(f"/threads/{chat}/messages/stream", content="Three")
    program.streamed("/ai/chat/stream", session_id=chat, message="Four")

    assert [row.content for row in messages(chat) if row.role == "user"] == ["One", "Two", "Three", "Four"]


def test_the_same_sending_twice_is_sent_once(program, chat, fake):
    headers = {**program.headers, "Idempotency-Key": "once"}
    replies = [program.client.post("/api/chat", json={"message": "Hello", "chatId": chat}, headers=headers) for _ in range(2)]

    assert replies[0].json == replies[1].json
    assert len(asked(fake)) == 1
