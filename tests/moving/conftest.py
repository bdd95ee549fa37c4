"""Fixtures: applications on databases of either kind, and the command that copies one into the other."""

from collections.abc import Callable, Iterator

import pytest

from tests.cli.test_cli import commands, said
from tests.conftest import MakeApp
from tests.support import postgres

NewDatabase = Callable[..., str]


@pytest.fixture
def new_database(postgres_server: postgres.Server) -> Iterator[NewDatabase]:
    """Creates PostgreSQL databases, empty or from a template, and returns their URLs."""
    made: list[str] = []

    def make(**like: str) -> str:
        made.append(postgres_server.new_database(**like))
        return postgres_server.url(made[-1])

    yield make
    for name in made:
        postgres_server.drop(name)


@pytest.fixture
def flask_on(make_bare_app: MakeApp) -> Callable[..., str]:
    """Runs a command on the database at a URL and returns its output."""

    def run(address: str, *words: str) -> str:
        return said(commands(make_bare_app(DATABASE_URL=address))(*words))

    return run
