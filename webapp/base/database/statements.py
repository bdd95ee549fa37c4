"""Prepared statements: SQLAlchemy compiles each once per dialect; after that the driver runs the SQL directly.

SQLAlchemy's overhead for a statement is three times the time of the database, and an answer takes fifteen statements.
SQLAlchemy's connections, transactions, types, listeners and errors still apply.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.orm import Session

Process = Callable[[Any], Any] | None
Values = Mapping[str, Any]
# Key in `session.info` for the connection of a session, stored with the transaction it belongs to.
AT = "connection of"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement compiled for a dialect: its SQL, its parameters, and the types of its result columns."""

    sql: str
    binds: tuple[tuple[str, Process], ...]
    # Values of the literals in the statement.
    constants: Values
    is_positional: bool
    types: tuple[Any, ...]
    row: Callable[[Iterable[Any]], Any]

    def parameters(self, values: Values) -> Any:
        """Returns the values in the form the driver expects."""
        if self.constants:
            values = {**self.constants, **values}
        if self.is_positional:
            return [process(values[name]) if process else values[name] for name, process in self.binds]
        return {name: process(values[name]) if process else values[name] for name, process in self.binds}


@dataclass(slots=True)
class _Failures:
    """Wraps calls to the driver: passes their exceptions to SQLAlchemy, as if it had run the statement itself.

    SQLAlchemy translates them to its own classes, and knows which of them mean that the connection is lost, such as being
    killed while waiting.
    """

    connection: Connection
    sql: str
    parameters: Any
    cursor: Any = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error:
            self.connection._handle_dbapi_exception(error, self.sql, self.parameters, self.cursor, None)


class Prepared:
    """A prepared statement with named parameters; it runs in the transaction of a session, or of a connection without one.

    List parameters are not supported, because their length would change the SQL. Rows are named tuples.
    """

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        # By dialect. The conversions of result columns are known only with the first result.
        self._written = dict[str, Compiled]()
        self._made = dict[str, list[tuple[int, Callable[[Any], Any]]]]()

    def run(self, session: Session | Connection, *values: Values) -> None:
        """Runs the statement with these values, or once for each set of values."""
        self._run(connection_of(session), values)

    def all(self, session: Session | Connection, values: Values) -> list[Any]:
        connection = connection_of(session)
        written, cursor = self._run(connection, (values,))
        # SQLite does the work of a query while its rows are fetched, so errors can occur here.
        with _Failures(connection, written.sql, values, cursor):
            found = cursor.fetchall()
        return [written.row(row) for row in self._read(connection.dialect, written, cursor.description, found)] if found else []

    def first(self, session: Session | Connection, values: Values) -> Any | None:
        found = self.all(session, values)
        return found[0] if found else None

    def scalar(self, session: Session | Connection, values: Values) -> Any | None:
        """Returns the first column of the first row."""
        found = self.all(session, values)
        return found[0][0] if found else None

    def _run(self, connection: Connection, values: Sequence[Values]) -> tuple[Compiled, Any]:
        written = self._written.get(connection.dialect.name) or self._write(connection.dialect)
        raw, sql, is_many = connection.connection, written.sql, len(values) > 1
        with _Failures(connection, sql, values):
            cursor = raw.cursor()
            parameters = [written.parameters(each) for each in values] if is_many else written.parameters(values[0])
        for listener in connection.dispatch.before_cursor_execute:
            sql, parameters = listener(connection, cursor, sql, parameters, None, is_many)
        with _Failures(connection, sql, parameters, cursor):
            (cursor.executemany if is_many else cursor.execute)(sql, parameters)
        return written, cursor

    def _read(self, dialect: Dialect, written: Compiled, description: Sequence[Any], found: Iterable[Any]) -> Iterable[Any]:
        made = self._made.get(dialect.name)
        if made is None:
            each = enumerate(zip(written.types, description, strict=True))
            processes = [(place, _result_process(type, about[1], dialect)) for place, (type, about) in each]
            made = self._made[dialect.name] = [(place, process) for place, process in processes if process]
        return (_processed(row, made) for row in found) if made else found

    def _write(self, dialect: Dialect) -> Compiled:
        compiled = self._statement.compile(dialect=dialect)
        order = compiled.positiontup if compiled.positional else list(compiled.binds)
        binds = tuple((name, _bind_process(compiled.binds[name].type, dialect)) for name in order)
        constants = {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required}
        columns = list(self._statement.exported_columns)
        names = [getattr(column, "name", None) or "" for column in columns]
        row = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # of any width
        types = tuple(column.type for column in columns)
        made = Compiled(str(compiled), binds, constants, compiled.positional, types, row._make)
        self._written[dialect.name] = made
        return made


def connection_of(session: Session | Connection) -> Connection:
    """Returns the connection of the transaction, which is begun if there is none.

    That of a session is cached, because getting it again takes longer than a small statement.
    """
    if isinstance(session, Connection):
        return session
    known: tuple[Connection, object] | None = session.info.get(AT)
    if known is None or known[1] is not session.get_transaction():
        known = session.info[AT] = session.connection(), session.get_transaction()
    return known[0]


def _processed(row: Iterable[Any], made: Iterable[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
    values = list(row)
    for place, process in made:
        values[place] = process(values[place])
    return values


def _bind_process(type: Any, dialect: Dialect) -> Process:
    process: Process = type.dialect_impl(dialect).bind_processor(dialect)
    return process


def _result_process(type: Any, code: Any, dialect: Dialect) -> Process:
    process: Process = type.dialect_impl(dialect).result_processor(dialect, code)
    return process
