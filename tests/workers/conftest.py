"""Fixtures: several workers as an operator runs them, on one PostgreSQL and one Redis."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import postgres, redis_server as redis
from tests.support.person import Person
from tests.support.ports import free_port
from tests.support.preparing import environ_of
from tests.support.server import ROOT, Server, prepared
from tests.upstream.handle import Upstream

KEYS = {"SECRET_KEY": "a-secret-for-the-tests-alone", "ENCRYPTION_KEY": "t" * 43 + "="}


class Deployment:
    """A server with two workers, and one with a single worker on another host (`there`), with the owner signed in at each."""

    def __init__(self, one: Server, other: Server, redis_server: redis.Server, environ: dict[str, str]) -> None:
        self.one, self.other, self.redis, self._environ = one, other, redis_server, environ
        for server in (one, other):
            server.start()
        self.here = Person(one.url).become_owner(one.owner_link)
        self.there = Person(other.url).sign_in("owner@example.org")
        one.lift_limits()
        one.set(**{"models.titles": "off"})

    def generations(self, path: str) -> list[tuple[str, str]]:
        """Returns the status and reason of each generation of a chat, oldest first."""
        lane = f"chat:{path.rpartition('/')[2]}"
        return self.one.rows("SELECT status, reason FROM generations WHERE lane = ? ORDER BY id", lane)

    def last_words(self, folder: Path, **environ: str) -> str:
        """Starts another server with this configuration, which must exit with an error; returns its error output."""
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
        its = environ_of(folder, free_port()) | self._environ | environ
        ended = subprocess.run(command, cwd=ROOT, env=its, capture_output=True, text=True, timeout=180, check=False)
        assert ended.returncode != 0
        return ended.stderr


# Starting the servers is far slower than the tests, so they share them: each test leaves them as it found them.
@pytest.fixture(scope="package")
def shared_deployment(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: postgres.Server,
    migrated_database: str,
    upstream_process: Upstream,
) -> Iterator[Deployment]:
    name, folder = postgres_server.new_database(like=migrated_database), tmp_path_factory.mktemp("deployment")
    with redis.running_server(free_port()) as redis_server, ExitStack() as stack:
        urls = {"DATABASE_URL": postgres_server.url(name), "REDIS_URL": redis_server.url}
        environ = {**KEYS, **upstream_process.environ, **urls, "FILES_DIR": str(folder / "files")}
        one = stack.enter_context(prepared(folder / "one", **environ, WEB_CONCURRENCY="2"))
        other = stack.enter_context(prepared(folder / "other", beside=one, **environ))
        yield Deployment(one, other, redis_server, environ)
    postgres_server.drop(name)


@pytest.fixture
def deployment(shared_deployment: Deployment, fake: Upstream) -> Deployment:
    return shared_deployment
