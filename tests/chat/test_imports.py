"""Importing chats of other programs: every branch, once, within limits; bad files are refused with a message."""

import json
import tracemalloc
import zipfile
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from tempfile import TemporaryFile
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.chat.conftest import address, ended_with, statuses, texts
from tests.chat.files import CHATGPT, CLAUDE, OPENWEBUI, bring, said, zipped
from tests.support.marks import also_on_postgres
from tests.support.people import PASSWORD
from webapp.base.db import db
from webapp.base.untrusted_json import dict_of
from webapp.chat.imports import chatgpt, openwebui, own, pieces, source
from webapp.chat.imports.filed import BadFile, FiledChat, FiledMessage, Node, checked, grown
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.people.accounts import service as accounts
from webapp.workspace.exchange import service as import_service

# Values of the wrong type, put where a file should have something else.
ODD: list[Any] = [
    None,
    True,
    -1,
    0.5,
    1e400,
    10**30,
    "",
    "x",
    "\ud800\0",
    "1e999999",
    [],
    [[]],
    ["x", None, {}],
    {},
    {"a": {"a": None}},
]
NAMES = ("mapping", "history", "chat", "messages", "format", "version", "title", "id")


def first_chat(browser) -> str:
    return str(browser.page("/chats").all('ul.rows a[href^="/chats/"]')[0].attributes["href"])


def ours(*, about: Any, messages: list[Any]) -> dict[str, Any]:
    return {"format": own.FORMAT, "version": 1, "chat": about, "messages": messages}


# ChatGPT


def test_a_chatgpt_tree_keeps_its_branches_and_skips_what_is_hidden():
    chat = chatgpt.parse(CHATGPT[0])
    picture = "*(an image was here; the export stores it in another file)*"
    question = f"{picture}\n\nWhich stones?"

    assert (chat.id, chat.title, chat.head) == ("chatgpt:c-1", "Stones for rye", "chatgpt:a2")
    assert said(chat) == {
        "u1": (question, ""),
        "u2": ("Asked otherwise", ""),
        "a1": ("The first answer.", question),
        "code": ("````python\nprint('```')\n````", question),
        "out": ("Program output:\n\n```\nbasalt\n```", "````python\nprint('```')\n````"),
        "a2": ("The **second** answer.", "Program output:\n\n```\nbasalt\n```"),
    }
    roles = {message.id.partition(":")[2]: message.role for message in chat.messages}
    assert roles == {"u1": "user", "u2": "user", "a1": "assistant", "code": "assistant", "out": "assistant", "a2": "assistant"}


def test_thoughts_stand_with_the_answer_that_follows():
    thoughts = {message.id: message.reasoning for message in chatgpt.parse(CHATGPT[0]).messages if message.reasoning}

    assert thoughts == {"chatgpt:code": "Let me think."}


def test_the_model_and_the_times_are_kept():
    answer = next(message for message in chatgpt.parse(CHATGPT[0]).messages if message.id == "chatgpt:a2")

    assert answer.created_at.isoformat() == "2023-11-14T22:13:43+00:00"
    assert [generation.model_asked for generation in answer.generations] == ["o3"]


# Open WebUI


@pytest.mark.parametrize("value", [OPENWEBUI[0], OPENWEBUI[0]["chat"]], ids=["wrapped", "bare"])
def test_an_open_webui_tree_keeps_its_branches(value):
    chat = openwebui.parse(value)
    question = "Over or under?\n\n*(wheel.png was here; the export doesn't include it)*"

    assert chat.head == "openwebui:m3"
    assert said(chat) == {"m1": (question, ""), "m2": ("Under, perhaps", question), "m3": ("Over.", question)}
    assert {message.id: message.reasoning for message in chat.messages}["openwebui:m3"] == "Weigh it"
    # Siblings follow the order in which their parent names them, whatever their order in the file.
    assert [message.id for message in chat.messages] == ["openwebui:m1", "openwebui:m2", "openwebui:m3"]
    assert [message.generations[0].status for message in chat.messages[1:]] == ["interrupted", "completed"]


# Trees and values


