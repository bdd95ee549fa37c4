"""Several workers as an operator runs them: servers side by side on one PostgreSQL and one Redis."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support import postgres
from tests.support.person import Person
from tests.support.ports import free_port
from tests.support.server import Server, prepared
from tests.upstream.handle import Upstream
from webapp.bench import redis_server as redis

KEYS = {"SECRET_KEY": "a-secret-for-the-tests-alone", "ENCRYPTION_KEY": "t" * 43 + "="}


class House:
    """A server of two workers, and on another host one of a single worker, which is `there`; and the owner at each of them."""

    def __init__(self, one: Server, other: Server, redis_server: redis.Server) -> None:
        self.one, self.other, self.redis = one, other, redis_server
        for server in (one, other):
            server.start()
        self.here = Person(one.url).become_owner(one.owner_link)
        self.there = Person(other.url).sign_in("owner@example.org")
        one.lift_limits()
        one.set(**{"models.titles": "off"})

    def generations(self, path: str) -> list[tuple[str, str]]:
        """How those of a chat stand, and who runs them or has ended them."""
        lane = f"chat:{path.rpartition('/')[2]}"
        return self.one.rows("SELECT status, reason FROM generations WHERE lane = ? ORDER BY id", lane)


# To start the servers costs far more than what is done with them: each test leaves them as it has found them.
@pytest.fixture(scope="module")
def shared_house(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: postgres.Server,
    migrated_database: str,
    fake_process: Upstream,
) -> Iterator[House]:
    name, folder = postgres_server.new_database(like=migrated_database), tmp_path_factory.mktemp("house")
    with redis.running_server(free_port()) as redis_server, ExitStack() as stack:
        urls = {"DATABASE_URL": postgres_server.url(name), "REDIS_URL": redis_server.url}
        environ = {**KEYS, **fake_process.environ, **urls}
        one = stack.enter_context(prepared(folder / "one", **environ, WEB_CONCURRENCY="2"))
        other = stack.enter_context(prepared(folder / "other", beside=one, **environ))
        yield House(one, other, redis_server)
    postgres_server.drop(name)


@pytest.fixture
def house(shared_house: House, fake: Upstream) -> House:
    return shared_house
