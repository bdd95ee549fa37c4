"""Settings: which value is in effect, and who is notified of changes."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import gevent
import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import MakeApp
from tests.support.marks import also_on_postgres
from tests.support.people import PASSWORD
from webapp.base.audit import COMMAND_LINE, AuditAuthor
from webapp.base.db import db, write
from webapp.base.errors import Invalid, NotFound
from webapp.people.accounts.service import add_user
from webapp.settings.service import all_settings, set_setting, setting, shown_setting, unset_setting
from webapp.settings.tables import ApplicationSetting


@pytest.fixture
def inside(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def store(name: str, text: str) -> None:
    """Stores a value as another process does, without notifying this one."""
    with write() as session:
        session.merge(ApplicationSetting(key=name, value=text))


def comes_true(name: str, value: object) -> bool:
    with gevent.Timeout(30, False):
        while setting(name) != value:
            gevent.sleep(0.02)
        return True
    return False


@also_on_postgres
def test_a_setting_has_its_default_until_somebody_sets_it(inside: None) -> None:
    assert setting("stream.stall_seconds") == 60

    assert set_setting("stream.stall_seconds", "2.5") == 2.5
    assert setting("stream.stall_seconds") == 2.5
    set_setting("stream.stall_seconds", "3")
    assert setting("stream.stall_seconds") == 3

    unset_setting("stream.stall_seconds", author=COMMAND_LINE)
    unset_setting("stream.stall_seconds", author=COMMAND_LINE)
    assert setting("stream.stall_seconds") == 60


@pytest.mark.parametrize(
    ("environ", "name", "value"),
    [
        ({"STREAMING_TIMEOUT": "300000"}, "stream.total_seconds", 300),
        ({"STREAMING_TIMEOUT": "1500"}, "stream.total_seconds", 1.5),
        ({"STREAMING_TIMEOUT": "0"}, "stream.total_seconds", 0),
        ({"STREAMING_CHUNK_SIZE": "1024"}, "stream.read_size", 1024),
        ({"OPENROUTER_MODEL": "openai/gpt-4o-mini"}, "models.default", "openai/gpt-4o-mini"),
    ],
)
def test_the_environment_is_the_default_and_what_is_stored_wins(
    make_app: MakeApp, environ: dict[str, str], name: str, value: object
) -> None:
    with make_app(**environ).app_context():
        assert (setting(name), shown_setting(name).source) == (value, "environment")
        set_setting(name, "7")
        assert (shown_setting(name).text, shown_setting(name).source) == ("7", "stored")
        unset_setting(name, author=COMMAND_LINE)
        assert setting(name) == value


@pytest.mark.slow
def test_what_another_process_sets_is_noticed_within_a_moment(inside: None) -> None:
    assert setting("demo.visitors") is True
    store("demo.visitors", "false")

    assert comes_true("demo.visitors", False)


def test_reading_costs_one_query_a_second_for_all_of_them(inside: None) -> None:
    asked = []
    db.event.listen(db.engine, "before_cursor_execute", lambda *details: asked.append(details[2]))
    began = time.monotonic()
    for known in all_settings():
        setting(known.setting.name)

    seconds = time.monotonic() - began
    assert len([statement for statement in asked if "application_settings.value" in statement]) <= 2 + seconds


@pytest.mark.slow
def test_reading_leaves_the_transaction_around_it_alone(inside: None) -> None:
    with write() as session:
        session.add(ApplicationSetting(key="stream.stall_seconds", value="9"))
        assert setting("stream.stall_seconds") == 60

    assert comes_true("stream.stall_seconds", 9)


def test_a_stored_value_that_makes_no_sense_is_not_used(inside: None) -> None:
    store("stream.stall_seconds", "soon")
    store("from.a.newer.version", "7")

    assert setting("stream.stall_seconds") == 60
    assert shown_setting("stream.stall_seconds").source == "default"
    with pytest.raises(NotFound):
        setting("from.a.newer.version")


@pytest.mark.slow
def test_without_a_readable_database_the_last_known_values_are_used(inside: None, tmp_path: Path) -> None:
    set_setting("stream.stall_seconds", "9")
    assert setting("stream.stall_seconds") == 9
    with closing(sqlite3.connect(tmp_path / "millrace.sqlite3")) as other:
        other.execute("ALTER TABLE application_settings RENAME TO gone")
        unseen = gevent.spawn(gevent.sleep, 1.1)
        while not unseen.ready():
            assert setting("stream.stall_seconds") == 9
            gevent.sleep(0.1)


def test_a_database_without_tables_gives_defaults(make_bare_app: MakeApp) -> None:
    with make_bare_app().app_context():
        assert setting("limits.concurrent_streams") == 4


def test_an_unknown_name_is_refused_with_the_nearest_one(inside: None) -> None:
    for refused in (lambda: setting("stream.total_second"), lambda: set_setting("stream.total_second", "1")):
        with pytest.raises(NotFound, match=r"stream\.total_seconds"):
            refused()


def test_a_value_out_of_bounds_is_refused_and_changes_nothing(inside: None) -> None:
    with pytest.raises(Invalid, match=r"stream\.journal_ms"):
        set_setting("stream.journal_ms", "1")

    assert shown_setting("stream.journal_ms").source == "default"


@also_on_postgres
def test_the_list_says_what_is_in_effect_and_who_changed_it(inside: None) -> None:
    ann = add_user("ann@example.org", "admin", PASSWORD)
    set_setting("trash.days", "7", author=AuditAuthor(ann))
    set_setting("trash.days", "8", author=AuditAuthor(ann))
    set_setting("demo.visitors", "no")

    lines = {line.setting.name: line for line in all_settings()}
    days, visitors, stall = lines["trash.days"], lines["demo.visitors"], lines["stream.stall_seconds"]

    assert (days.text, days.source, days.changed_by) == ("8", "stored", "ann")
    assert days.changed_at is not None
    assert (visitors.text, visitors.changed_by) == ("false", None)
    assert (stall.source, stall.changed_at) == ("default", None)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_who_asks_while_the_first_reading_goes_on_gets_what_is_stored(app: Flask, make_app: MakeApp) -> None:
    with app.app_context():
        set_setting("limits.streams_burst", "7")
    begun = make_app()

    def burst() -> int:
        with begun.app_context():
            return int(setting("limits.streams_burst"))

    asking = [gevent.spawn(burst) for _ in range(5)]
    gevent.joinall(asking, timeout=60)
    assert [greenlet.value for greenlet in asking] == [7] * 5


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_who_asks_after_a_change_gets_it_while_another_still_reads(app: Flask) -> None:
    def burst() -> int:
        with app.app_context():
            return int(setting("limits.streams_burst"))

    assert burst() != 7
    with app.app_context(), db.engine.connect() as other:
        set_setting("limits.streams_burst", "7")
        other.execute(text("LOCK TABLE application_settings"))
        asking = [gevent.spawn(burst) for _ in range(2)]
        gevent.sleep(0.3)
    gevent.joinall(asking, timeout=60)
    assert [greenlet.value for greenlet in asking] == [7, 7]