def test_a_tree_that_goes_round_is_refused():
    ring = [Node("a", "b", None), Node("b", "a", None)]
    with pytest.raises(BadFile, match="loop"):
        grown(ring)


def test_thoughts_before_many_branches_do_not_fill_the_memory():
    deep = [Node("a", "", None, "x" * 1_000_000), Node("b", "a", None, "y" * 1_000_000)]
    told = (FiledMessage(id=str(number), role="assistant", content="z") for number in range(200))
    tracemalloc.start()
    with pytest.raises(BadFile, match="characters in total"):
        grown([*deep, *(Node(message.id, "b", message) for message in told)])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 100_000_000


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ((), "no message"),
        ((FiledMessage(id="a", parent="b", role="user", content="x"),), "form a tree"),
        ((FiledMessage(id="a", role="user", content="x"),) * 2, "form a tree"),
        ((FiledMessage(id="a", role="user", content="x" * 2_000_001),), "more than 2,000,000 characters"),
        (tuple(FiledMessage(id=str(number), role="user", content="") for number in range(10_001)), "more than 10,000 messages"),
    ],
)
def test_what_cannot_be_a_chat_is_refused(messages, sentence):
    with pytest.raises(BadFile, match=sentence):
        checked(FiledChat(id="x", messages=messages))


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("name", NAMES)
def test_any_value_gives_a_chat_or_a_sentence(value: Any, name: str):
    made = ours(about=value, messages=[value])
    for tried in (
        dict_of(value),
        {name: value},
        {"mapping": {"a": value}},
        {"history": {"messages": {"a": value}}},
        made,
        {"chat_messages": [value]},
    ):
        with suppress(BadFile):
            assert pieces.chat_of(tried).messages


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_any_field_of_a_message_is_read_or_left(value: Any):
    made = [{"cost": value, "notices": value, "input_tokens": value, "status": value}]
    message = {"id": "m", "role": "user", "content": value, "created_at": value, "generations": made}
    chat = own.parse(ours(about={"id": "c", "title": value}, messages=[message]))

    written = ours(about=own.head_value(chat), messages=[own.message_value(filed) for filed in chat.messages])
    assert own.parse(json.loads(json.dumps(written))) == chat


# Importing a file


@pytest.mark.mostly_slow
@also_on_postgres
@pytest.mark.parametrize("value", [CHATGPT, CLAUDE, OPENWEBUI], ids=["chatgpt", "claude", "openwebui"])
def test_it_comes_in_once(owner, value):
    count = len(pieces.chat_of(value[0]).messages)

    assert bring(owner, value).says(f"1 new chat, {count} new messages.")
    assert bring(owner, value).says("Nothing new")
    assert len(owner.page("/chats").all('ul.rows a[href^="/chats/"]')) == 1


def test_a_message_without_a_time_has_that_of_its_chat(owner, app):
    (chat,) = json.loads(json.dumps(CHATGPT))
    chat["mapping"]["u1"]["message"]["create_time"] = None
    bring(owner, [chat])
    with app.app_context():
        asked = db.session.scalars(select(Message).where(Message.origin == "chatgpt:u1")).one()
    assert asked.created_at.isoformat() == "2023-11-14T22:13:20.500000+00:00"


@pytest.mark.slow
def test_messages_that_a_file_gives_one_time_follow_one_another(owner, app):
    noon = "2026-01-01T12:00:00+00:00"
    times = [noon, noon, None, "2026-01-01T12:00:00.001+00:00", "2025-12-31T00:00:00+00:00"]
    messages = [
        {
            "id": str(n),
            "parent": str(n - 1) if n else "",
            "role": ("user", "assistant")[n % 2],
            "content": "Hi",
            "created_at": time,
        }
        for n, time in enumerate(times)
    ]
    bring(owner, ours(about={"id": "c", "title": "Noon"}, messages=messages))

    with app.app_context():
        rows = db.session.scalars(select(Message.created_at).order_by(Message.id))
        # A time before that of the message above is kept: the file says so.
        assert [f"{row:%d %H:%M:%S.%f}" for row in rows] == [f"01 12:00:00.00{n}000" for n in range(4)] + ["31 00:00:00.000000"]


