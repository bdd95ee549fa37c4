"""A chat of tens of megabytes is sent whole, without delaying other answers."""

import pytest
from flask import Flask
from sqlalchemy import insert

from tests.chat.conftest import ended, until_settled
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.turns import longest_turn
from tests.upstream.handle import Upstream
from webapp.base.db import write
from webapp.base.errors import Conflict
from webapp.chat.record import paths
from webapp.chat.record.tables import Chat, Message
from webapp.models.connections import contexts
from webapp.rendering import markdown

CHARS = 98_000
# Of a model that takes all of it, in tokens.
CONTEXT = 100_000_000
WORDS = "Größe é – “x” "


def store(app: Flask, owner: Browser, count: int) -> list[str]:
    """Stores a chat of this many long messages and returns their texts."""
    texts = [f"{number} {WORDS * (CHARS // len(WORDS))}" for number in range(count)]
    with app.app_context(), write() as session:
        session.add(Chat(id="long", owner_id=owner.person_id, model="some/model", title="Long"))
        session.flush()
        for number, text in enumerate(texts):
            session.execute(insert(Message), [_message(number, text)])
        session.get_one(Chat, "long").head_id = f"m{count - 1:05}"
    return texts


def _message(number: int, text: str) -> dict[str, object]:
    place = {"id": f"m{number:05}", "chat_id": "long", "parent_id": f"m{number - 1:05}" if number else None}
    shown = {"html": "<p>Words</p>", "html_version": markdown.VERSION}
    return {**place, "role": "assistant" if number % 2 else "user", "content": text, **shown}


@pytest.mark.slow
@also_on_postgres
def test_all_of_it_is_sent_and_what_was_cut_goes_on(app: Flask, owner: Browser, fake: Upstream) -> None:
    texts = store(app, owner, 30)
    with app.app_context():
        contexts.learn("some/model", CONTEXT)
    fake.behaves([{"says": "Half", "finish": "length"}, {"says": " and half"}])

    owner.post("/chats/long/messages", message="Hello")
    answer = owner.wait_for("/chats/long", ended).all("article.message")[-1].attributes["id"]
    owner.post(f"/messages/{str(answer).removeprefix('message-')}/continue")
    owner.wait_for("/chats/long", ended)

    first, second = (
        [turn["content"] for turn in entry["body"]["messages"] if turn["role"] != "system"] for entry in fake.posts()
    )
    assert first == [*texts, "Hello"]
    assert second[: len(first) + 1] == [*texts, "Hello", "Half"]


@pytest.mark.slow
@pytest.mark.parametrize("is_folded", [False, True])
def test_nobody_waits_while_it_is_sent(app: Flask, owner: Browser, fake: Upstream, *, is_folded: bool) -> None:
    texts = store(app, owner, 500)
    if not is_folded:
        with app.app_context():
            contexts.learn("some/model", CONTEXT)
    # A first message, so that one-time initialization is not measured.
    owner.wait_for(owner.post("/chats", message="Hello").location, ended)

    with longest_turn() as longest:
        owner.post("/chats/long/messages", message="Hello")
        until_settled(app)

    # Without breaks it took 300 ms to read, and 700 ms to write into the request.
    assert longest.seconds < 0.25
    before = fake.posts()[-1]["body"]["messages"][-2]["content"]
    assert before.startswith("[fold-1: 500 messages]\n") if is_folded else before == texts[-1]


def test_a_chat_that_changes_again_and_again_is_asked_for_later(app: Flask, owner: Browser) -> None:
    store(app, owner, 3)

    def never_known() -> None:
        raise paths.PathTooLong("m00001")

    with app.app_context(), pytest.raises(Conflict):
        paths.retry_if_path_too_long(never_known)
