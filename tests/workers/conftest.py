"""Several workers as an operator runs them: servers side by side on one PostgreSQL and one Redis."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import postgres, redis
from tests.support.person import Person
from tests.support.server import Server, prepared
from tests.upstream.handle import Upstream

KEYS = {"SECRET_KEY": "a-secret-for-the-tests-alone", "ENCRYPTION_KEY": "t" * 43 + "="}


class House:
    """Two servers of one worker each, `one` and `other`, and their owner at each of them."""

    def __init__(self, one: Server, other: Server, redis_server: redis.Server, fake: Upstream) -> None:
        self.one, self.other, self.redis, self.fake = one, other, redis_server, fake
        for server in (one, other):
            server.start()
        # Who prepares last makes the link that holds.
        self.here = Person(one.url).become_owner(other.owner_link)
        self.there = Person(other.url).sign_in("owner@example.org")
        one.set(**{"models.titles": "off"})


@pytest.fixture
def redis_server() -> Iterator[redis.Server]:
    with redis.running_server() as server:
        yield server


@pytest.fixture
def house(
    tmp_path: Path, postgres_server: postgres.Server, migrated_database: str, redis_server: redis.Server, fake: Upstream
) -> Iterator[Callable[..., House]]:
    """Makes the two; on `hosts=2` each has a folder of its own, and knows the other by the database alone."""
    name = postgres_server.new_database(like=migrated_database)
    with ExitStack() as stack:

        def make(*, hosts: int = 1, workers: int = 1) -> House:
            environ = {**KEYS, **fake.environ, "DATABASE_URL": postgres_server.url(name), "REDIS_URL": redis_server.url}
            one = stack.enter_context(prepared(tmp_path / "one", **environ, WEB_CONCURRENCY=str(workers)))
            data = {} if hosts == 2 else {"DATA_DIR": str(tmp_path / "one")}
            other = stack.enter_context(prepared(tmp_path / "other", **environ, **data))
            return House(one, other, redis_server, fake)

        yield make
    postgres_server.drop(name)
