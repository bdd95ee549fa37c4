"""What is stored of the settings."""

from datetime import datetime

from sqlalchemy import select

from webapp.accounts.tables import User
from webapp.extensions import db
from webapp.settings.tables import ApplicationSetting

Change = tuple[datetime, str | None]


def stored_texts() -> dict[str, str]:
    """Stored values by name.

    They are read on a connection of their own, so that they can be asked for within any transaction without becoming
    part of it.
    """
    with db.engine.connect() as connection:
        rows = connection.execute(select(ApplicationSetting.key, ApplicationSetting.value))
        return {row.key: row.value for row in rows}


def changes() -> dict[str, Change]:
    """When each stored setting was changed, and the name of who did it."""
    wanted = select(ApplicationSetting.key, ApplicationSetting.changed_at, User.name)
    rows = db.session.execute(wanted.outerjoin(User, User.id == ApplicationSetting.changed_by))
    return {name: (changed_at, who) for name, changed_at, who in rows}
