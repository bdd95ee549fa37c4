"""Fixtures for all tests: an application on a fresh database, and accounts with signed-in browsers."""

from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402  the patch must come first

# Imported modules and collected tests stay in memory: garbage collection during the imports would find nothing.
gc.disable()

import os  # noqa: E402
import shutil  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import pytest  # noqa: E402
from flask import Flask  # noqa: E402
from flask_migrate import upgrade  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from sqlalchemy import Dialect  # noqa: E402

from tests.engine.bench import bench  # noqa: E402
from tests.support import locks, postgres  # noqa: E402
from tests.support.browser import Browser  # noqa: E402
from tests.support.cases import pytest_collection_modifyitems  # noqa: E402
from tests.support.documented import DocumentedClient  # noqa: E402
from tests.support.people import AGENT, user_with_session  # noqa: E402
from tests.support.preparing import made_once  # noqa: E402
from tests.support.rounds import ROUNDS  # noqa: E402
from tests.support.routes import SharingFlask  # noqa: E402
from tests.support.skips import pytest_sessionfinish, pytest_terminal_summary  # noqa: E402
from tests.support.templates import CompiledTemplates, ReadOnce  # noqa: E402
from tests.upstream.fixtures import fake, fake_process, new_stop, outgoing, stop, upstream_process  # noqa: E402
from webapp.app import create_app  # noqa: E402
from webapp.base import languages  # noqa: E402
from webapp.base.config import ROOT, load  # noqa: E402
from webapp.base.db import db  # noqa: E402
from webapp.engine.chores import TICKERS  # noqa: E402
from webapp.engine.engine import ENGINE  # noqa: E402
from webapp.models.connections.providers import PROVIDERS, Providers  # noqa: E402
from webapp.models.providers.demo import DemoProvider  # noqa: E402
from webapp.models.upstream import Upstream  # noqa: E402
from webapp.people.accounts import service as accounts  # noqa: E402

__all__ = [
    "bench",
    "fake",
    "fake_process",
    "new_stop",
    "outgoing",
    "pytest_collection_modifyitems",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "stop",
    "upstream_process",
]

MakeApp = Callable[..., Flask]
KEYS = {
    "SECRET_KEY": "a-secret-for-the-tests-alone",
    "ENCRYPTION_KEY": "t" * 43 + "=",
    "READ_MODEL_LISTS": "0",
    "LOCAL_ENGINES": "off",
}
MIGRATED = "migrated"

# What someone has in .env, such as a real key, is not for the tests.
os.environ["ENV_FILE"] = os.devnull

