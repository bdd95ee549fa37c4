"""An answer cut by a restart says so until its text is saved, and so does its continuation until new text arrives."""

import pytest
from sqlalchemy import select, update

from tests.chat.conftest import ended, statuses, texts
from tests.chat.listener import listen
from tests.engine.bench import Bench
from webapp.base.db import db, utc_now, write
from webapp.engine.duties import recovery
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import User
from webapp.settings.service import set_setting

__all__ = ["listen"]

RESTORING, CONTINUING = "Restoring after a restart…", "Continuing after a restart"


def make(app, **values: object) -> None:
    with app.app_context(), write() as session:
        session.execute(update(Generation).values(**values))


@pytest.fixture
def left(owner, app, make_app, fake) -> str:
    """A chat whose answer was being written by a worker that is gone, though no other worker knows it yet."""
    before = Bench(make_app(**fake.environ))
    with app.app_context():
        set_setting("restart.policy", "never")
        person = db.session.scalars(select(User.id)).one()
    fake.says("Fine.")
    id = before.until_ended(before.ask(person=person)).id
    before.until(lambda: not before.engine.live)
    make(app, status="running", owner="elsewhere", reason="", heartbeat_at=utc_now())
    return f"/chats/{before.generation(id).chat_id}"


def settle(app) -> None:
    make(app, heartbeat_at=utc_now().replace(year=2020))
    with app.app_context():
        recovery.settle_orphans(ENGINE.of(app))


def test_it_says_so_until_its_text_is_saved(owner, app, left):
    page = owner.page(left)
    assert page.says(RESTORING)
    assert texts(page)[-1] == "Fine."
    assert page.has("button", "Stop")
    assert not page.has("button", "Continue")

    settle(app)

    page = owner.page(left)
    assert statuses(page)[-1] == "interrupted"
    assert page.has("button", "Continue")
    assert not page.says(RESTORING)


def test_stop_is_honoured_though_nobody_runs_it(owner, app, left):
    assert owner.post(owner.page(left).action("Stop")).status_code == 303

    settle(app)

    assert statuses(owner.page(left))[-1] == "stopped"


@pytest.mark.slow
def test_an_open_page_is_told_once_and_hears_of_the_end(owner, app, left, listen):
    listener = listen(owner, owner.page(left).events_url)
    settle(app)

    listener.until(lambda heard: "Continue" in heard.html)
    assert listener.html.count(RESTORING) <= 1


@pytest.mark.slow
def test_what_continues_it_says_so_until_there_is_text(owner, app, left, fake):
    settle(app)
    fake.always({"steps": [{"hang": True}]})
    owner.post(owner.page(left).action("Continue"))

    page = owner.wait_for(left, lambda page: page.says(CONTINUING))
    owner.post(page.action("Stop"))
    assert not owner.wait_for(left, ended).says(CONTINUING)
