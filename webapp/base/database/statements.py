"""Statements that are built once and run many times, below the ORM."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable
from sqlalchemy.orm import Session

Values = Mapping[str, Any]


class Prepared:
    """A statement with named parameters; it runs in the transaction of a session, or of a connection without one.

    SQLAlchemy caches its SQL by the object: building and compiling it again takes longer than the database does.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement

    def run(self, session: Session | Connection, *values: Values) -> CursorResult[Any]:
        """Runs the statement with these values, or once for each set of values."""
        # Not by the session, whose part would take as long as a small statement.
        connection = session if isinstance(session, Connection) else session.connection()
        return connection.execute(self._statement, values[0] if len(values) == 1 else values)

    def all(self, session: Session | Connection, values: Values) -> Sequence[Any]:
        return self.run(session, values).all()

    def first(self, session: Session | Connection, values: Values) -> Any | None:
        return self.run(session, values).first()

    def scalar(self, session: Session | Connection, values: Values) -> Any | None:
        """Returns the first column of the first row."""
        return self.run(session, values).scalar()
