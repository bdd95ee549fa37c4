"""What the server does for browsers without a network: which pages they keep and for whom, and messages sent later, once."""

import pytest

from tests.chat.conftest import ended_with, give, id_of, texts
from webapp.base.db import write
from webapp.chat.record.tables import Chat
from webapp.settings.service import set_setting

KEEPER = "Millrace-Keep"
JSON = {"Accept": "application/json"}


def send(browser, text: str, *, key: str, chat: str = "", person: str = "", **more):
    fields = {"message": text, "key": key, "chat": chat, "person": person or browser.person_id, **more}
    return browser.post("/offline/messages", headers=JSON, **fields)


def keeper(browser, path: str) -> list[str]:
    return browser.get(path).headers[KEEPER].split()


def test_a_page_says_for_whom_it_is_and_whether_it_may_be_kept(app, owner, member, visitor, path):
    session, person, *kind = keeper(owner, path)
    assert kind == ["page"]
    assert keeper(owner, "/") == [session, person, "page"]
    # Forms, other people's browsers, pages of admins and settings.
    for other in (f"{path}?writing=1", "/?temporary=1", "/settings", "/admin", "/chats"):
        assert keeper(owner, other) == [session, person], other
    theirs, member_id = keeper(member, "/chats")
    assert session != theirs
    assert person != member_id
    assert keeper(visitor, "/login") == ["-"]
    assert keeper(visitor, "/offline") == ["-"]
    assert keeper(owner, "/chats/0000000000000000000000000") == [session, person]
    with app.app_context(), write() as session_of_db:
        session_of_db.get_one(Chat, id_of(path)).is_temporary = True
    assert keeper(owner, path) == [session, person]


def test_a_chat_that_is_shared_with_a_person_is_not_kept(owner, member, path):
    give(path, member, "write")
    assert len(keeper(member, path)) == 2
    assert len(keeper(owner, path)) == 3


@pytest.mark.parametrize("who", ["the house", "the person"])
def test_it_is_switched_off(app, owner, path, who):
    assert owner.page(path).one(".offline[data-keeps]")
    if who == "the house":
        with app.app_context():
            set_setting("accounts.offline", "off")
    else:
        assert owner.submit("/settings/chats", offline="off").says("Saved.")
    assert keeper(owner, path)[0] == "-"
    assert not owner.page(path).all(".offline[data-keeps]")
    assert bool(owner.page("/settings/chats").all("#offline")) == (who == "the person")


def test_signing_out_clears_the_browser(owner):
    assert owner.post("/logout").headers["Clear-Site-Data"] == '"cache", "storage"'


def test_the_worker_is_at_the_top_and_never_stale(visitor):
    worker = visitor.get("/sw.js")
    assert worker.headers["Content-Type"].startswith("text/javascript")
    assert worker.headers["Cache-Control"] == "no-cache"
    assert "worker-src 'self'" in worker.headers["Content-Security-Policy"]
    assert "onfetch" in worker.text
    assert "unsent" in worker.text


def test_messages_written_offline_are_sent_once_and_in_order(owner, path, fake):
    chat = id_of(path)
    for _ in range(2):
        for number, text in enumerate(("Second", "Third", "Third")):
            answer = send(owner, text, key=f"k{number}", chat=chat)
            assert answer.status_code == 200, answer.text
            assert answer.json == {"url": path}
    page = owner.wait_for(path, ended_with(8))
    assert texts(page)[::2] == ["First", "Second", "Third", "Third"]
    for number, text in enumerate(("Second", "Third", "Third")):
        send(owner, text, key=f"k{number}", chat=chat)
    assert len(texts(owner.page(path))) == 8


def test_a_chat_begun_offline_is_begun_once(owner, fake):
    fake.says("One")
    first = send(owner, "A new one", key="k", model="fake/plain")
    assert send(owner, "A new one", key="k", model="fake/plain").json == first.json
    assert texts(owner.page(first.json["url"]))[0] == "A new one"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"person": "someone"}, 401, "Someone else wrote this message"),
        ({"text": " "}, 422, "Write something first."),
        ({"text": "x" * 200_001}, 422, "long"),
        ({"chat": "0000000000000000000000000"}, 404, "not found"),
        ({"project": "0000000000000000000000000"}, 422, "That project doesn't exist"),
    ],
)
def test_what_is_refused_says_why(owner, fields, status, words):
    answer = send(owner, **{"text": "Hello", "key": "k", **fields})
    assert answer.status_code == status, answer.text
    assert words in answer.json["detail"]


def test_without_a_session_nothing_is_sent(visitor):
    answer = send(visitor, "Hello", key="k", person="x")
    assert (answer.status_code, answer.json["detail"]) == (401, "Please sign in first.")


def test_what_is_typed_before_the_page_shows_what_was_sent_goes_below_that(owner, member, path):
    give(path, member, "write")
    old = owner.page(path)
    sent = send(owner, "Inside", key="k1", chat=id_of(path))
    assert sent.status_code == 200, sent.text
    owner.wait_for(path, ended_with(4))
    old.form("Send").submit(message="Outside")
    page = owner.wait_for(path, ended_with(6))
    assert texts(page)[2::2] == ["Inside", "Outside"]
    # What someone else has written meanwhile was not seen.
    member.submit(f"{path}", message="Hers")
    owner.wait_for(path, ended_with(8))
    page.form("Send").submit(message="His")
    assert texts(owner.wait_for(path, ended_with(8)))[6::2] == ["His"]
