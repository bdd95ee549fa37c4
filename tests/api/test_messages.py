"""Messages in the API: sending, editing, retrying, showing, deleting and queueing."""

from typing import Any

import pytest

from tests.api.client import EVENTS, Client, decoded, text_of
from tests.support.browser import Browser
from tests.support.markup import words
from webapp.base.db import db
from webapp.chat.record.tables import Message
from webapp.settings.service import set_setting


@pytest.fixture
def begun(program: Client, fake) -> dict[str, Any]:
    """A chat with one completed answer."""
    fake.says("First.")
    sent: dict[str, Any] = program.post("/chats", {"message": "One?"}, status=201)["sent"]
    program.ended(sent)
    return sent


def test_the_branch_that_is_shown_and_the_whole_tree(program: Client, begun, fake) -> None:
    chat = f"/chats/{begun['chat_id']}/messages"
    fake.says("Second.")
    edited = program.post(f"/messages/{begun['question_id']}/edit", {"message": "Two?"}, status=202)
    program.ended(edited)

    path = program.get(chat)["messages"]
    assert [message["content"] for message in path] == ["Two?", "Second."]
    assert path[0]["versions"] == [begun["question_id"], edited["question_id"]]
    assert [message["content"] for message in program.get(chat, query={"show": "tree"})["messages"]] == [
        "One?",
        "First.",
        "Two?",
        "Second.",
    ]

    shown = program.post(f"/messages/{begun['question_id']}/show")
    assert shown["content"] == "One?"
    assert [message["content"] for message in program.get(chat)["messages"]] == ["One?", "First."]


def test_what_no_page_watches_is_drawn_by_the_page_that_shows_it(program: Client, member: Browser, fake) -> None:
    fake.says("**Bold.**")
    sent = program.post("/chats", {"message": "One?"}, status=201)["sent"]
    program.ended(sent)

    def html() -> str:
        with program.app.app_context():
            return db.session.get_one(Message, sent["message_id"]).html

    assert html() == ""
    assert [element.text() for element in member.page(f"/chats/{sent['chat_id']}").all(".message-text strong")] == ["Bold."]
    assert html() == "<p><strong>Bold.</strong></p>\n"


def test_messages_come_page_by_page(program: Client, begun) -> None:
    for show in ("path", "tree"):
        chat = f"/chats/{begun['chat_id']}/messages"
        first = program.get(chat, query={"limit": 1, "show": show})
        second = program.get(chat, query={"limit": 1, "show": show, "cursor": first["next_cursor"]})
        assert [first["messages"][0]["role"], second["messages"][0]["role"], second["next_cursor"]] == ["user", "assistant", None]


def test_another_version_stands_beside_the_first(program: Client, begun, fake) -> None:
    fake.says("Better.")
    again = program.post(f"/messages/{begun['message_id']}/regenerate", status=202)
    answer = program.ended(again)

    assert (answer["content"], answer["versions"]) == ("Better.", [begun["message_id"], again["message_id"]])
    program.post(f"/messages/{begun['question_id']}/regenerate", {}, status=422)


def test_a_message_is_hidden_from_models_and_shown_again(program: Client, other: Client, begun) -> None:
    path = f"/messages/{begun['question_id']}"
    assert program.get(path)["is_hidden"] is False
    assert program.said("PATCH", path, 200, {"is_hidden": True})["is_hidden"] is True
    assert program.get(path)["is_hidden"] is True
    program.said("PATCH", path, 422, {})
    other.said("PATCH", path, 404, {"is_hidden": False})
    assert program.said("PATCH", path, 200, {"is_kept": True})["is_kept"] is True
    assert program.said("PATCH", path, 200, {"is_kept": False})["is_kept"] is False
    assert program.said("PATCH", path, 200, {"is_hidden": False})["is_hidden"] is False


def test_an_answer_is_put_in_ones_own_words(program: Client, begun, fake) -> None:
    written = program.post(f"/messages/{begun['message_id']}/rewrite", {"message": "Mine."}, status=201)

    assert (written["content"], written["is_edited"], written["generation"]) == ("Mine.", True, None)
    assert written["versions"] == [begun["message_id"], written["id"]]
    assert program.get(f"/chats/{begun['chat_id']}")["head_id"] == written["id"]
    assert program.get(f"/messages/{begun['message_id']}")["is_edited"] is False
    program.post(f"/messages/{begun['question_id']}/rewrite", {"message": "Mine."}, status=422)
    program.post(f"/messages/{begun['message_id']}/rewrite", {"message": " "}, status=422)


