"""The source and the target of a copy, opened separately from the application's database: a snapshot, and one to be filled."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from webapp.base.db import prepare_sqlite
from webapp.base.errors import Unavailable


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


@contextmanager
def at_one_moment(url: str) -> Iterator[Connection]:
    """Yields a read-only connection to a snapshot of a database, unaffected by concurrent writes."""
    engine = _read_only_file(url) if url.startswith("sqlite") else _engine(url, isolation_level="REPEATABLE READ")
    with _connected(engine) as connection:
        yield connection if is_sqlite(connection) else connection.execution_options(postgresql_readonly=True)


@contextmanager
def to_be_filled(url: str) -> Iterator[Engine]:
    """Yields the engine of the target database; an SQLite file already exists, and is empty."""
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        prepare_sqlite(engine)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise Unavailable(f"The database can't be opened: {str(error.orig).splitlines()[0]}") from error
    try:
        with connection:
            yield connection
    finally:
        engine.dispose()


def _read_only_file(url: str) -> Engine:
    file = quote(str(Path(make_url(url).database or "").absolute()))
    engine = _engine(f"sqlite:///file:{file}?mode=ro&uri=true")

    @event.listens_for(engine, "connect")
    def begin_ourselves(connection: Any, _record: Any) -> None:
        # The driver would begin no transaction for reads, so each query would see a different state.
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _engine(url: str, **options: Any) -> Engine:
    """Creates an engine that copies JSON as text, without parsing it."""
    return create_engine(url, poolclass=NullPool, json_serializer=str, json_deserializer=_text_of, **options)


def _text_of(raw: Any) -> str:
    """Returns JSON as text; SQLite stores a JSON number as a number, so its notation is normalised."""
    text = raw.decode() if isinstance(raw, bytes) else str(raw)
    if text[:1] not in "-0123456789":
        return text
    number = json.loads(text)
    return json.dumps(int(number) if number == int(number) else number)
