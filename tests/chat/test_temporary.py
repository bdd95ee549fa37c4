"""Temporary chats: in no list, deleted when closed or a day old, while their costs stay recorded."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from tests.chat.conftest import asked, ended, id_of
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.waiting import until
from webapp.base.db import db, is_sqlite, utc_now, write
from webapp.chat import erasing, kind
from webapp.chat.messages import sending
from webapp.chat.record.tables import Chat, Draft, Message
from webapp.engine.chores import TICKERS
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation, JournalRow
from webapp.settings.service import set_setting

SECRET = "marsh samphire"


@pytest.fixture
def path(owner, fake) -> str:
    """A temporary chat with a complete answer."""
    fake.says(f"It is {SECRET}.", cost=0.002)
    path = owner.submit("/", message=f"Tell me of {SECRET}", temporary="y").path
    owner.wait_for(path, ended)
    return path


def count(table) -> int:
    return db.session.scalar(select(func.count()).select_from(table))


def is_all_gone() -> bool:
    db.session.rollback()
    return count(Chat) == count(JournalRow) == 0


def words_left() -> list[str]:
    """Returns every table that still contains the words."""
    tables = db.metadata.sorted_tables
    found = [table.name for table in tables if any(SECRET in str(row) for row in db.session.execute(select(table)))]
    if is_sqlite():
        for name in ("messages_search", "calls_search"):
            query = text(f"SELECT count(*) FROM {name} WHERE {name} MATCH 'samphire'")
            found += [name] * bool(db.session.scalar(query))
    return found


def test_the_page_says_what_it_is_and_offers_nothing_that_keeps_it(owner, path):
    page = owner.page(path)

    assert page.says("Temporary: deleted when you close it, or after one day.")
    assert page.has(".top .menu button", "Close")
    assert page.one(".top .passing").text() == "Temporary"
    for words in ("Rename", "Pin", "Archive", "Delete chat", "Export"):
        assert not page.says(words), words
    assert owner.get(f"{path}/people").status_code == 409


@pytest.mark.slow
def test_it_stands_in_no_list_no_search_and_no_export(owner, path, answered, fake):
    kept = answered(owner, "Something else")
    fake.until(lambda _: fake.titles())

    for place in ("/plans", "/chats", "/chats?q=samphire", "/chats?show=archived", "/chats/trash"):
        assert path not in owner.get(place).text, place
    archive = owner.client.get("/export.zip", base_url=owner.origin).data
    assert id_of(path).encode() not in archive
    assert id_of(kept).encode() in archive


@pytest.mark.slow
@on_both_databases
def test_closing_it_leaves_the_cost_and_not_a_word(owner, path):
    id = id_of(path)
    owner.post(f"{path}/draft", message=f"More on {SECRET}")
    assert owner.post(f"{path}/close").location == "/"

    assert owner.get(path).status_code == 404
    with owner.app.app_context():
        generation = db.session.scalars(select(Generation)).one()
        assert (generation.message_id, generation.prompt, generation.sent_as) == (None, {}, None)
        assert (generation.status, generation.lane, float(generation.cost)) == ("completed", f"chat:{id}", 0.002)
        assert generation.output_tokens
        assert (count(Chat), count(Message), count(Draft)) == (0, 0, 0)
        assert words_left() == []


@pytest.mark.slow
@also_on_postgres
def test_an_answer_that_runs_is_stopped_and_its_cost_is_kept(owner, fake):
    fake.behaves([{"counted": 5000, "pace": 0.01}])
    path = owner.submit("/", message=f"Count {SECRET}", temporary="y").path
    owner.wait_for(path, lambda page: "w000003" in page.text)
    owner.post(f"{path}/close")

    engine = ENGINE.of(owner.app)
    fake.until(lambda log: log[0]["client_closed"] and not engine.live)
    with owner.app.app_context():
        generation = db.session.scalars(select(Generation)).one()
        assert (generation.status, generation.reason, generation.message_id) == ("stopped", "user", None)
        assert (count(Chat), count(Message), count(JournalRow)) == (0, 0, 0)
        assert words_left() == []


@also_on_postgres
def test_what_another_page_begins_while_it_is_closed_is_stopped_too(owner, path, fake):
    fake.counts(5000, pace=0.01)
    owner.post(f"{path}/messages", message="And then?")
    fake.until(lambda log: len(asked(fake)) == 2)
    with owner.app.app_context():
        # As if the closing had checked for running answers before this one began.
        erasing.erase(Chat.id == id_of(path))

    engine = ENGINE.of(owner.app)
    fake.until(lambda log: asked(fake)[-1]["client_closed"] and not engine.live)
    with owner.app.app_context():
        assert [generation.status for generation in db.session.scalars(select(Generation).order_by(Generation.id))] == [
            "completed",
            "stopped",
        ]


def test_what_a_crash_left_of_a_closed_chat_is_settled_without_its_words(owner, path):
    owner.post(f"{path}/close")
    with owner.app.app_context():
        generation = db.session.scalars(select(Generation)).one()
        kind.continue_interrupted(generation)
        kind.changed(generation)
        projection = kind.projection(generation)
        assert projection.snapshot()[0].html == ""


def test_nobody_else_closes_it_and_what_is_kept_is_not_closed(owner, stranger, path, begin):
    kept = begin(owner, "Keep me")

    assert stranger.post(f"{path}/close").status_code == 404
    assert stranger.get(path).status_code == 404
    assert owner.post(f"{kept}/close").status_code == 409
    assert owner.page(kept).says("Keep me")


def test_deleting_it_by_hand_is_closing_it(owner, path):
    owner.post(f"{path}/delete")

    assert SECRET not in owner.page("/chats/trash").text
    with owner.app.app_context():
        assert count(Chat) == 0


@pytest.mark.slow
@also_on_postgres
def test_after_a_day_it_goes_by_itself(owner, path, begin, fake):
    fake.says("Else.")
    owner.wait_for(begin(owner, "Kept"), ended)
    with owner.app.app_context():
        assert erasing.erase_temporary() == 0
        with write() as session:
            for chat in session.scalars(select(Chat)):
                chat.created_at = utc_now() - timedelta(days=1, minutes=1)
        until(lambda: not erasing.sweep(), "the chat is gone, whoever has taken it")
        assert [chat.title for chat in db.session.scalars(select(Chat))] == ["Kept"]
        assert words_left() == []


@pytest.mark.slow
@also_on_postgres
def test_after_a_day_an_answer_that_still_runs_is_stopped(owner, fake):
    fake.behaves([{"counted": 5000, "pace": 0.01}])
    path = owner.submit("/", message=f"Count {SECRET}", temporary="y").path
    owner.wait_for(path, lambda page: "w000003" in page.text)
    with owner.app.app_context():
        with write() as session:
            session.scalars(select(Chat)).one().created_at = utc_now() - timedelta(days=2)
        erasing.sweep()
        until(is_all_gone, "the chat is gone, whoever has taken it")
        generation = db.session.scalars(select(Generation)).one()
        assert (generation.status, generation.reason, generation.message_id) == ("stopped", "user", None)
    fake.until(lambda log: log[0]["client_closed"])


def test_a_trash_that_keeps_everything_needs_nobody_to_look(owner, answered):
    kept = answered(owner)
    owner.post(f"{kept}/delete")
    with owner.app.app_context():
        assert erasing.sweep() is True
        set_setting("trash.days", "0")
        assert erasing.sweep() is False


def test_somebody_looks_for_it_as_long_as_it_waits(owner, path):
    assert TICKERS.of(owner.app)["sweeper"].ticks == 0
    with owner.app.app_context():
        assert erasing.sweep() is True


@pytest.mark.slow
def test_a_start_looks_too(owner, path):
    with owner.app.app_context():
        with write() as session:
            session.scalars(select(Chat)).one().created_at = utc_now() - timedelta(days=2)
        kind.recover()
        until(is_all_gone, "the chat is gone, whoever has taken it")


def test_no_title_is_asked_of_the_model(owner, path, fake):
    assert fake.titles() == []


def test_the_choice_is_kept_when_the_message_is_refused(owner):
    page = owner.submit("/", message=" ", temporary="y")

    assert "checked" in page.one("input[name=temporary]").attributes


def test_the_choice_is_not_for_a_chat_that_is_there(owner, begin, visitor):
    path = begin(owner)

    assert not owner.page(path).all("input[name=temporary]")
    owner.post(f"{path}/messages", message="And more", temporary="y")
    with owner.app.app_context():
        assert not db.session.scalars(select(Chat)).one().is_temporary
    assert not visitor.page("/ai-demo").all("input[name=temporary]")


def test_a_service_makes_one_too(owner):
    with owner.app.app_context():
        user_id = db.session.scalar(text("SELECT id FROM users"))
        generation = sending.start_chat("Hello", owner_id=user_id, is_temporary=True)
        assert db.session.get_one(Chat, generation.lane.removeprefix("chat:")).is_temporary


@pytest.mark.slow
def test_home_leads_back_to_one_that_is_open_or_closes_it(owner, member, path):
    home = owner.page("/")
    assert home.says("You have a temporary chat open.")
    assert home.click("Go back").path == path
    assert not member.page("/").says("You have a temporary chat open.")

    assert not home.press("Close it").says("You have a temporary chat open.")
    assert owner.get(path).status_code == 404