def test_an_answer_is_rated_as_on_its_page(program: Client, other: Client, member: Browser, begun) -> None:
    path = f"/messages/{begun['message_id']}/feedback"
    nothing = {"is_good": None, "reason": ""}
    assert program.get(path) == nothing
    assert program.said("PUT", path, 200, {"is_good": True, "reason": " Clear "}) == {"is_good": True, "reason": "Clear"}
    assert program.said("PUT", path, 200, {"is_good": False}) == {"is_good": False, "reason": ""}
    pressed = member.page(f"/chats/{begun['chat_id']}").all('.thumbs [aria-pressed="true"]')
    assert [words(button.text()) for button in pressed] == ["Bad answer"]
    for wrong, field in (({}, "is_good"), ({"is_good": 1}, "is_good"), ({"is_good": True, "reason": "x" * 501}, "reason")):
        assert field in program.said("PUT", path, 422, wrong)["fields"]
    program.said("PUT", f"/messages/{begun['question_id']}/feedback", 422, {"is_good": True})
    other.said("PUT", path, 404, {"is_good": True})
    other.said("GET", path, 404)
    program.said("DELETE", path, 204)
    program.said("DELETE", path, 204)
    assert program.get(path) == nothing


def test_a_complete_answer_goes_on(program: Client, begun, fake) -> None:
    fake.says(" And last.")
    sent = program.post(f"/messages/{begun['message_id']}/continue", status=202)

    assert program.ended(sent)["content"] == "First. And last."
    program.post(f"/messages/{begun['question_id']}/continue", status=409)


def test_an_answer_is_asked_for_where_there_is_none(program: Client, begun, fake) -> None:
    program.said("DELETE", f"/messages/{begun['message_id']}", 204)
    fake.says("Another.")
    sent = program.post(f"/messages/{begun['question_id']}/regenerate", status=202)

    assert (sent["question_id"], program.ended(sent)["content"]) == (begun["question_id"], "Another.")


def test_what_is_deleted_is_brought_back(program: Client, begun) -> None:
    program.said("DELETE", f"/messages/{begun['message_id']}", 204)
    program.said("GET", f"/messages/{begun['message_id']}", 404)
    assert program.post(f"/messages/{begun['message_id']}/restore")["content"] == "First."
    assert program.said("DELETE", f"/messages/{begun['question_id']}", 422)["code"] == "invalid"


def test_what_was_deleted_is_erased_for_good(program: Client, begun) -> None:
    program.said("POST", f"/messages/{begun['message_id']}/erase", 404)
    program.said("DELETE", f"/messages/{begun['message_id']}", 204)
    program.said("POST", f"/messages/{begun['message_id']}/erase", 204)
    program.said("POST", f"/messages/{begun['message_id']}/restore", 404)
    assert len(program.get(f"/chats/{begun['chat_id']}/messages", query={"show": "tree"})["messages"]) == 1


def test_the_same_key_and_text_are_sent_once(program: Client, begun, fake) -> None:
    fake.says("Once.")
    send = {"body": {"message": "Again?"}, "status": 202, "Idempotency_Key": "k1"}
    first = program.post(f"/chats/{begun['chat_id']}/messages", **send)
    program.ended(first)
    assert program.post(f"/chats/{begun['chat_id']}/messages", **send)["generation_id"] == first["generation_id"]
    send["body"] = {"message": "Something else?"}
    assert program.post(f"/chats/{begun['chat_id']}/messages", **send)["generation_id"] != first["generation_id"]


def test_so_many_earlier_messages_are_sent_as_the_caller_says(program: Client, begun, fake) -> None:
    fake.says("Short memory.")
    body = {"message": "What did I ask?", "context_limit": 0}
    program.ended(program.post(f"/chats/{begun['chat_id']}/messages", body, status=202))
    turns = [entry["body"]["messages"] for entry in fake.log() if entry["path"].endswith("/chat/completions")][-1]
    assert [turn["content"] for turn in turns] == ["What did I ask?"]


