"""Importing chats of SillyTavern and other roleplay programs: every swipe, once, and the chat keeps its character."""

import json
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest

from tests.chat.files import bring, zipped
from tests.support.marks import also_on_postgres
from tests.support.page import Page
from webapp.base.db import db
from webapp.chat.imports import roleplay
from webapp.chat.imports.filed import FiledChat
from webapp.chat.record.tables import Chat, Message

HEAD = {
    "user_name": "Jo",
    "character_name": "Mara",
    "create_date": "2024-10-18 @15h 21m 09s 123ms",
    "chat_metadata": {"integrity": "i-1"},
}
GREETING = {"name": "Mara", "is_user": False, "mes": "Who is it?", "send_date": "October 18, 2024 3:21pm", "extra": {}}
QUESTION = {"name": "Jo", "is_user": True, "mes": "It's me.", "send_date": "2024-10-18@15h22m09s"}
ANSWER = {
    "name": "Mara",
    "is_user": False,
    "mes": "Come in, then.",
    "send_date": 1729264980000,
    "swipes": ["Go away.", "Come in.", "Wait."],
    "swipe_id": 1,
    "swipe_info": [
        {"extra": {"model": "m-1", "api": "openai"}},
        {
            "gen_started": "2024-10-18T15:22:50Z",
            "gen_finished": "2024-10-18T15:23:00Z",
            "extra": {"model": "m-2", "reasoning": "Hm."},
        },
    ],
}
HIDDEN = {"name": "System", "is_system": True, "is_user": False, "mes": "A note."}
LAST = {"name": "Jo", "is_user": True, "mes": "Thanks.", "send_date": "1729265040000"}
ALL = (HEAD, GREETING, QUESTION, ANSWER, HIDDEN, LAST)


def lines(*rows: Any) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def told(chat: FiledChat) -> list[tuple[str, str, str]]:
    known = {message.id: message.content for message in chat.messages}
    return [(message.role, message.content, known.get(message.parent, "")) for message in chat.messages]


def parsed(*rows: Any) -> FiledChat:
    return roleplay.parse({roleplay.LINES: list(rows)})


@also_on_postgres
def test_a_chat_comes_in_once_with_all_swipes_and_goes_on_with_its_character(member, app):
    character = member.submit("/characters/new", name="Mara", description="Mara mills rye.").path.rpartition("/")[2]
    page = bring(member, lines(*ALL), "Mara.jsonl")
    assert page.says("1 new chat, 7 new messages.")

    path = str(page.link("Open the chat").attributes["href"])
    shown = member.page(path)
    assert [text for _, text in shown.messages()] == ["Who is it?", "It's me.", "Come in, then.", "A note.", "Thanks."]
    assert shown.one(".versions .num").text() == "2 / 3"
    with app.app_context():
        chat = db.session.get_one(Chat, path.rpartition("/")[2].partition("#")[0])
        assert (chat.title, chat.kind, chat.character_id) == ("Mara", "roleplay", character)

    again = bring(member, lines(*ALL), "Mara.jsonl")
    assert again.says("Nothing new")
    more = bring(member, lines(*ALL, {**GREETING, "mes": "Sit down."}), "Mara.jsonl")
    assert more.says("1 new message.")
    with app.app_context():
        assert db.session.query(Message).filter(Message.chat_id == chat.id).count() == 8


