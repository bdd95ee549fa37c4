"""GET /healthz and GET /readyz: whether the process is alive, and whether it can serve requests."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import MakeApp
from tests.engine.test_full_disk import fill, small_disk
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres, on_both_databases
from webapp.base.current import CONFIG
from webapp.base.database.revisions import newest_revision
from webapp.engine.engine import ENGINE
from webapp.operations.health.facts import FULL, NO_REDIS, READ_ONLY

__all__ = ["small_disk"]


@also_on_postgres
def test_it_is_alive_and_ready(visitor: Browser) -> None:
    assert visitor.get("/healthz").json == {"status": "ok"}

    ready = visitor.get("/readyz")
    assert (ready.status_code, ready.json) == (200, {"status": "ready"})


@on_both_databases
def test_it_is_not_ready_before_the_database_is_prepared(empty_database: dict[str, str], make_bare_app: MakeApp) -> None:
    browser = Browser(make_bare_app(**empty_database))

    assert browser.get("/healthz").status_code == 200
    ready = browser.get("/readyz")
    assert ready.status_code == 503
    assert "flask prepare" in ready.json["detail"]


def test_preparing_makes_it_ready(make_app: MakeApp) -> None:
    assert Browser(make_app()).get("/readyz").status_code == 200


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sqlite:///{folder}/no/such/folder/db.sqlite3", "The database file can't be opened."),
        ("postgresql://nobody@127.0.0.1:1/none", "The database is not responding."),
    ],
)
def test_it_says_so_when_the_database_does_not_answer(make_bare_app: MakeApp, tmp_path: Path, address: str, words: str) -> None:
    browser = Browser(make_bare_app(DATABASE_URL=address.format(folder=tmp_path)))

    assert browser.get("/healthz").status_code == 200
    ready = browser.get("/readyz")
    assert (ready.status_code, ready.json["detail"].startswith(words)) == (503, True)


@pytest.mark.slow
def test_it_is_not_ready_while_nothing_can_be_saved(make_app: MakeApp, small_disk: Path) -> None:
    app = make_app()
    CONFIG.set(replace(CONFIG.of(app), data_dir=small_disk), app)
    assert Browser(app).get("/readyz").status_code == 200

    fill(small_disk)

    ready = Browser(app).get("/readyz")
    assert (ready.status_code, ready.json) == (503, {"status": "not ready", "detail": READ_ONLY if os.geteuid() else FULL})


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_it_is_degraded_without_redis_and_among_servers_that_are_set_up_otherwise(make_app: MakeApp) -> None:
    app = make_app(REDIS_URL="redis://127.0.0.1:1/0")
    ready = Browser(app).get("/readyz")
    assert (ready.status_code, ready.json) == (200, {"status": "degraded", "detail": NO_REDIS})

    ENGINE.of(app).shared.agreement.differs = "FILES_DIR"
    assert "another FILES_DIR" in Browser(app).get("/readyz").json["detail"]


def test_there_is_one_newest_revision() -> None:
    assert newest_revision()
