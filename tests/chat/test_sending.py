"""POST /chats and POST /chats/<id>/messages send a message."""

import re

import gevent
import pytest

from tests.chat.conftest import asked, ended, ended_with, raw_of_last, statuses, texts
from tests.support.browser import HTMX
from webapp.engine.duties.ends import LONG_CHARS


def test_it_sends_and_shows_the_answer(owner, begin, fake):
    fake.says("Good **morning**")

    page = owner.wait_for(begin(owner, "Hello there"), ended)

    assert texts(page) == ["Hello there", "Good morning"]
    assert statuses(page) == ["completed", "completed"]
    assert raw_of_last(page) == "Good **morning**"
    assert page.heading == "Hello there"


@pytest.mark.slow
def test_an_answer_of_many_words_is_saved_at_the_first_attempt(owner, begin, fake, caplog):
    fake.says("word " * (LONG_CHARS // 4))

    page = owner.wait_for(begin(owner, "Write a book"), ended)

    assert statuses(page) == ["completed", "completed"]
    assert "could not be written" not in caplog.text


@pytest.mark.slow
def test_the_model_hears_the_whole_conversation(owner, path, fake):
    fake.says("Two")
    owner.post(f"{path}/messages", message="Second")
    owner.wait_for(path, ended_with(4))

    turns = [(turn["role"], turn["content"]) for turn in asked(fake)[-1]["body"]["messages"]]
    assert turns == [("user", "First"), ("assistant", "One"), ("user", "Second")]


def test_it_refuses_the_signed_out_and_the_stranger(visitor, stranger, owner, begin, fake):
    fake.says("Hello")
    path = begin(owner)

    assert visitor.post(f"{path}/messages", message="Hello").location.startswith("/login")
    assert stranger.post(f"{path}/messages", message="Hello").status_code == 404
    assert stranger.get(path).status_code == 404
    assert stranger.get(f"{path}/events").status_code == 404
    owner.wait_for(path, ended)
    assert len(asked(fake)) == 1


def test_it_keeps_what_was_typed_when_an_answer_is_running(owner, begin, fake):
    fake.counts(200, pace=0.05)
    path = begin(owner, "First")

    page = owner.post(f"{path}/messages", message="Second")

    assert page.status_code == 409
    assert page.textbox("Message").value == "Second"
    assert page.says("An answer is already being written here.")
    fragment = owner.htmx_post(f"{path}/messages", message="Third")
    assert fragment.status_code == 409
    assert "Third" in fragment.text
    assert "hx-partial" in fragment.text


def test_a_program_is_told_what_to_attach_to(owner, begin, fake):
    fake.counts(200, pace=0.05)
    path = begin(owner, "First")

    answer = owner.post(f"{path}/messages", headers={"Accept": "application/json"}, message="Second")

    assert answer.status_code == 409
    assert answer.json["code"] == "generation_in_progress"
    assert owner.page(path).all(f'button[formaction="/generations/{answer.json["generation"]}/stop"]')


@pytest.mark.slow
def test_twenty_at_once_are_one(owner, path, fake):
    fake.counts(6, holds=[3])

    sends = [gevent.spawn(owner.post, f"{path}/messages", message=f"Number {n}") for n in range(20)]
    gevent.joinall(sends)

    assert sorted(send.value.status_code for send in sends) == [303] + [409] * 19
    fake.until(lambda log: len(asked(fake)) == 2)
    assert len(statuses(owner.page(path))) == 4
    fake.goes_on()


@pytest.mark.slow
def test_it_takes_the_same_form_twice_as_once(owner, begin, fake):
    fake.says("One")
    path = begin(owner)
    page = owner.wait_for(path, ended)
    form = page.form("Message")
    form.submit(message="Once")
    form.submit(message="Once")
    page = owner.wait_for(path, ended)

    assert [text for text in texts(page) if text == "Once"] == ["Once"]
    assert len(asked(fake)) == 2


def test_the_first_message_sent_twice_makes_one_chat(owner, fake):
    fake.says("One")
    form = owner.page("/").form("Message")

    assert form.submit(message="Once").path == form.submit(message="Once").path


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("message", "sentence"), [("   ", "Write something first."), ("x" * 200_001, "1 character too long")])
def test_it_says_what_is_wrong_with_the_text(owner, path, message, sentence):
    page = owner.post(f"{path}/messages", message=message)

    assert page.status_code == 422
    assert page.says(sentence)
    assert owner.post("/chats", message=message).status_code == 422


def test_an_unknown_model_is_refused_with_the_text_kept(owner, path):
    page = owner.post(f"{path}/messages", message="Hello", model="demo/nobody")

    assert page.status_code == 422
    assert page.says("There is no model named demo/nobody here.")
    assert page.textbox("Message").value == "Hello"


def test_binary_and_broken_text_become_text(owner, begin, fake):
    fake.says("ok")
    path = begin(owner, "a\0b")
    page = owner.wait_for(path, ended)
    assert texts(page)[0] == "a\ufffdb"

    answer = owner.client.post(
        f"{path}/messages",
        data=b"message=%ff%fe%80",
        content_type="application/x-www-form-urlencoded",
        headers={"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 303
    assert texts(owner.wait_for(path, ended))[2] == "\ufffd\ufffd\ufffd"


def test_htmx_gets_a_fresh_composer(owner, path):
    answer = owner.post(f"{path}/messages", headers=HTMX, message="Second")

    assert answer.status_code == 200
    assert 'hx-target="#composer-box"' in answer.text
    assert "Second" not in answer.text


@pytest.mark.slow
def test_sending_asks_the_database_for_little(owner, path):
    counts = []
    # The server's own work after its start can fall into one of them.
    for key in ("second", "third", "fourth"):
        with owner.counting_statements() as statements:
            owner.post(f"{path}/messages", headers=HTMX, message="Next", key=key)
        counts.append(len(statements))
        assert len([statement for statement in statements if statement.startswith("INSERT INTO messages (")]) == 1
        owner.wait_for(path, ended)

    assert min(counts) <= 14


@pytest.mark.slow
def test_every_message_is_rendered_once_and_a_page_reads_little(owner, answered, fake):
    fake.says("# One\n\n" + "word " * 500)
    path = answered(owner)

    with owner.counting_statements() as statements:
        owner.page(path)

    read = [statement for statement in statements if statement.startswith("SELECT") or "WITH RECURSIVE" in statement]
    assert len(read) <= 8


@pytest.mark.slow
def test_how_fast_an_answer_came_is_told_on_hover(owner, begin, fake):
    fake.says("One two three", pace=0.1)
    page = owner.wait_for(begin(owner), ended)

    assert re.fullmatch(r"\d+ tokens per second", page.one(".receipt summary").attributes["title"])


def test_a_first_message_sent_by_htmx_leads_to_its_chat_or_back_into_its_box(owner, fake):
    fake.says("Ready.")
    answer = owner.post("/chats", message="Hello", headers=HTMX)
    assert (answer.status_code, answer.text) == (204, "")
    assert answer.headers["HX-Redirect"].startswith("/chats/")
    assert "Location" not in answer.headers
    refused = owner.post("/chats", message="a" * 200_001, headers=HTMX)
    assert refused.status_code == 422
    assert 'hx-target="#composer-box"' in refused.text
    assert "1 character too long" in refused.text
    assert 'hx-boost="true"' in refused.text
