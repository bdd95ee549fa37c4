"""Lists of models are read at the start and daily, without a request of a person, and by one of several workers."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from tests.support.ports import free_port
from tests.support.waiting import until
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, utc_now
from webapp.engine import chores
from webapp.models.connections import service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.keys import BUILT_IN
from webapp.models.connections.models import the_models
from webapp.models.connections.service import ConnectionInput, row_of
from webapp.operations.health import model_lists

__all__ = ["app"]
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream as Fake

LISTED = {"json": {"data": [{"id": "maker/one", "context_length": 32_768}]}}


def reads(fake: Fake) -> int:
    return sum(entry["path"].endswith("/models") for entry in fake.log())


def look(app: Flask) -> bool:
    """Looks what is due, as the chore does."""
    with app.app_context():
        the_connections().forget()
        return model_lists.read_due()


def made_older(app: Flask, by: timedelta) -> None:
    with app.app_context():
        row_of(db.session(), BUILT_IN).models_at = utc_now() - by
        db.session.commit()


def test_a_server_that_starts_reads_the_lists_by_itself(make_app: Callable[..., Flask], fake: Fake) -> None:
    fake.always(LISTED, at="/models")
    app = make_app(**(fake.environ | {"READ_MODEL_LISTS": "1"}))
    with app.app_context():
        chores.resume()

    def is_known() -> bool:
        with app.app_context():
            return the_models().known("maker/one").context_length == 32_768

    until(is_known, "the list is read")
    assert reads(fake) == 1


def test_without_being_asked_nothing_is_read(app: Flask, fake: Fake) -> None:
    with app.app_context():
        chores.resume()
        assert "new lists of models" not in chores.TICKERS.get()
    assert reads(fake) == 0


def test_a_list_is_read_again_after_a_day(app: Flask, fake: Fake) -> None:
    fake.always(LISTED, at="/models")
    assert [look(app), look(app)] == [False, False]
    assert reads(fake) == 1
    made_older(app, timedelta(hours=23))
    look(app)
    assert reads(fake) == 1
    made_older(app, timedelta(hours=25))
    look(app)
    assert reads(fake) == 2


def test_what_another_worker_has_just_read_is_not_read_again(make_app, app: Flask, fake: Fake) -> None:
    fake.always(LISTED, at="/models")
    look(app)
    other = make_app(**fake.environ)
    look(other)
    made_older(app, timedelta(hours=5))
    look(other)
    assert reads(fake) == 1
    # One that starts later reads it again: a local server may have been started in another way.
    look(make_app(**fake.environ))
    assert reads(fake) == 2


@pytest.mark.parametrize("failure", [{"status": 500, "text": "no"}, {"raw": [{"close": "rst"}]}], ids=["500", "reset"])
def test_a_server_that_fails_is_asked_again_later(app: Flask, fake: Fake, failure: dict) -> None:
    fake.behaves([failure], at="/models")
    fake.always(LISTED, at="/models")
    assert [look(app), look(app)] == [True, True]
    assert reads(fake) == 1
    with app.app_context():
        waits = model_lists.READINGS.get().waits
        assert [failures for _, failures in waits.values()] == [1]
        waits[BUILT_IN] = (0.0, 1)
    assert not look(app)
    assert reads(fake) == 2


def test_a_server_that_is_down_delays_no_other(app: Flask, fake: Fake) -> None:
    fake.always(LISTED, at="/models")
    with app.app_context():
        entered = ConnectionInput(name="Gone", base_url=f"http://127.0.0.1:{free_port()}/v1")
        connections.create("openai", entered, author=COMMAND_LINE)
    assert look(app)
    with app.app_context():
        assert the_models().known("maker/one").context_length == 32_768