@pytest.mark.slow
def test_a_busy_chat_says_what_to_attach_to(program: Client, begun, fake) -> None:
    fake.counts(4_000, pace=0.01)
    chat = begun["chat_id"]
    running = program.post(f"/chats/{chat}/messages", {"message": "Count."}, status=202)
    refused = program.post(f"/chats/{chat}/messages", {"message": "And more."}, status=409)
    assert (refused["code"], refused["streamId"]) == ("generation_in_progress", running["generation_id"])
    assert refused["error"] == refused["detail"]
    assert refused["streamUrl"].startswith(f"/api/v1/generations/{running['generation_id']}/events?ticket=")
    for method, path in (
        ("DELETE", f"/messages/{running['message_id']}"),
        ("POST", f"/messages/{begun['message_id']}/regenerate"),
    ):
        assert program.said(method, path, 409)["streamId"] == running["generation_id"]

    assert program.said("PUT", f"/chats/{chat}/follow-up", 200, {"message": "Then?"})["follow_up"] == "Then?"
    _, another = program.said("PUT", f"/chats/{chat}/follow-up", 200, {"message": "Another?"})["follow_ups"]
    changed = program.said("PATCH", f"/chats/{chat}/follow-up/{another['id']}", 200, {"message": "Other words"})
    assert [follow_up["message"] for follow_up in changed["follow_ups"]] == ["Then?", "Other words"]
    program.said("DELETE", f"/chats/{chat}/follow-up/{another['id']}", 204)
    program.said("DELETE", f"/chats/{chat}/follow-up/{another['id']}", 409)
    program.said("DELETE", f"/chats/{chat}/follow-up", 204)
    program.said("PUT", f"/chats/{chat}/follow-up", 200, {"message": "Now?"})
    program.post(f"/generations/{running['generation_id']}/stop")
    program.ended(running)
    fake.says("At last.")
    assert program.ended(program.post(f"/chats/{chat}/follow-up/send", status=202))["content"] == "At last."
    program.post(f"/chats/{chat}/follow-up/send", status=409)


def test_stopping_twice_is_stopping_once_and_what_was_cut_goes_on(program: Client, begun, fake) -> None:
    fake.counts(4_000, pace=0.05)
    sent = program.post(f"/chats/{begun['chat_id']}/messages", {"message": "Count."}, status=202)
    for _ in range(2):
        program.post(f"/generations/{sent['generation_id']}/stop")
    assert program.ended(sent)["status"] == "stopped"
    assert program.get(f"/generations/{sent['generation_id']}")["reason"] == "user"

    fake.counts(40)
    more = program.post(f"/generations/{sent['generation_id']}/continue", status=202)
    assert more["message_id"] == sent["message_id"]
    assert program.ended(more)["status"] == "completed"
    program.post(f"/generations/{more['generation_id']}/continue", status=409)


def test_a_sending_may_be_its_own_stream(program: Client, begun, fake) -> None:
    fake.counts(30)
    response = program.call("POST", f"/chats/{begun['chat_id']}/messages", {"message": "Count."}, Accept=EVENTS)
    assert response.status_code == 200
    told = decoded(response)
    assert told[0].event == "started"
    assert told[-1].event == "ended"
    assert text_of(told) == program.get(f"/messages/{program.get('/chats')['chats'][0]['head_id']}")["content"]
    assert response.headers["X-Stream-Id"]


@pytest.mark.slow
def test_a_model_that_is_gone_is_not_replaced_unasked(app, program: Client, begun, fake) -> None:
    with app.app_context():
        set_setting("models.allowed", "other/model")

    refusal = program.post(f"/chats/{begun['chat_id']}/messages", {"message": "Two?"}, status=422)
    assert refusal["detail"] == "Model is no longer available. Choose another model."
    fake.says("Second.")
    program.ended(program.post(f"/chats/{begun['chat_id']}/messages", {"message": "Two?", "model": "other/model"}, status=202))


def test_a_message_is_corrected_and_what_follows_stays(program: Client, begun, fake) -> None:
    path = f"/messages/{begun['question_id']}/rewrite"
    corrected = program.post(path, {"message": "One, corrected?", "keep_following": True}, status=201)

    shown = program.get(f"/chats/{begun['chat_id']}/messages")["messages"]
    assert [message["content"] for message in shown] == ["One, corrected?", "First."]
    assert shown[0]["id"] == corrected["id"]
    assert shown[0]["versions"] == [begun["question_id"], corrected["id"]]
    assert len(fake.posts()) <= 2


@pytest.mark.parametrize("key", ["x" * 256, "x" * 1_000_000, "a\tb", "\x7f", "caf\xe9"])
def test_a_key_that_is_too_long_or_unreadable_is_refused_with_a_sentence(program: Client, begun, key: str) -> None:
    path = f"/chats/{begun['chat_id']}/messages"
    refused = program.said("POST", path, 422, {"message": "Two?"}, Idempotency_Key=key)
    assert refused["fields"] == {"Idempotency-Key": "Use at most 255 letters, digits and other visible ASCII characters."}
    assert len(program.get(path)["messages"]) == 2


def test_the_longest_key_is_taken(program: Client, begun) -> None:
    send = {"body": {"message": "Two?"}, "status": 202, "Idempotency_Key": "~" * 255}
    first, again = (program.post(f"/chats/{begun['chat_id']}/messages", **send)["generation_id"] for _ in "12")
    assert first == again