def test_an_imported_chat_looks_like_any_other(owner, fake):
    bring(owner, CHATGPT)
    path = first_chat(owner)

    page = owner.page(path)
    assert page.heading == "Stones for rye"
    assert texts(page)[-1] == "The second answer."
    assert set(statuses(page)) == {"completed"}
    assert page.says("o3 · cost unknown")
    assert not page.has("a", "What was sent")
    owner.post(address(page, "Previous version", 1))
    assert texts(owner.page(path))[-1] == "The first answer."


@pytest.mark.slow
def test_one_goes_on_in_an_imported_chat(owner, fake):
    bring(owner, OPENWEBUI)
    path = first_chat(owner)
    fake.says("Indeed")

    owner.submit(path, message="Go on")

    page = owner.wait_for(path, ended_with(4))
    assert texts(page)[-1] == "Indeed"
    assert fake.posts()[-1]["body"]["messages"][1]["content"].endswith("Over.")


@pytest.mark.slow
def test_a_newer_file_of_the_same_chat_adds_what_is_new(owner):
    bring(owner, OPENWEBUI)
    newer = json.loads(json.dumps(OPENWEBUI))
    history = newer[0]["chat"]["history"]
    history["messages"]["m4"] = {"id": "m4", "parentId": "m3", "role": "user", "content": "And the race?"}
    history["currentId"] = "m4"

    assert bring(owner, newer).says("0 new chats, 1 new message.")

    assert texts(owner.page(first_chat(owner)))[-1] == "And the race?"


@pytest.mark.slow
def test_what_was_chosen_here_is_not_moved_away_from(owner):
    bring(owner, OPENWEBUI)
    path = first_chat(owner)
    owner.post(address(owner.page(path), "Previous version"))

    bring(owner, OPENWEBUI)

    assert texts(owner.page(path))[-1] == "Under, perhaps"


@pytest.mark.slow
def test_everybody_brings_their_own(owner, member):
    bring(owner, CHATGPT)

    assert bring(member, CHATGPT).says("1 new chat")
    assert len(owner.page("/chats").all('ul.rows a[href^="/chats/"]')) == 1


@pytest.mark.slow
def test_an_imported_answer_is_no_use_of_a_model_here(owner, app):
    bring(owner, CHATGPT)

    with app.app_context():
        assert db.session.execute(select(Generation.kind, Generation.user_id).distinct()).all() == [("imported", None)]


