"""Several workers for a benchmark, on one or more simulated hosts (data folders) that share a PostgreSQL and a Redis."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench import postgres_server, redis_server
from bench.servers import CONFIG, LINK, START_SECONDS, UNLIMITED, Server, cpu_of, environ_of, flask, free_port, serving

KEYS = {"SECRET_KEY": "a-secret-for-the-bench-alone", "ENCRYPTION_KEY": "b" * 43 + "="}
SET = "INSERT INTO application_settings (key, value, changed_at) VALUES (%s, %s, CURRENT_TIMESTAMP)"
Cpu = tuple[float, float]


@dataclass(frozen=True)
class Team:
    """Hosts with several workers each, their URLs, the link that creates the owner, and what the hosts share."""

    hosts: Sequence[Server]
    urls: Sequence[str]
    link: str
    postgres: postgres_server.Server
    redis: redis_server.Server
    database: str
    folders: Sequence[Path]

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def cpu_beside(self) -> Cpu:
        """Returns the CPU seconds that Redis and PostgreSQL have used so far."""
        return cpu_of(self.redis.pids), cpu_of(self.postgres.pids)

    def until_complete(self, workers: int) -> None:
        """Waits until every host has all its workers again, and is at rest."""
        until = time.monotonic() + START_SECONDS
        for host in self.hosts:
            while len(host.worker_pids) < workers:
                if time.monotonic() > until:
                    raise RuntimeError("a worker was not replaced")
                time.sleep(0.05)
            host.cpu_at_rest()


@contextmanager
def team(folder: Path, answers: int, model_url: str, *, workers: int, hosts: int = 1, config: str = CONFIG) -> Iterator[Team]:
    """Starts this many workers on each host, with fresh databases; yields them when all are running."""
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server.running_server())
        redis = stack.enter_context(redis_server.running_server(free_port()))
        stores = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        shared = {**stores, "WEB_CONCURRENCY": str(workers), "FILES_DIR": str(folder / "files"), **KEYS}
        folders = [_new(folder, number) for number in range(hosts)]
        environs = [{**environ_of(str(each), answers, model_url), **shared} for each in folders]
        link = LINK.search(flask(environs[0], "prepare"))
        plain = postgres.url.replace("+psycopg", "")
        _set(plain, {**dict.fromkeys(UNLIMITED, "0"), "models.titles": "off"})
        servers = [stack.enter_context(serving(*each, config)) for each in zip(folders, environs, strict=True)]
        urls = [f"http://127.0.0.1:{each['PORT']}" for each in environs]
        made = Team(servers, urls, link[0] if link else "", postgres, redis, plain, folders)
        made.until_complete(workers)
        yield made


def _new(folder: Path, number: int) -> Path:
    host = folder / f"host-{number}"
    host.mkdir(exist_ok=True)
    return host


def _set(database: str, settings: dict[str, str]) -> None:
    with psycopg.connect(database) as connection:
        connection.cursor().executemany(SET.encode(), list(settings.items()))