# No deadline, as a slow machine is no failure. Every run tries the same examples; only deep runs generate new ones.
settings.register_profile("even", deadline=None, derandomize=ROUNDS == 1, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("even")


locks.refuse_in_threads()
TEMPLATES = CompiledTemplates()
# Shared caches: compiled statements, and an initialized dialect per database.
STATEMENTS: dict[Any, Any] = {}
DIALECTS: dict[str, Dialect] = {}


def pytest_collection_finish() -> None:
    """Freezes imported modules and collected tests, so that garbage collections between tests skip them."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(autouse=True)
def english() -> None:
    """Begins each test in English, whatever language the last request of the one before was in."""
    languages.use(languages.ENGLISH)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the newest schema, from which tests copy."""
    migrated = made_once("sqlite", lambda folder: migrate(app_in(folder))) / "millrace.sqlite3"
    file = Path(shutil.copy(migrated, tmp_path_factory.mktemp("migrated")))
    know_dialect(app_in(file.parent))
    return file


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.running_server(made_once("postgres", keep_migrated) / "data") as server:
        yield server


def keep_migrated(folder: Path) -> None:
    """Keeps the data of a PostgreSQL server whose database `MIGRATED` has the newest schema."""
    with postgres.running_server() as server:
        server.name_database(MIGRATED)
        migrate(app_in(folder, DATABASE_URL=server.url(MIGRATED)))
        server.keep(folder / "data")


@pytest.fixture(scope="session")
def migrated_database(postgres_server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PostgreSQL database with the newest schema, from which tests copy."""
    know_dialect(app_in(tmp_path_factory.mktemp("migrated"), DATABASE_URL=postgres_server.url(MIGRATED)))
    return MIGRATED


@pytest.fixture
def backend() -> str:
    """The database that `app` uses; a test for both is marked `@on_both_databases`."""
    return "sqlite"


@pytest.fixture
def empty_database(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Environment variables for a database without tables."""
    if backend == "sqlite":
        yield {}
        return
    server = request.getfixturevalue("postgres_server")
    name = server.new_database()
    yield {"DATABASE_URL": server.url(name)}
    server.drop(name)


@pytest.fixture
def migrated(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Environment variables for a fresh database with the newest schema."""
    if backend == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "millrace.sqlite3")
        yield {}
        return
    server = request.getfixturevalue("postgres_server")
    name = server.new_database(like=request.getfixturevalue("migrated_database"))
    yield {"DATABASE_URL": server.url(name)}
    server.drop(name)


@pytest.fixture
def make_bare_app(tmp_path: Path) -> Iterator[MakeApp]:
    """Creates applications with these environment variables, on whatever database they name."""
    made: list[Flask] = []

    def make(**environ: str) -> Flask:
        app = create_app(load({**KEYS, "DATA_DIR": str(tmp_path), **environ}), flask=SharingFlask)
        # A fast demo model: its usual pace is for human readers.
        PROVIDERS.set(Providers(DemoProvider(pace=0.001), Upstream()), app)
        app.jinja_env.bytecode_cache, app.jinja_loader = TEMPLATES, ReadOnce(app.jinja_loader)
        app.test_client_class = DocumentedClient
        made.append(app)
        return app

    yield make
    for app in made:
        shut_down(app)


@pytest.fixture
def make_app(migrated: dict[str, str], make_bare_app: MakeApp) -> MakeApp:
    """Creates applications on a migrated database, with these changes to the usual environment variables."""

    def make(**environ: str) -> Flask:
        return with_known_statements(make_bare_app(**{**migrated, **environ}))

    return make


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def visitor(app: Flask) -> Browser:
    """A browser without an account."""
    return Browser(app)


@pytest.fixture
def client(visitor: Browser) -> Browser:
    return visitor


@pytest.fixture
def owner(app: Flask) -> Browser:
    return signed_in(app, "owner@example.org", "owner")


@pytest.fixture
def member(app: Flask) -> Browser:
    return signed_in(app, "member@example.org", "member")


@pytest.fixture
def stranger(app: Flask) -> Browser:
    """Another member, with no access to anything of the others."""
    return signed_in(app, "stranger@example.org", "member")


def signed_in(app: Flask, email: str, role: str) -> Browser:
    """Adds an account and returns a browser that is signed in to it."""
    with app.app_context():
        return _with_cookie(Browser(app, email=email), user_with_session(email, role))


def with_session(app: Flask, email: str) -> Browser:
    """Returns a browser that is signed in to an existing account."""
    browser = Browser(app, email=email)
    with app.app_context():
        return _with_cookie(browser, accounts.open_session(browser.person_id, AGENT))


def _with_cookie(browser: Browser, secret: str) -> Browser:
    browser.client.set_cookie("millrace", secret, httponly=True)
    return browser


def app_in(folder: Path, **environ: str) -> Flask:
    return create_app(load({**KEYS, "DATA_DIR": str(folder), **environ}))


def migrate(app: Flask) -> None:
    with app.app_context():
        upgrade(str(ROOT / "migrations"))
    shut_down(app)


def know_dialect(app: Flask) -> None:
    """Keeps the dialect of a database, which its first connection initializes."""
    with app.app_context():
        db.engine.connect().close()
        DIALECTS[db.engine.name] = db.engine.dialect
    shut_down(app)


def with_known_statements(app: Flask) -> Flask:
    """Shares compiled statements between tests, so that each is compiled once per database."""
    with app.app_context():
        db.engine.dialect = DIALECTS.get(db.engine.name, db.engine.dialect)
        db.engine.update_execution_options(compiled_cache=STATEMENTS)
    return app


def shut_down(app: Flask) -> None:
    # Twice: answers that the first call ends would request their cost a second later. The second waits for requests in
    # progress, as the next test counts requests.
    for seconds in (0.2, 30):
        ENGINE.of(app).finish(seconds=seconds)
    if reading := TICKERS.of(app).get("importing"):
        # An import occupies one of the two slots for child processes, which all applications in this process share.
        ENGINE.of(app).wait(lambda: not reading.is_running, seconds=60)
    if embedding := TICKERS.of(app).get("embedding"):
        # The embedder can still be using the database, whose folder is about to be removed.
        ENGINE.of(app).wait(lambda: not embedding.is_running, seconds=60)
    # Otherwise the garbage collector would report pooled connections as unclosed before gevent has closed them.
    PROVIDERS.of(app).upstream.close()
    with app.app_context():
        # A connection in use would return to a discarded pool, where the garbage collector would report it as open.
        with gevent.Timeout(60, AssertionError("somebody keeps a connection to the database")):
            while db.engine.pool.checkedout():
                gevent.sleep(0.005)
        db.engine.dispose()
    # The views and the application refer to each other: breaking the cycle frees them without the garbage collector.
    app.view_functions.clear()
