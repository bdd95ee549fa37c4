"""The two databases of a copy, opened beside the application's own: one as it is at one moment, one to be filled."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from webapp.db import prepare_sqlite
from webapp.errors import Unavailable


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


@contextmanager
def at_one_moment(url: str) -> Iterator[Connection]:
    """A connection that sees one moment of a database, whatever others write meanwhile, and changes nothing."""
    engine = _read_only_file(url) if url.startswith("sqlite") else _engine(url, isolation_level="REPEATABLE READ")
    with _connected(engine) as connection:
        yield connection if is_sqlite(connection) else connection.execution_options(postgresql_readonly=True)


@contextmanager
def to_be_filled(url: str) -> Iterator[Engine]:
    """The engine of the database that is written; an SQLite file is there already, and empty."""
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
        # The driver would begin no transaction for reads, and each would see a moment of its own.
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _engine(url: str, **options: Any) -> Engine:
    """JSON goes from one to the other as the text it is."""
    return create_engine(url, poolclass=NullPool, json_serializer=str, json_deserializer=_text_of, **options)


def _text_of(raw: Any) -> str:
    """SQLite keeps a number as one, however it was written."""
    text = raw.decode() if isinstance(raw, bytes) else str(raw)
    if text[:1] not in "-0123456789":
        return text
    number = json.loads(text)
    return json.dumps(int(number) if number == int(number) else number)
