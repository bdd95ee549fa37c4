"""A model names a chat after its first complete answer; on any failure the chat keeps its first words as title."""

import pytest
from sqlalchemy import select

from tests.chat.conftest import ended, ended_with, id_of
from tests.chat.listener import PART
from tests.chat.test_chats import add_chats
from tests.chat.test_sidebar import sidebars
from tests.conftest import signed_in
from tests.support.waiting import until
from tests.upstream.handle import TITLE
from webapp.base.db import db, write
from webapp.chat.messages.titles import first_words
from webapp.chat.record.tables import Chat
from webapp.engine.engine import ENGINE
from webapp.engine.tables import ACTIVE, Generation
from webapp.settings import service as settings

LONG = "I would like to know how the millers of the old mill by the river dressed their stones for rye and for wheat"


def title_of(browser, path: str) -> str:
    with browser.app.app_context():
        return db.session.get_one(Chat, id_of(path)).title


def until_named(browser, path: str, title: str) -> None:
    until(lambda: title_of(browser, path) == title, f"it is called {title}")


@pytest.fixture
def asked(owner, answered, fake):
    """Begins a chat whose title request gets these replies after the answer."""

    def asked(*replies, message: str = LONG) -> str:
        fake.says("With a bill and a pick.")
        fake.behaves(replies, at=TITLE)
        return answered(owner, message)

    return asked


@pytest.mark.slow
def test_the_model_gives_the_title_once(owner, asked, fake):
    path = asked({"says": '"Dressing millstones for rye and wheat."\nAnd more', "cost": 0.0001})
    until_named(owner, path, "Dressing millstones for rye and wheat")

    owner.post(f"{path}/messages", message="And then?")
    owner.wait_for(path, ended_with(4))
    assert len(fake.titles()) == 1
    with owner.app.app_context():
        record = db.session.scalars(select(Generation).where(Generation.kind == "title")).one()
        assert (record.status, record.message_id, record.model_asked) == ("completed", None, "some/model")
        assert record.cost is not None


def test_the_first_message_names_an_empty_chat_on_its_open_pages(owner, fake, listen):
    fake.says("Hello")
    with owner.app.app_context(), write() as session:
        chat = Chat(owner_id=owner.person_id, model="some/model")
        session.add(chat)
        session.flush()
        path = f"/chats/{chat.id}"
    page = owner.page(path)
    listener = listen(owner, page.events_url)

    page.press("Send", message="How stones are dressed")
    heading = ("title", "innerHTML", "How stones are dressed · Millrace")
    listener.until(lambda feed: heading in PART.findall(feed.html))


@pytest.mark.slow
def test_open_pages_hear_of_it_in_their_heading_and_in_its_row_alone(owner, begin, fake, listen):
    # With fewer rows, sending the whole list would be as short.
    add_chats(owner, 4)
    question = "How were stones dressed before there were steel picks?"
    fake.beside(question, {"counted": 4_000, "pace": 0.05})
    fake.behaves([{"says": "Dressing <stones>", "cost": 0.0001, "delay": 60}], at=TITLE)
    page = owner.page(begin(owner, question))
    listener = listen(owner, page.events_url)
    listener.until(lambda feed: sidebars(feed) and 'class="dot"' in sidebars(feed)[-1])
    fake.beside(question, over=True)
    # The end's change to the list is sent a moment later: together with the title it would be one change.
    listener.until(lambda feed: 'class="dot"' not in sidebars(feed)[-1])
    fake.until(lambda log: fake.titles())
    fake.over()
    listener.until(lambda feed: feed.html.count("Dressing &lt;stones&gt;") >= 4)

    parts = [(target, html) for target, _, html in PART.findall(listener.html) if "Dressing" in html]
    row = f"#sidebar-{page.path.partition('#')[0].rpartition('/')[2]}"
    assert {target for target, _ in parts} == {"#chat-title:not(:has(form))", "title", ".chats--here bdi", row}
    assert "<bdi>Dressing &lt;stones&gt;</bdi>" in dict(parts)[row]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("reply", [{"status": 500}, {"status": 401}, {"says": ""}, {"says": '"."'}])
def test_without_a_good_title_the_first_words_stay(owner, asked, fake, reply):
    path = asked(*[reply] * 4)
    fake.until(lambda log: fake.titles())
    until(lambda: not ENGINE.of(owner.app).live, "nothing runs")

    assert title_of(owner, path).startswith("I would like to know")
    assert title_of(owner, path).endswith("…")


def test_a_short_first_message_is_named_too(owner, asked, fake):
    path = asked({"says": "Dressing stones"}, message="How are stones dressed?")

    until_named(owner, path, "Dressing stones")
    request = fake.titles()[0]["body"]
    assert request["max_tokens"] == 60
    assert "How are stones dressed?" in str(request["messages"])


