"""Exporting a chat: as JSON that imports unchanged, as markdown, as one safe HTML page, and everything as an archive."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from io import BytesIO
from random import Random
from string import ascii_letters
from zipfile import ZipFile

import pytest
from sqlalchemy import event, insert, select

from tests.chat.conftest import address, ended, statuses
from tests.chat.files import bring, download, members
from tests.support.marks import also_on_postgres
from tests.support.turns import nobody_waits
from tests.support.waiting import until
from webapp.base.db import db, utc_now, write
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import ENGINE
from webapp.workspace.exchange import export

HOSTILE = "Look: <script>alert(1)</script> ![x](https://evil.example/a.png) [go](javascript:alert(1))"


@pytest.fixture
def path(owner, answered, fake) -> str:
    """A chat with two versions of an answer."""
    # The costs are given, so that no later lookup changes the chat.
    fake.says(HOSTILE, cost=0.0001)
    path = answered(owner, "First **words**")
    fake.says("Another", cost=0.0001)
    owner.post(address(owner.page(path), "Try again"))
    owner.wait_for(path, ended)
    return path


def test_the_json_is_made_without_reading_any_html(app, owner, path):
    said: list[str] = []
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    download(owner, f"{path}/export.json")

    read = [statement for statement in said if "messages.content" in statement and "LEFT OUTER JOIN users" in statement]
    assert read
    assert not [statement for statement in read if "messages.html," in statement]


def test_the_json_holds_every_branch_and_how_it_came_about(owner, path):
    value = json.loads(download(owner, f"{path}/export.json"))

    question, *answers = value["messages"]
    assert (value["format"], value["version"], value["chat"]["title"]) == ("millrace-chat", 1, "First words")
    assert [answer["content"] for answer in answers] == [HOSTILE, "Another"]
    assert {answer["parent"] for answer in answers} == {question["id"]}
    assert value["chat"]["head"] == answers[1]["id"]
    made = answers[0]["generations"][0]
    assert (made["status"], made["model_asked"]) == ("completed", "some/model")
    assert made["started_at"] < made["ended_at"]


@pytest.mark.slow
@also_on_postgres
def test_what_was_exported_comes_back_the_same(owner, member, path):
    first = download(owner, f"{path}/export.json")

    page = bring(member, first)
    assert page.says("1 new chat, 3 new messages.")
    copy = str(member.page("/chats").all('ul.rows a[href^="/chats/"]')[0].attributes["href"])
    second = download(member, f"{copy}/export.json")

    assert json.loads(second) == json.loads(first)
    assert second == first
    shown = member.page(copy)
    assert statuses(shown) == ["completed", "completed"]
    assert shown.says("2 / 2")


@pytest.mark.slow
def test_bringing_back_ones_own_chat_changes_nothing(owner, path):
    before = download(owner, f"{path}/export.json")

    assert bring(owner, before).says("Nothing new")
    assert len(owner.page("/chats").all('ul.rows a[href^="/chats/"]')) == 1
    assert download(owner, f"{path}/export.json") == before


@pytest.mark.slow
def test_what_is_out_of_sight_stays_at_home(owner, path):
    owner.post(address(owner.page(path), "Delete"))

    value = json.loads(download(owner, f"{path}/export.json"))

    assert [message["content"] for message in value["messages"]] == ["First **words**", HOSTILE]


@pytest.mark.slow
def test_a_running_answer_is_broken_off_in_the_file(owner, path, fake):
    fake.counts(4_000, pace=0.02)
    owner.post(address(owner.page(path), "Try again"))
    owner.wait_for(path, lambda page: "responding" in statuses(page))

    running = json.loads(download(owner, f"{path}/export.json"))["messages"][-1]

    assert running["generations"][-1]["status"] == "interrupted"
    assert running["content"].startswith("w000001")


def test_the_markdown_is_the_branch_that_is_shown(owner, path):
    text = download(owner, f"{path}/export.md").decode()

    assert text.startswith("# First words\n\n## You\n\nFirst **words**\n\n## Answer · some/model\n\nAnother\n")


@pytest.mark.slow
def test_the_text_is_the_same_without_marks(owner, path):
    text = download(owner, f"{path}/export.txt").decode()

    assert text == "First words\n===========\n\nYou:\nFirst words\n\nAnswer · some/model:\nAnother\n"
    assert owner.page(path).named("a", "Export as text")


@pytest.mark.slow
def test_the_page_runs_nothing_and_loads_nothing(owner, path):
    owner.post(address(owner.page(path), "Previous version"))

    html = download(owner, f"{path}/export.html").decode()
    policy = unescape(re.search(r'Policy" content="([^"]*)"', html)[1])

    assert "<script" not in html
    assert not re.search(r"<(img|link|iframe|form|object)", html)
    assert "javascript:" not in re.sub(r">[^<]*<", "><", html)
    style = re.search(r"<style>(.*)</style>", html, re.DOTALL)[1]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert "Look: &lt;script&gt;" in html


@pytest.mark.slow
def test_everything_is_one_archive(owner, member, begin, path, fake, app):
    fake.says("Yes")
    second, trashed, foreign = begin(owner, "Second chat"), begin(owner, "In the trash"), begin(member, "Of somebody else")
    for browser, chat in ((owner, second), (owner, trashed), (member, foreign)):
        browser.wait_for(chat, ended)
    with app.app_context(), write() as session:
        session.get_one(Chat, trashed.split("/")[-1]).deleted_at = utc_now()

    chats = members(download(owner, "/export.zip"))

    assert sorted(chat["chat"]["title"] for chat in chats.values()) == ["First words", "Second chat"]
    assert all(re.fullmatch(r"chats/\w{26}\.json", name) for name in chats)


@pytest.mark.slow
def test_an_archive_of_everything_comes_in_again(owner, member, path):
    owner.submit("/characters/variables", **{"variable-name-0": "met", "variable-value-0": "2"})
    data = download(owner, "/export.zip")

    assert json.loads(ZipFile(BytesIO(data)).read("variables.json")) == {"met": "2"}
    assert bring(member, data, "everything.zip").says("1 new chat, 3 new messages.")
    assert bring(member, data, "everything.zip").says("Nothing new")


@pytest.mark.slow
def test_a_long_chat_is_read_in_batches(owner, path, app):
    id = path.split("/")[-1]
    with app.app_context(), write() as session:
        last = session.scalar(select(Chat.head_id).where(Chat.id == id))
        for number in range(250):
            message = Message(chat_id=id, parent_id=last, role="user", content=f"Line {number}")
            session.add(message)
            session.flush()
            last = message.id

    value = json.loads(download(owner, f"{path}/export.json"))

    assert [entry["content"] for entry in value["messages"][3:]] == [f"Line {number}" for number in range(250)]


@pytest.mark.slow
def test_long_messages_are_read_and_packed_in_turns(owner, path, app):
    words = Random(1).choices(ascii_letters, k=200_000)
    with app.app_context(), write() as session:
        chat = session.get(Chat, path.split("/")[-1])
        new = [{"chat_id": chat.id, "parent_id": chat.head_id, "role": "user", "content": "".join(words)} for _ in range(100)]
        session.execute(insert(Message), new)
        user_id = chat.owner_id

    with nobody_waits():
        packed = b"".join(export.everything(ENGINE.of(app), user_id))

    with ZipFile(BytesIO(packed)) as archive:
        value = json.loads(archive.read(archive.namelist()[0]))
    assert len(value["messages"]) == 103


@pytest.mark.slow
def test_many_short_chats_are_read_and_packed_in_turns(owner, path, app):
    with app.app_context(), write() as session:
        user_id = session.get(Chat, path.split("/")[-1]).owner_id
        new = [{"owner_id": user_id, "model": "some/model", "title": f"Chat {number}"} for number in range(500)]
        session.execute(insert(Chat), new)

    with nobody_waits():
        packed = b"".join(export.everything(ENGINE.of(app), user_id))

    with ZipFile(BytesIO(packed)) as archive:
        assert len(archive.namelist()) == 501


@pytest.mark.slow
def test_only_its_owner_takes_it_along(member, visitor, path):
    for ending in ("md", "html", "json"):
        assert member.get(f"{path}/export.{ending}").status_code == 404
        assert visitor.get(f"{path}/export.{ending}").location.startswith("/login")
    assert visitor.get("/export.zip").location.startswith("/login")


def test_nothing_is_left_open_while_an_archive_is_sent(owner, path, app):
    response = owner.client.get("/export.zip", base_url=owner.origin)
    pieces = response.iter_encoded()
    next(pieces)

    # Follow-up work of an answer or of the start can hold a connection briefly; a leaked one would be held permanently.
    with app.app_context():
        until(lambda: db.engine.pool.checkedout() == 0, "no connection is in use")
    response.close()
