"""What is sent again with its form's key, because its response was lost, is stored once."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.chat.conftest import ended
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.record.tables import Chat, Message


def counted(app: Flask) -> tuple[int, int]:
    """Returns how many chats and messages there are."""
    with app.app_context():
        chats, messages = (db.session.scalar(select(func.count()).select_from(table)) or 0 for table in (Chat, Message))
        return chats, messages


def test_the_first_message_of_a_chat(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("Yes.")
    first = owner.post("/chats", message="Hello", key="a")
    owner.wait_for(first.location, ended)
    assert owner.post("/chats", message="Hello", key="a").location == first.location
    assert counted(app) == (1, 2)
    assert owner.post("/chats", message="Hello", key="b").location != first.location


@pytest.mark.parametrize("kind", ["messages", "edit"])
def test_a_message_and_an_edit(app: Flask, owner: Browser, begin: Callable[..., str], fake: Upstream, kind: str) -> None:
    fake.says("Yes.")
    path = begin(owner, "Hello")
    owner.wait_for(path, ended)
    with app.app_context():
        question = db.session.scalars(select(Message.id).where(Message.role == "user")).one()
    url = f"{path}/messages" if kind == "messages" else f"/messages/{question}/edit"

    for _ in range(2):
        assert owner.post(url, message="And then?", key="a").status_code == 303
        owner.wait_for(path, ended)
    assert counted(app) == (1, 4)