def test_all_times_and_swipes_are_read():
    chat = parsed(*ALL)

    assert told(chat) == [
        ("assistant", "Who is it?", ""),
        ("user", "It's me.", "Who is it?"),
        ("assistant", "Go away.", "It's me."),
        ("assistant", "Come in, then.", "It's me."),
        ("assistant", "A note.", "Come in, then."),
        ("user", "Thanks.", "A note."),
        ("assistant", "Wait.", "It's me."),
    ]
    assert chat.created_at == datetime(2024, 10, 18, 15, 21, 9, 123_000, tzinfo=UTC)
    assert chat.changed_at == datetime(2024, 10, 18, 15, 24, tzinfo=UTC)
    first, second = chat.messages[2:4]
    assert [generation.model_used for generation in (*first.generations, *second.generations)] == ["m-1", "m-2"]
    assert (first.generations[0].provider, second.reasoning) == ("openai", "Hm.")
    assert second.generations[0].started_at == datetime(2024, 10, 18, 15, 22, 50, tzinfo=UTC)
    assert {message.id: message.content for message in chat.messages}[chat.head] == "Thanks."


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("extra", "words"), [({}, "Thought"), ({"reasoning_duration": 4_000}, "Thought for 4.0 s")])
def test_how_long_an_answer_was_thought_about_is_said_where_it_is_known(member, extra, words):
    times = {"gen_started": "2024-10-18T15:22:50Z", "gen_finished": "2024-10-18T15:23:00Z"}
    answer = {"name": "Mara", "mes": "Hm.", **times, "extra": {"model": "m-2", "reasoning": "Rye?", **extra}}

    page = member.page(str(bring(member, lines(HEAD, answer), "Mara.jsonl").link("Open the chat").attributes["href"]))

    assert page.all(".message details summary")[0].text().strip() == words


def test_newer_headers_and_none_are_read():
    newer = parsed({"chat_metadata": {"integrity": "i-2"}, "user_name": "unused", "character_name": "unused"}, GREETING, QUESTION)
    assert (newer.title, newer.id) == ("Mara", "sillytavern:i-2")
    bare = parsed(GREETING, QUESTION)
    assert (bare.title, len(bare.messages)) == ("Mara", 2)
    assert bare.id == parsed(GREETING, QUESTION, LAST).id


SAID = ["Hello", "Hi.", "Bye", "So long."]
CHUB = {"mes": "Hi.", "swipes": [{"message": "Ho."}, {"message": "Hi."}], "swipe_id": 1}


@pytest.mark.parametrize(
    "value",
    [
        {"data_visible": [SAID[:2], SAID[2:]]},
        {"name": "Mara", "messages": [{"msg": text, "userId": "" if n % 2 else "u"} for n, text in enumerate(SAID)]},
        {
            roleplay.LINES: [
                {"mes": {"message": "Hello"}, "is_user": True},
                CHUB,
                {"mes": "Bye", "is_user": True},
                {"mes": "So long."},
            ]
        },
    ],
)
def test_other_programs_for_roleplay_are_read(value):
    assert roleplay.is_one(value)
    chat = roleplay.parse(value)
    shown = [(role, text) for role, text, _ in told(chat) if text != "Ho."]
    assert shown == [("user", "Hello"), ("assistant", "Hi."), ("user", "Bye"), ("assistant", "So long.")]


@pytest.mark.slow
def test_several_histories_of_one_character_are_several_chats(member):
    said = [{"src": {"is_human": human, "name": "x"}, "text": text} for human, text in ((False, "Who is it?"), (True, "Me."))]
    value = {
        "info": {"character": {"name": "Mara"}},
        "histories": {"histories": [{"msgs": said, "created": n} for n in range(2)]},
    }
    assert bring(member, json.dumps(value).encode(), "cai.json").says("2 new chats, 4 new messages.")


@pytest.mark.slow
def test_an_archive_of_chats_comes_in(member):
    content = zipped({"chats/Mara/one.jsonl": lines(HEAD, GREETING), "chats/Mara/two.jsonl": lines(GREETING, LAST)})
    assert bring(member, content, "chats.zip").says("2 new chats, 3 new messages.")


@pytest.mark.parametrize("row", [{}, {"mes": 5}, {"mes": "", "swipes": "x"}, {"swipes": [], "swipe_id": 3}, 7])
def test_odd_lines_are_left_out(row):
    chat = parsed(HEAD, GREETING, row, QUESTION)
    assert [(message.content, message.role) for message in chat.messages] == [("Who is it?", "assistant"), ("It's me.", "user")]
    assert chat.messages[1].parent == chat.messages[0].id


@pytest.mark.parametrize("said", ["x", "5e99", "2024-99-99@1h1m1s", "October 99, 2024 3:21pm", "9" * 400, -5, None, [], {}])
def test_odd_times_are_none(said):
    assert parsed({**GREETING, "send_date": said}).messages[0].created_at is None


