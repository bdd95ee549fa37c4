"""Reads the stored settings.

Settings are needed at any time, so they are read on a separate connection: that is possible within any transaction, without
becoming part of it.
"""

from datetime import datetime

from sqlalchemy import column, select, table

from webapp.base.database.statements import Prepared
from webapp.base.db import db
from webapp.settings.tables import ApplicationSetting

Change = tuple[datetime, str | None]
# Their names alone: accounts come after settings, which they need.
PEOPLE = table("users", column("id"), column("name"))
# Prepared, as they are read every second.
STORED = Prepared(select(ApplicationSetting.key, ApplicationSetting.value).where(ApplicationSetting.ciphertext == ""))


def stored_texts() -> dict[str, str]:
    """Returns the stored values by name, except encrypted ones."""
    with db.engine.connect() as connection:
        return dict(STORED.all(connection, {}))


def changes() -> dict[str, Change]:
    """Returns when each stored setting was changed, and the name of who did it."""
    wanted = select(ApplicationSetting.key, ApplicationSetting.changed_at, PEOPLE.c.name)
    rows = db.session.execute(wanted.outerjoin(PEOPLE, PEOPLE.c.id == ApplicationSetting.changed_by))
    return {name: (changed_at, who) for name, changed_at, who in rows}