@pytest.mark.slow
def test_the_archive_of_chatgpt_is_read(owner):
    data = zipped({"chat.html": b"<p>", "conversations.json": json.dumps(CHATGPT).encode(), "../../evil.json": b"{}"})

    assert bring(owner, data, "export.zip").says("1 new chat")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "isn't JSON"),
        (b"not json", "isn't JSON"),
        (b'{"title": "nothing"}', "doesn't contain chats"),
        (b"[]", "It contains no chats."),
        (b'[{"mapping": {}}]', "no message"),
        (b'[{"mapping": {"a": NaN}}]', "isn't JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" + b"9" * 5_000 + b"]", "isn't JSON"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"PK\x03\x04 broken", "archive is damaged"),
        (zipped({"readme.txt": b"x"}), "archive contains no chats"),
        (zipped({"conversations.json": b"[]"}, zipfile.ZIP_LZMA), "unsupported compression"),
        (zipped({"conversations.json": b"[]"}, zipfile.ZIP_BZIP2), "unsupported compression"),
        (zipped({"conversations.json": b"[]"})[:-6] + b"\xff\xff\0\0\0\0", "archive is damaged"),
        (b'{"format": "millrace-chat", "version": 2}', "version"),
        (json.dumps({"format": own.FORMAT, "version": 1, "chat": {"id": "x"}, "messages": [{}]}).encode(), "no id or no role"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence(owner, data, sentence):
    page = bring(owner, data)

    assert page.status_code == 422
    assert sentence in page.error_at("Files")
    assert owner.page("/chats").all('ul.rows a[href^="/chats/"]') == []


@pytest.mark.slow
def test_what_came_before_the_break_is_kept_and_said(owner):
    data = json.dumps(CHATGPT).encode()[:-1] + b', {"mapping": '

    page = bring(owner, data)

    assert page.says("1 new chat")
    assert page.says("couldn't be read completely")


@pytest.mark.slow
def test_a_chat_that_cannot_be_kept_does_not_keep_the_others_out(owner):
    page = bring(owner, [{"title": "Odd <b>one</b>", "mapping": {"a": {"message": None}}}, *CHATGPT])

    assert page.says("1 new chat")
    assert page.says("Odd <b>one</b>: It has no messages.")


@pytest.mark.slow
def test_odd_characters_do_not_stop_it(owner):
    content = {"content_type": "text", "parts": ["a\u0000\ud800b"]}
    message = {"author": {"role": "user"}, "create_time": 10**30, "content": content}
    value = {"id": "x", "title": "a\u0000b\ud800", "mapping": {"n": {"id": "n", "message": message}}}

    refused = {"title": value["title"]}

    assert bring(owner, [value, refused]).says("1 new chat")
    assert texts(owner.page(first_chat(owner))) == ["a\ufffd?b"]


def test_a_bomb_is_not_unpacked():
    data = zipped({"conversations.json": b"[" + b" " * 5_000_000 + b"]"})
    bounds = replace(source.IN_ONE_REQUEST, unpacked_bytes=1024 * 1024)
    assert len(data) < 10_000

    with pytest.raises(BadFile, match="too large when unpacked"), source.opened(BytesIO(data), bounds) as opened:
        list(opened.elements())


@pytest.mark.slow
def test_many_messages_come_in_small_batches(owner, app):
    parents = ["", *(f"m{number}" for number in range(349))]
    messages = [
        {"id": f"m{number}", "parent": parent, "role": "user", "content": str(number)} for number, parent in enumerate(parents)
    ]
    value = ours(about={"id": "long", "title": "Long"}, messages=messages)

    with owner.counting_statements() as statements:
        assert bring(owner, value).says("1 new chat, 350 new messages.")

    assert sum(statement.startswith("INSERT INTO messages (") for statement in statements) <= 5
    with app.app_context():
        head = db.session.scalar(select(Chat.head_id))
        assert db.session.get_one(Message, head).content == "349"


@pytest.mark.slow
def test_a_broken_off_import_is_completed_by_the_next(owner, app):
    bring(owner, CHATGPT)
    with app.app_context():
        chat = db.session.scalars(select(Chat)).one()
        chat.head_id = None
        db.session.flush()
        last = db.session.scalars(select(Message).where(Message.origin == "chatgpt:a2")).one()
        db.session.delete(last)
        db.session.commit()

    assert bring(owner, CHATGPT).says("0 new chats, 1 new message.")

    assert texts(owner.page(first_chat(owner)))[-1] == "The second answer."
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Message)) == 6


@pytest.mark.slow
def test_too_many_messages_in_one_file_are_refused(app):
    with app.app_context(), TemporaryFile() as file:
        user = accounts.add_user("many@example.org", "member", PASSWORD)
        file.write(json.dumps([*OPENWEBUI, *CHATGPT]).encode())

        brought = import_service.import_file(user, file, most_messages=4)

    assert (brought.chats, brought.messages) == (1, 3)
    assert brought.trouble == "One file can contain 4 messages. Import the rest from another file."


def test_without_a_file_it_says_so(owner):
    page = owner.post("/import")

    assert page.status_code == 422
    assert "Choose a file first." in page.error_at("Files")


def test_only_people_with_an_account_import(visitor):
    assert visitor.get("/import").location.startswith("/login")
    assert bring(visitor, CHATGPT).location.startswith("/login")


def test_a_stranger_may_not_send_much(visitor):
    assert bring(visitor, b" " * 5_000_000).status_code in (303, 413)


@pytest.mark.slow
def test_a_large_file_is_taken(owner):
    page = bring(owner, b" " * 5_000_000 + json.dumps(CHATGPT).encode())

    assert page.says("1 new chat")