@pytest.mark.parametrize("chosen", [None, 7, -1, "1"])
def test_without_a_place_of_the_one_that_is_shown_all_swipes_stay(chosen):
    chat = parsed(HEAD, GREETING, {**ANSWER, "swipe_id": chosen})

    assert [message.content for message in chat.messages[1:]] == ["Go away.", "Come in.", "Wait.", "Come in, then."]
    assert chat.head == chat.messages[-1].id


def test_a_moment_with_much_space_is_none_or_one():
    (message,) = parsed({**GREETING, "send_date": " " * 30 + "1729264980000"}).messages
    assert message.created_at == datetime(2024, 10, 18, 15, 23, tzinfo=UTC)


@pytest.mark.slow
def test_a_branch_with_the_same_name_is_a_branch_here(member):
    bring(member, lines(*ALL), "Mara.jsonl")
    other = {**QUESTION, "mes": "It's somebody else."}

    page = bring(member, lines(HEAD, GREETING, other, {**ANSWER, "swipes": [], "mes": "Come in, then."}), "Branch.jsonl")

    assert page.says("2 new messages.")
    path = str(member.page("/chats").all('ul.rows a[href^="/chats/"]')[0].attributes["href"])
    assert [text for _, text in member.page(path).messages()] == ["Who is it?", "It's somebody else.", "Come in, then."]


def several(browser, *files: tuple[str, bytes]) -> Page:
    data = {"file": [(BytesIO(content), name) for name, content in files]}
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    kind = "multipart/form-data"
    return Page(browser, browser.client.post("/import", data=data, headers=headers, base_url=browser.origin, content_type=kind))


@pytest.mark.slow
def test_several_files_come_in_at_once_and_a_bad_one_keeps_none_back(member):
    other = {**HEAD, "chat_metadata": {"integrity": "i-9"}}
    page = several(member, ("a.jsonl", lines(*ALL)), ("bad.jsonl", b"{"), ("b.jsonl", lines(other, GREETING)))

    assert page.says("2 new chats, 8 new messages.")
    assert page.says("bad.jsonl: ")
    assert page.has("a", "View your chats")
    assert several(member, ("bad.jsonl", b"{"), ("bad.jsonl", b"{")).status_code == 422
    assert several(member, *[("a.jsonl", b"{")] * 31).says("Choose at most 30 files at once.")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("user_name", "says", "wanted"),
    [("Jo", "Jo", "Jo"), ("Jo", "Kit", "Kit"), ("unused", "Jo", "Jo"), ("Jo", "", "Jo"), ("x", "y", "")],
)
def test_who_one_was_in_it_one_is_again(member, app, user_name, says, wanted):
    member.submit("/characters/new", name="Mara", description="Mara mills rye.")
    for name in ("Jo", "Kit"):
        member.submit("/personas", name=name, description=f"{name} sails.")
    page = bring(member, lines({**HEAD, "user_name": user_name}, GREETING, {**QUESTION, "name": says}), "Mara.jsonl")

    chat = member.page(str(page.link("Open the chat").attributes["href"]).partition("#")[0] + "/prompts")
    chosen = chat.all("#prompts-persona option[selected]")
    assert [element.text() for element in chosen] == [wanted or "None"]


@pytest.mark.slow
@also_on_postgres
def test_the_lorebook_of_a_chat_is_attached_where_there_is_one(member, app):
    book = member.submit("/lorebooks", name="The valley").path.rpartition("/")[2]
    heads = [{**HEAD, "chat_metadata": {"integrity": name, "world_info": name}} for name in ("The valley", "The <b>coast", "")]

    page = several(member, *[("a.jsonl", lines(head, GREETING)) for head in heads])

    assert page.says("These chats use lorebooks that you don't have: The <b>coast.")
    with app.app_context():
        chats = db.session.query(Chat).order_by(Chat.id).all()
        assert [chat.lorebook_ids for chat in chats] == [[book], [], []]
        path = chats[0].id
    exported = json.loads(member.get(f"/chats/{path}/export.json").text)
    assert exported["chat"]["lorebooks"] == ["The valley"]
