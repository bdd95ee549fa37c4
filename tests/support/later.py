"""Lets days pass: every time in the database moves back, so that all code, with the real clock, meets a later one."""

from sqlalchemy import DateTime, text

from webapp.base.db import Base, UTCDateTime, db, is_sqlite, write

# Sessions last: each person signs in once.
TIMES = {
    table.name: columns
    for table in Base.metadata.tables.values()
    if table.name != "user_sessions"
    and (columns := [column.name for column in table.columns if isinstance(column.type, UTCDateTime | DateTime)])
}


def let_pass(*, days: float) -> None:
    """Moves every time in the database so many days back; negative days move it ahead."""
    back = "strftime('%Y-%m-%d %H:%M:%f', {0}, '{1:+f} days') || '000'" if is_sqlite() else "{0} + interval '{1:f} days'"
    with write() as session:
        # One question for all tables: most are empty.
        filled = session.execute(text(f"SELECT {', '.join(f'EXISTS (SELECT 1 FROM {table})' for table in TIMES)}")).one()
        for (table, columns), is_filled in zip(TIMES.items(), filled, strict=True):
            if is_filled:
                changes = ", ".join(f"{column} = {back.format(column, -days)}" for column in columns)
                session.execute(text(f"UPDATE {table} SET {changes}"))
    db.session.remove()