@pytest.mark.slow
def test_a_chat_with_a_character_is_named_after_its_scene(owner, fake):
    fake.says("In a minute.")
    fake.behaves([{"says": "At the locked gate"}], at=TITLE)
    wish = {"name": "Maren", "description": "Maren keeps the lock.", "greeting": "*Turns the key.* Who is there?"}
    path = owner.submit("/characters/new", **wish).press("Chat with Maren").path
    assert title_of(owner, path) == "Maren"

    for message in ("Let me through.", "Now."):
        owner.post(f"{path}/messages", message=message)
        owner.wait_for(path, ended)
    until_named(owner, path, "At the locked gate")

    assert len(fake.titles()) == 1
    told = str(fake.titles()[0]["body"]["messages"])
    assert told.index("scene") < told.index("Turns the key.") < told.index("Let me through.") < told.index("In a minute.")
    for page in (owner.page("/settings"), owner.page("/chats"), owner.page(path)):
        row = page.one(f'#sidebar-chats a[href="{path}"]')
        assert (row.css_first(".face").text(), row.css_first("bdi").text()) == ("M", "At the locked gate")
    assert owner.page("/chats").one(f'.rows a[href="{path}"] .face').text() == "M"


def test_another_version_of_the_first_answer_is_no_reason_to_ask_again(owner, asked, fake):
    path = asked({"says": "Dressing stones"})
    until_named(owner, path, "Dressing stones")
    answer = owner.page(path).message_ids[-1]
    owner.post(f"/messages/{answer}/again")
    owner.wait_for(path, ended)

    assert len(fake.titles()) == 1


def test_the_first_answer_that_completes_counts(owner, asked, fake):
    fake.behaves([{"counted": 9, "cut_after": 3}])
    path = asked({"says": "Counted"})
    assert not fake.titles()
    answer = owner.page(path).message_ids[-1]
    owner.post(f"/messages/{answer}/continue")

    until_named(owner, path, "Counted")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("wish", "model"), [("off", ""), ("cheap/model", "cheap/model"), ("demo/quick", "")])
def test_the_setting_says_who_is_asked(owner, asked, fake, wish, model):
    with owner.app.app_context():
        settings.set_setting("models.titles", wish)
    path = asked({"says": "A title"})

    if model:
        until_named(owner, path, "A title")
        assert fake.titles()[0]["body"]["model"] == model
        assert asked_model(owner) == model
    else:
        assert title_of(owner, path).startswith("I would like to know")
        assert not fake.titles()


@pytest.mark.slow
def test_a_chat_with_a_name_of_its_own_is_not_named(owner, begin, fake):
    fake.behaves([{"steps": [{"hang": True}]}])
    path = begin(owner, LONG)
    owner.post(f"{path}/rename", title="Mine")
    fake.until_asked()
    stop = owner.page(path).one("button.stop").attributes["formaction"]
    owner.post(stop)
    owner.wait_for(path, ended)
    fake.says("Here.")
    owner.post(f"/messages/{owner.page(path).message_ids[-1]}/again")
    owner.wait_for(path, ended)

    assert not fake.titles()


@pytest.mark.mostly_slow
@pytest.mark.parametrize("action", ["rename", "delete"])
def test_who_names_the_chat_or_deletes_it_ends_the_asking(owner, asked, fake, action):
    path = asked({"steps": [{"hang": True}]})
    fake.until(lambda log: fake.titles())
    owner.post(f"{path}/{action}", title="My stones")

    fake.until(lambda log: fake.titles()[0]["client_closed"])
    assert title_of(owner, path) == "My stones" or action == "delete"


@pytest.mark.slow
def test_a_name_that_was_given_meanwhile_stays(owner, asked, fake):
    path = asked({"says": "Late title", "delay": 0.3})
    fake.until(lambda log: fake.titles())
    with owner.app.app_context(), write() as session:
        session.get_one(Chat, id_of(path)).title = "Named by import"
    until(lambda: recorded(owner), "it has ended")

    assert title_of(owner, path) == "Named by import"


@pytest.mark.slow
def test_the_demo_is_never_asked(make_app, answered):
    browser = signed_in(make_app(), "demo@example.org", "owner")
    path = answered(browser, LONG)

    assert title_of(browser, path).endswith("…")
    assert not recorded(browser)


def asked_model(browser) -> str:
    with browser.app.app_context():
        return db.session.scalars(select(Generation.model_asked).where(Generation.kind == "title")).one()


def recorded(browser) -> list:
    with browser.app.app_context():
        is_ended = (Generation.kind == "title") & Generation.status.not_in(ACTIVE)
        return list(db.session.scalars(select(Generation.id).where(is_ended)))


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("words.py\n```py\nimport sys\n```\n", "words.py"),
        ("words.py\r\n```py\r\nimport sys\r\n```\r\n\r\nWhat does it do?", "What does it do?"),
        ("What is wrong?\n\na.txt\n```txt\n" + "x\n" * 5_000 + "```\n\nb.txt\n```txt\ny\n```\n", "What is wrong?"),
        ("What is wrong here?\n```py\nx\n```", "What is wrong here?"),
        ("__init__.py\n````py\n```\nx\n```\n````\n", "__init__.py"),
        ("x.c\n```c\nnever closed", "x.c"),
        ("```\ncode alone\n```", "code alone"),
        ("Look: ```here``` it is", "Look: here it is"),
    ],
)
def test_what_stands_between_fences_is_no_title_as_long_as_there_is_another(message, title):
    assert first_words(message) == title


@pytest.mark.slow
def test_a_chat_that_begins_with_a_file_is_called_by_what_is_asked_of_it(owner, answered, fake):
    fake.says("It counts.")
    path = answered(owner, "words.py\n```py\nimport sys\n```\n\nWhat does it do?")

    assert title_of(owner, path) == "What does it do?"
