"""Reads and changes settings: a stored value overrides the environment, which overrides the default."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Literal

from sqlalchemy import column, select, table
from sqlalchemy.orm import Session

from webapp.base import audit, languages
from webapp.base.current import PerApp, the_config
from webapp.base.database.recent import Recent
from webapp.base.database.statements import Prepared
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Invalid, NotFound
from webapp.base.languages import gettext as _
from webapp.settings.catalog import LANGUAGE, SETTINGS
from webapp.settings.kinds import Setting, Value, as_text, shortest
from webapp.settings.losses import losses, refuse_unconfirmed
from webapp.settings.tables import ApplicationSetting

Source = Literal["stored", "environment", "default"]
log = logging.getLogger("settings")
Change = tuple[datetime, str | None]
# The numbers of what a person has confirmed to be deleted, by setting.
Confirmed = Mapping[str, int | None]
NOTHING: Confirmed = {}
# Their names alone: accounts come after settings, which they need.
PEOPLE = table("users", column("id"), column("name"))
# Built once, as they are read every second.
STORED = Prepared(select(ApplicationSetting.key, ApplicationSetting.value).where(ApplicationSetting.ciphertext == ""))


@dataclass(frozen=True)
class ShownSetting:
    """A setting with the value in effect and its source."""

    setting: Setting
    value: Value
    source: Source
    changed_at: datetime | None = None
    changed_by: str | None = None

    @property
    def text(self) -> str:
        return as_text(self.value)


# The features' checks of values, by the name of the setting.
CHECKS = PerApp[Mapping[str, Callable[[Value], None]]]()


def setting(name: str) -> Any:
    """Returns the value in effect; while the database is unreadable, the last known one."""
    return _in_effect(_known(name))[0]


def set_setting(name: str, text: str, *, author: audit.AuditAuthor = audit.COMMAND_LINE, confirmed: int | None = None) -> Value:
    """Parses and stores a value; every process applies it within a second."""
    set_settings({name: text}, author=author, confirmed={name: confirmed})
    return parsed_value(name, text)


def set_settings(texts: Mapping[str, str], *, author: audit.AuditAuthor, confirmed: Confirmed = NOTHING) -> None:
    """Stores several values, all of them or none; raises `Unconfirmed` if one deletes more than was confirmed for it."""
    values = {name: parsed_value(name, text) for name, text in texts.items()}
    refuse_unconfirmed(losses(values), confirmed)
    with write() as session:
        for name, value in values.items():
            row = ApplicationSetting(key=name, value=as_text(value), changed_at=utc_now())
            row.changed_by = author.id
            session.merge(row)
            _note(session, "changed a setting", name, author, detail=row.value)
        STORED_VALUES.read_again_after(session)


def parsed_value(name: str, text: str) -> Value:
    """Parses and checks a text for a setting; raises `Invalid`."""
    try:
        value = _known(name).parse(text)
    except ValueError as error:
        raise Invalid(str(error), field="value") from error
    if check := CHECKS.get().get(name):
        check(value)
    return value


def unset_setting(name: str, *, author: audit.AuditAuthor, confirmed: int | None = None) -> None:
    """Deletes the stored value, so that the environment or the default applies; can raise `Unconfirmed`."""
    refuse_unconfirmed(losses({name: _unstored(_known(name))[0]}), {name: confirmed})
    with write() as session:
        if row := session.get(ApplicationSetting, name):
            session.delete(row)
            _note(session, "reset a setting", name, author)
        STORED_VALUES.read_again_after(session)


def shown_setting(name: str) -> ShownSetting:
    """Returns one setting with the value in effect and its source."""
    return ShownSetting(_known(name), *_in_effect(_known(name)))


def all_settings() -> list[ShownSetting]:
    """Returns every setting in the order of the catalogue."""
    changes = stored_changes()
    return [ShownSetting(row, *_in_effect(row), *changes.get(row.name, (None, None))) for row in SETTINGS.values()]


def value_words(setting: Setting, value: str) -> str:
    """Returns a stored value as its field shows it."""
    return dict(choices_of(setting)).get(value, value)


def choices_of(setting: Setting) -> tuple[tuple[str, str], ...]:
    """Returns what can be chosen, with its labels in the language of the page; nothing for a text."""
    if setting.name == LANGUAGE:
        return tuple(languages.offered().items())
    if setting.kind == "switch":
        return (("true", _("Yes")), ("false", _("No")))
    return tuple((choice, _(label)) for choice, label in setting.labels.items())


def unstored_value(setting: Setting) -> ShownSetting:
    """Returns the setting with the value that applies if none is stored: the operator's or the default."""
    return ShownSetting(setting, *_unstored(setting))


def _known(name: str) -> Setting:
    if name not in SETTINGS:
        near = get_close_matches(name, SETTINGS, 1)
        raise NotFound(f"There is no setting named {name}." + (f" Did you mean {near[0]}?" if near else ""))
    return SETTINGS[name]


def _note(session: Session, action: str, name: str, author: audit.AuditAuthor, *, detail: str = "") -> None:
    audit.add(session, action, author=author, object_kind="setting", object_id=name, detail=detail)


def _in_effect(setting: Setting) -> tuple[Value, Source]:
    stored = STORED_VALUES.get()
    return (stored[setting.name], "stored") if setting.name in stored else _unstored(setting)


def _unstored(setting: Setting) -> tuple[Value, Source]:
    configured = getattr(the_config(), setting.config) if setting.config else None
    if configured in (None, ""):
        return setting.default, "default"
    return (configured if isinstance(configured, str) else shortest(configured / setting.per)), "environment"


def _read() -> dict[str, Value]:
    return {name: value for name, text in stored_texts().items() if (value := _valid(name, text)) is not None}


def _valid(name: str, text: str) -> Value | None:
    if name not in SETTINGS:
        return None
    try:
        return SETTINGS[name].parse(text)
    except ValueError as error:
        log.warning("stored_setting_not_used", extra={"fields": {"name": name, "reason": str(error)}})
        return None


def stored_texts() -> dict[str, str]:
    """Returns the stored values by name, except encrypted ones."""
    with db.engine.connect() as connection:
        return dict(STORED.all(connection, {}))


def stored_changes() -> dict[str, Change]:
    """Returns when each stored setting was changed, and the name of who did it."""
    query = select(ApplicationSetting.key, ApplicationSetting.changed_at, PEOPLE.c.name)
    rows = db.session.execute(query.outerjoin(PEOPLE, PEOPLE.c.id == ApplicationSetting.changed_by))
    return {name: (changed_at, who) for name, changed_at, who in rows}


STORED_VALUES = Recent[Mapping[str, Value]](_read, {}, unreadable="settings_not_readable")
