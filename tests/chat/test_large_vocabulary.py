"""An answer of hundreds of thousands of different words blocks no other request when it ends and is indexed."""

import random

import gevent
import pytest
from flask import Flask

from tests.chat.conftest import ended, id_of, until_settled
from tests.support.browser import Browser
from tests.support.turns import longest_turn
from tests.upstream.handle import Upstream
from webapp.base.db import write
from webapp.chat import erasing
from webapp.chat.record.tables import Chat

COUNT = 280_000


@pytest.mark.slow
def test_an_end_with_many_words(app: Flask, owner: Browser, fake: Upstream) -> None:
    chance = random.Random(1)
    words = [f"{chance.getrandbits(28):06x}" for _ in range(COUNT)]
    tokens = [" ".join(words[start : start + 400]) + "\n\n" for start in range(0, COUNT, 400)]
    owner.wait_for(owner.post("/chats", message="Hello").location, ended)
    fake.behaves([{"tokens": tokens}])

    with longest_turn() as longest:
        path = owner.post("/chats", message="All words").location
        until_settled(app)

    # Without breaks, indexing took more than 300 ms.
    assert longest.seconds < 0.2
    assert id_of(path) in owner.page(f"/chats?q={words[-1]}").text
    with longest_turn() as longest:
        erase(app, id_of(path))
    assert longest.seconds < 0.2
    assert id_of(path) not in owner.page(f"/chats?q={words[-1]}").text


def erase(app: Flask, chat_id: str) -> None:
    with app.app_context():
        erasing.erase(Chat.id == chat_id)


def test_whoever_writes_meanwhile_waits_for_their_turn(app: Flask) -> None:
    """While a thread works for a transaction, other greenlets run, but other writers wait."""
    order = list[str]()

    def other() -> None:
        with app.app_context(), write():
            order.append("second")

    with app.app_context(), write():
        waiting = gevent.spawn(other)
        gevent.sleep(0.01)
        order.append("first")
    waiting.get()

    assert order == ["first", "second"]
