"""Statements that are built once and run many times, below the ORM.

SQLAlchemy compiles each once for each dialect; after that the driver runs its SQL directly. Running it by SQLAlchemy takes longer
than the database does: a tenth of what a short answer takes (`flask bench against COMMIT brief`). SQLAlchemy's connections,
transactions, types, listeners and errors still apply.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.orm import Session

Values = Mapping[str, Any]
Convert = Callable[[Any], Any]
# Key in `session.info` for the connection of a session, stored with the transaction it belongs to.
AT = "connection of"


@dataclass(slots=True)
class Compiled:
    """A statement as a dialect writes it: its SQL, the names of its parameters in order, and how values are converted.

    `literals` are the values in the statement, as the driver takes them. The conversions of results are by the place of their
    column; what the driver returns is known only with the first result.
    """

    sql: str
    order: Sequence[str] | None
    converted: tuple[tuple[str, Convert], ...]
    literals: Values
    columns: tuple[Any, ...]
    as_row: Callable[[Iterable[Any]], Any]
    conversions: list[tuple[int, Convert]] | None = None

    @classmethod
    def of(cls, statement: Any, dialect: Dialect) -> "Compiled":
        compiled = statement.compile(dialect=dialect)
        given = {name: bind for name, bind in compiled.binds.items() if bind.required}
        if any(bind.expanding for bind in given.values()):
            raise TypeError("a parameter is a list")
        # Lists that are in the statement itself become a parameter for each element.
        state = compiled.construct_expanded_state(dict.fromkeys(given))
        converts = {name: _of_type(bind.type, dialect).bind_processor(dialect) for name, bind in compiled.binds.items()}
        converts |= state.processors
        columns = list(statement.exported_columns)
        fields = [getattr(column, "name", None) or "" for column in columns]
        return cls(
            sql=state.statement,
            order=state.positiontup,
            converted=tuple((name, convert) for name in given if (convert := converts[name])),
            literals={
                name: convert(value) if (convert := converts.get(name)) else value
                for name, value in state.parameters.items()
                if name not in given
            },
            columns=tuple(_of_type(column.type, dialect) for column in columns),
            as_row=namedtuple("Row", fields, rename=True)._make,  # type: ignore  # of any width
        )

    def given(self, values: Values) -> Any:
        """Returns the values in the form that the driver expects."""
        values = {**self.literals, **values}
        for name, convert in self.converted:
            values[name] = convert(values[name])
        return values if self.order is None else [values[name] for name in self.order]

    def named(self, rows: Sequence[Any], description: Sequence[Any], dialect: Dialect) -> list[Any]:
        """Returns named tuples of what the driver has returned."""
        if self.conversions is None:
            known = [column.result_processor(dialect, about[1]) for column, about in zip(self.columns, description, strict=True)]
            self.conversions = [(place, convert) for place, convert in enumerate(known) if convert]
        return list(map(self.as_row, (self._converted(row, self.conversions) for row in rows) if self.conversions else rows))

    @staticmethod
    def _converted(row: Iterable[Any], conversions: list[tuple[int, Convert]]) -> list[Any]:
        values = list(row)
        for place, convert in conversions:
            values[place] = convert(values[place])
        return values


class Prepared:
    """A statement with named parameters; it runs in the transaction of a session, or of a connection.

    A parameter can't be a list, as its length would change the SQL.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._by_dialect = dict[str, Compiled]()

    def run(self, session: Session | Connection, *values: Values) -> None:
        """Runs the statement with these values, or once for each set of values."""
        self._run(_connection_of(session), values)

    def all(self, session: Session | Connection, values: Values) -> list[Any]:
        connection = _connection_of(session)
        compiled, cursor = self._run(connection, (values,))
        # SQLite does the work of a query while its rows are fetched, so errors can occur here.
        with _Translated(connection, compiled.sql, values, cursor):
            rows = cursor.fetchall()
        return compiled.named(rows, cursor.description, connection.dialect) if rows else []

    def first(self, session: Session | Connection, values: Values) -> Any | None:
        rows = self.all(session, values)
        return rows[0] if rows else None

    def scalar(self, session: Session | Connection, values: Values) -> Any | None:
        """Returns the first column of the first row."""
        rows = self.all(session, values)
        return rows[0][0] if rows else None

    def _run(self, connection: Connection, values: Sequence[Values]) -> tuple[Compiled, Any]:
        compiled = self._by_dialect.get(connection.dialect.name) or self._compile(connection.dialect)
        sql, is_many = compiled.sql, len(values) > 1
        with _Translated(connection, sql, values):
            cursor = connection.connection.cursor()
            parameters = [compiled.given(row) for row in values] if is_many else compiled.given(values[0])
        for listener in connection.dispatch.before_cursor_execute:
            sql, parameters = listener(connection, cursor, sql, parameters, None, is_many)
        with _Translated(connection, sql, parameters, cursor):
            (cursor.executemany if is_many else cursor.execute)(sql, parameters)
        return compiled, cursor

    def _compile(self, dialect: Dialect) -> Compiled:
        return self._by_dialect.setdefault(dialect.name, Compiled.of(self._statement, dialect))


@dataclass(slots=True)
class _Translated:
    """Has SQLAlchemy handle the errors of the driver inside the block, as if it had run the statement itself.

    It raises its own in their place, and knows which of them mean that the connection is lost: being killed while waiting, too.
    """

    connection: Connection
    sql: str
    parameters: Any
    cursor: Any = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error:
            # A private part: see tests/test_private_parts.py.
            self.connection._handle_dbapi_exception(error, self.sql, self.parameters, self.cursor, None)


def _connection_of(session: Session | Connection) -> Connection:
    """Returns the connection of the transaction, which is begun if there is none.

    That of a session is kept, because getting it again takes longer than a small statement.
    """
    if isinstance(session, Connection):
        if not session.in_transaction():
            session.begin()
        return session
    known: tuple[Connection, object] | None = session.info.get(AT)
    if known is None or known[1] is not session.get_transaction():
        known = session.info[AT] = session.connection(), session.get_transaction()
    return known[0]


def _of_type(type: Any, dialect: Dialect) -> Any:
    return type.dialect_impl(dialect)
